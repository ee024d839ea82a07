"""What a shell offers while a command is typed."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from telamon.cli.main import COMPLETE, PROGRAM, program
from tests.support.controller import Refusal
from tests.support.desk import Desk


def offered(desk: Desk, *typed: str) -> list[str]:
    """The words offered for the last one typed."""
    session = desk.session(io.StringIO(), io.StringIO())
    shell = ShellComplete(program(), {"obj": session}, PROGRAM, COMPLETE)
    return [item.value for item in shell.get_completions(list(typed[:-1]), typed[-1])]


def test_verbs_are_offered(desk: Desk) -> None:
    assert offered(desk, "quar") == ["quarantine"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (("quarantine", "jira"), ["jira-0", "jira-1"]),
        (("logs", "-s", "acme", "d"), ["database-0"]),
        (("restart", ""), ["database", "jira"]),
        (("restart", "jira", "jira-1"), ["jira-1"]),
        (("upgrade", ""), ["jira"]),
        (("status", "a"), ["acme"]),
        (("quarantine", "--stack", "a"), ["acme"]),
    ],
)
def test_what_the_stack_has_is_offered(desk: Desk, typed: tuple[str, ...], expected: list[str]) -> None:
    desk.brought_up()
    assert offered(desk, *typed) == expected


def test_fields_are_offered_level_by_level(desk: Desk) -> None:
    assert offered(desk, "explain", "sp") == ["spec"]
    assert "spec.products.jira.nodes" in offered(desk, "explain", "spec.products.jira.n")
    assert offered(desk, "explain", "spec.nowhere.x") == []


def test_nothing_is_offered_and_nothing_said_where_nobody_can_tell(desk: Desk) -> None:
    assert offered(desk, "quarantine", "") == []
    desk.brought_up()
    desk.controller.refusals["/v1/stack"] = Refusal(
        500, {"error": "damaged", "remedy": None, "branch": "PlatformError", "exit": 7}
    )
    assert offered(desk, "quarantine", "") == []


MACHINES = {"a": "products", "b": "products", "c": "products-2", "alone": ""}
"""Machines of a cluster, each with its node group."""


@contextmanager
def api_server(*, answers: bool) -> Iterator[str]:
    """An API server that knows its machines' names, or takes every call and says nothing. Yields its URL."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not answers:
                over.wait()
                return
            assert self.path.startswith("/api/v1/nodes?")
            assert "PartialObjectMetadataList" in self.headers["Accept"], "nothing but names is asked for"
            found = [
                {
                    "metadata": {
                        "name": name,
                        "labels": {"eks.amazonaws.com/nodegroup": group} if group else {},
                    }
                }
                for name, group in MACHINES.items()
            ]
            body = json.dumps({"items": found, "metadata": {}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def reached(folder: Path, url: str) -> str:
    """A kubeconfig by which an API server is reached."""
    known = {
        "clusters": [{"name": "one", "cluster": {"server": url}}],
        "users": [{"name": "ada", "user": {}}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "ada"}}],
        "current-context": "one",
    }
    path = folder / "kubeconfig.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **known}), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (("drain", "a"), ["a", "alone"]),
        (("uncordon", ""), ["a", "b", "c", "alone"]),
        (("roll", "a", ""), ["b", "c", "alone"]),
        (("roll", "--group", ""), ["products", "products-2"]),
        (("roll", "--group", "products", "--into", "products-"), ["products-2"]),
    ],
)
def test_machines_and_groups_of_a_cluster_are_offered(
    desk: Desk, tmp_path: Path, typed: tuple[str, ...], expected: list[str]
) -> None:
    verb, *more = typed
    with api_server(answers=True) as url:
        assert offered(desk, "machines", verb, "--kubeconfig", reached(tmp_path, url), *more) == expected


def test_a_cluster_that_keeps_silent_is_not_waited_for(desk: Desk, tmp_path: Path) -> None:
    with api_server(answers=False) as url:
        assert offered(desk, "machines", "drain", "--kubeconfig", reached(tmp_path, url), "") == []


def test_without_a_cluster_no_machine_is_offered(desk: Desk, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("{}", encoding="utf-8")
    assert offered(desk, "machines", "drain", "--kubeconfig", str(broken), "") == []
