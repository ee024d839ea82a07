"""Programs that others wrote for the real products, run as their users run them: as processes, or as another git."""

from __future__ import annotations

import asyncio
import io
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from dulwich import porcelain

from telamon.platforms.lab import tls
from tests.understudy.gitserver import ADMIN as GIT_ADMIN
from tests.understudy.gitserver import Stack, fsck
from tests.understudy.support import NodeProcess, cleaned
from tests.understudy.wiki_support import ADMIN, create_space, make_cluster, set_up

pytestmark = pytest.mark.lab
REPOSITORY = "/rest/api/latest/projects/PROJ/repos/repo"
PUBLISHER = Path(sys.executable).with_name("md2conf")


@contextmanager
def secured(node: NodeProcess, folder: Path) -> Iterator[tuple[str, Path]]:
    """A TLS front before a node: gives address with port, and the authority to trust."""
    files = tls.ensure(folder, hosts=[], addresses=[node.address], now=datetime.now(UTC))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = Future()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.close()
            await writer.wait_closed()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward, back = await asyncio.open_connection(node.address, node.port)
        await asyncio.gather(pump(reader, back), pump(onward, writer))

    async def run() -> None:
        end = asyncio.Event()
        async with await asyncio.start_server(serve, node.address, 0, ssl=context) as server:
            ready.set_result((asyncio.get_running_loop(), end, server.sockets[0].getsockname()[1]))
            await end.wait()
            server.close()

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(asyncio.run, run())
        loop, end, port = ready.result(30)
        try:
            yield f"{node.address}:{port}", folder / "authority.pem"
        finally:
            loop.call_soon_threadsafe(end.set)
            ended.result(30)


def publish(domain: str, authority: Path, *, folder: Path) -> None:
    """Upload a folder of Markdown as `markdown-to-confluence` does for a Data Center, which must speak TLS."""
    trusted = {"SSL_CERT_FILE": str(authority), "REQUESTS_CA_BUNDLE": str(authority)}
    done = subprocess.run(
        [
            str(PUBLISHER),
            *(str(folder), "--domain", domain, "--path", "/wiki/", "--api-version", "v1", "--space", "DEV"),
            *("--username", ADMIN[0], "--keep-hierarchy"),
        ],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "CONFLUENCE_API_KEY": ADMIN[1], **trusted},
        timeout=90,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def pages(client: httpx.Client) -> dict[str, dict[str, Any]]:
    """The pages of the space, by title."""
    expanded: dict[str, str | int] = {
        "spaceKey": "DEV",
        "expand": "body.storage,version,ancestors",
        "limit": 50,
    }
    found = client.get("/rest/api/content", params=expanded).json()["results"]
    return {page["title"]: page for page in found}


def test_a_folder_of_markdown_is_published_and_published_again(
    tmp_path: Path, database: Mapping[str, str]
) -> None:
    cluster = make_cluster(database, tmp_path / "wiki", size=1, ATL_TOMCAT_CONTEXTPATH="/wiki")
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "index.md").write_text("# Handbook\n\nSee [the harbour](harbour.md).\n", encoding="utf-8")
    (folder / "harbour.md").write_text(
        "# Harbour\n\n| a | b |\n|---|---|\n| lantern | 1 |\n", encoding="utf-8"
    )
    with cleaned(cluster.nodes):
        (node,) = cluster.nodes
        set_up(node)
        with node.client(auth=ADMIN) as client, secured(node, tmp_path / "tls") as (domain, authority):
            create_space(client)
            publish(domain, authority, folder=folder)
            made = pages(client)
            assert {"Handbook", "Harbour"} <= set(made)
            assert made["Harbour"]["ancestors"][-1]["title"] == "Handbook"
            assert "lantern" in made["Harbour"]["body"]["storage"]["value"]
            first = made["Harbour"]["version"]["number"]
            text = (folder / "harbour.md").read_text(encoding="utf-8")
            assert made["Harbour"]["id"] in text
            (folder / "harbour.md").write_text(text.replace("lantern", "beacon"), encoding="utf-8")
            publish(domain, authority, folder=folder)
            again = pages(client)["Harbour"]
            assert again["version"]["number"] > first
            assert "beacon" in again["body"]["storage"]["value"]


def test_another_git_pushes_and_clones(tmp_path: Path, database: Mapping[str, str]) -> None:
    stack = Stack(tmp_path, database)
    try:
        node = stack.running()
        admin = node.client(auth=GIT_ADMIN)
        assert admin.post("/rest/api/latest/projects", json={"key": "PROJ", "name": "P"}).status_code == 201
        made = admin.post("/rest/api/latest/projects/PROJ/repos", json={"name": "repo", "scmId": "git"})
        assert made.status_code == 201
        url = f"{node.url}/scm/proj/repo.git"
        login: Any = {"username": GIT_ADMIN[0], "password": GIT_ADMIN[1]}
        head = b""
        with closing(porcelain.init(tmp_path / "here")) as here:
            for number in range(5):
                file = tmp_path / "here" / f"{number}.txt"
                file.write_text(f"{number}\n" * 500, encoding="utf-8")
                porcelain.add(here, [str(file)])
                head = porcelain.commit(here, message=f"Add {number}", author=b"A <a@example.com>")
            silence = io.BytesIO()
            porcelain.push(here, url, "HEAD:refs/heads/main", outstream=silence, errstream=silence, **login)
        shown = admin.get(f"{REPOSITORY}/commits?until=main").json()["values"]
        assert [commit["message"] for commit in shown] == [f"Add {number}" for number in (4, 3, 2, 1, 0)]
        with closing(porcelain.clone(url, tmp_path / "there", errstream=io.BytesIO(), **login)) as clone:
            assert clone.head() == head
        assert (tmp_path / "there" / "4.txt").read_text(encoding="utf-8") == "4\n" * 500
        assert fsck(stack.repository(int(made.json()["id"]))) == ""
    finally:
        stack.clean_up()
