"""Data that is written to while it is backed up, in the order in which the products write: file, row; row, file."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from telamon.desired.lab.database_roles import MANAGER, OWN_ROLES, READER, ClusterRole
from telamon.platforms.backup import database as databases
from telamon.platforms.backup.catalogue import Catalogue
from telamon.platforms.backup.database import Server
from telamon.platforms.backup.restoring import Place
from telamon.platforms.backup.scratch import SETTINGS, scratch
from telamon.platforms.backup.taking import Shelf, Subject
from telamon.platforms.files import make_folder
from telamon.platforms.lab import bootstrap, machine
from telamon.products.registry import registry

needs_restic = pytest.mark.skipif(shutil.which("restic") is None, reason="restic is not installed")

TRACKER = """
CREATE TABLE project (id bigint PRIMARY KEY, originalkey text NOT NULL);
CREATE TABLE jiraissue (id bigint PRIMARY KEY, issuenum bigint NOT NULL, project bigint NOT NULL REFERENCES project);
CREATE TABLE fileattachment (id bigserial PRIMARY KEY, issueid bigint NOT NULL REFERENCES jiraissue, filesize bigint);
INSERT INTO project VALUES (1, 'DEMO');
INSERT INTO jiraissue SELECT n, n, 1 FROM generate_series(1, 20000) AS n;
"""
FORGE = """
CREATE TABLE repository (id bigint PRIMARY KEY);
CREATE TABLE sta_pull_request (id bigserial PRIMARY KEY, from_repository_id bigint NOT NULL, from_hash text NOT NULL);
"""


def quiet(text: str, *, done: int = 0, total: int = 0) -> None:
    """Progress that nobody follows."""


@dataclass
class Site:
    """One product's data: a database, a shared home, and a place for backups.

    Args:
        root: folder of everything.
        server: of the database, as its superuser; the engine works as other roles, which are made here.
        product: whose rules hold.
        schema: statements that make the tables.
    """

    root: Path
    server: Server
    product: str
    schema: str

    def __post_init__(self) -> None:
        self.tidying = threading.Lock()
        self.home = self.root / "shared" / self.product
        make_folder(self.home)
        with self.server.connect() as connection:
            passwords = {role.name: self.server.password for role in OWN_ROLES}
            bootstrap.make_roles(connection, passwords=passwords)
        self.shelf = Shelf(
            Catalogue(self.root / "backups"),
            "a password of the vault",
            self.root / "work",
            self.as_role(READER),
        )
        with self.manager.connect() as connection:
            connection.execute(f"CREATE ROLE {self.product} LOGIN")
            connection.execute(f"CREATE DATABASE {self.product} OWNER {self.product} TEMPLATE template0")
            connection.execute(f"REVOKE CONNECT, TEMPORARY ON DATABASE {self.product} FROM PUBLIC")
            connection.execute(f'GRANT CONNECT ON DATABASE {self.product} TO "{READER.name}"')
        with self.connect() as connection:
            connection.execute(f"SET ROLE {self.product}")
            connection.execute(self.schema.encode())

    def as_role(self, role: ClusterRole) -> Server:
        """The server as one of the engine's own roles."""
        return replace(self.server, user=role.name)

    @property
    def manager(self) -> Server:
        """The server as the role that makes databases."""
        return self.as_role(MANAGER)

    @property
    def subject(self) -> Subject:
        """What a backup of it is of."""
        rules = registry()[self.product].backup
        return Subject("acme", self.product, "1.0", self.home, self.product, rules)

    @property
    def place(self) -> Place:
        """Where a restore puts it."""
        return Place(self.home, self.product, self.product, (self.root / "homes" / "index",))

    def connect(self) -> psycopg.Connection:
        """Connect to its database."""
        return self.server.connect(self.product)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What a query gives."""
        with self.connect() as connection:
            return connection.execute(statement.encode()).fetchall()


@contextmanager
def site(root: Path, product: str, schema: str, *, settings: Sequence[str] = SETTINGS) -> Iterator[Site]:
    """A site with a database server of its own."""
    account = machine.database_account()
    programs = machine.database_programs(root, account)
    with scratch(root / "live", programs=str(programs), account=account, settings=settings) as server:
        yield Site(root, server, product, schema)


@dataclass
class Writers:
    """Threads that write until they are told to stop; a failure of one fails the test.

    Args:
        work: what each of them does again and again, with its own source of chance.
        count: how many.
    """

    work: Callable[[random.Random], None]
    count: int = 3
    failures: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> Writers:
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(self.count)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(30)
        assert not self.failures, self.failures

    def _run(self, number: int) -> None:
        chance = random.Random(number)
        try:
            while not self._ended.is_set():
                self.work(chance)
        except BaseException as error:  # noqa: BLE001 - handed to the test.
            self.failures.append(error)


def attachment(site: Site, number: int, issue: int) -> Path:
    """Where an attachment lies, worked out apart from the engine's own statement."""
    bucket = 10000 * -(-issue // 10000)
    return site.home / f"data/attachments/DEMO/{bucket}/DEMO-{issue}/{number}"


def attach(site: Site, chance: random.Random) -> None:
    """Add an attachment, or remove one: file before row, row before file."""
    with site.connect() as connection:
        found = connection.execute(
            "DELETE FROM fileattachment WHERE id = (SELECT max(id) FROM fileattachment) AND %s RETURNING id, issueid",
            (chance.random() < 0.5,),
        ).fetchone()
        if found is not None:
            attachment(site, found[0], found[1]).unlink()
            return
        row = connection.execute("SELECT nextval('fileattachment_id_seq')").fetchone()
        assert row is not None
        number, issue, content = (
            int(row[0]),
            chance.randrange(1, 20000, 97),
            chance.randbytes(chance.randint(1, 400)),
        )
        path = attachment(site, number, issue)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{number}.new")
        beside.write_bytes(content)
        beside.rename(path)
        connection.execute("INSERT INTO fileattachment VALUES (%s, %s, %s)", (number, issue, len(content)))


def git(folder: Path, *words: str, given: str = "") -> str:
    """Run git in a bare repository."""
    environment = {
        **{name: os.environ[name] for name in ("PATH",)},
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{
            f"GIT_{who}_{what}": "nobody@example.com"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", f"--git-dir={folder}", *words],
        input=given,
        capture_output=True,
        check=True,
        text=True,
        env=environment,
    )
    return done.stdout.strip()


def repository(site: Site, number: int) -> Path:
    """Make an empty repository, and then its row."""
    folder = site.home / "data" / "repositories" / str(number)
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--bare", str(folder))
    with site.connect() as connection:
        connection.execute("INSERT INTO repository VALUES (%s)", (number,))
    return folder


def push(site: Site, folder: Path, chance: random.Random) -> None:
    """Add a commit to a branch and open a pull request for it; sometimes tidy the repository as the product does."""
    branch = f"refs/heads/b{chance.randint(0, 5)}"
    blob = git(folder, "hash-object", "-w", "--stdin", given=str(chance.random()))
    tree = git(folder, "mktree", given=f"100644 blob {blob}\tfile\n")
    commit = git(folder, "commit-tree", tree, "-m", "change")
    # Git refuses the second of two that change refs at once; the product lets one wait for the other.
    with site.tidying:
        git(folder, "update-ref", branch, commit)
    with site.connect() as connection:
        row = connection.execute(
            "INSERT INTO sta_pull_request (from_repository_id, from_hash) VALUES (%s, %s) RETURNING id",
            (int(folder.name), commit),
        ).fetchone()
    assert row is not None
    # One at a time, as the product does it: two would remove one another's packs.
    with site.tidying:
        match chance.randint(0, 7):
            case 0:
                git(folder, "repack", "-a", "-d", "-q", "--keep-unreachable")
            case 1:
                git(folder, "pack-refs", "--all")
            case 2:
                git(folder, "update-ref", "-d", branch)
            case _:
                pass


def restored(site: Site, name: str, target: Path) -> Path:
    """Fetch a backup into a folder, apart from what the engine does with it."""
    site.shelf.vault.fetch(site.shelf.catalogue.get(name).snapshot, target)
    databases.load(site.manager, target / "database.dump", database="again", owner=site.product)
    return target / "files"
