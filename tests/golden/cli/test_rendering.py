"""What people see, at a fixed width and time."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from types import FunctionType

import pytest

from telamon.cli import render
from telamon.cli.client import Report
from telamon.cli.failures import as_text
from telamon.cli.main import program
from telamon.cli.progress import lines_of
from telamon.cli.terminal import Stream
from telamon.errors import Problem, StackFileError
from telamon.model.status import StackStatus
from tests.support import controller, golden
from tests.support.controller import component, member

HERE = Path(__file__).parent
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FILE = Stream(StringIO())
NARROW = Stream(StringIO(), 80)
COLOURED = Stream(StringIO(), 100, styled=True)
DOCUMENT = {
    "metadata": {"name": "acme", "generation": 3},
    "spec": {"environment": "staging", "platform": {"kind": "lab"}, "products": {"jira": {}}},
}


def troubled() -> StackStatus:
    """A stack with most things that can be the matter."""
    jira = component(
        "jira",
        ready=True,
        done=False,
        reason="Quarantined",
        message="jira-1 is quarantined; it is tried again in 60 s",
        remedy="`telamon logs jira-1` may tell why.",
    )
    wiki = component(
        "wiki",
        ready=False,
        done=False,
        reason="SetupRequired",
        message="it shows the page SetupMystery",
        url="http://127.77.0.4:8090/setup/mystery.action",
    )
    failed = "failed 4 times in a row, last: exit 1 [red]not markup[/red] \x1b[2J"
    members = (
        member("jira-0"),
        member("jira-1", state="Quarantined", serving=False, restarts=4, version=None, message=failed),
        member("wiki-0", version="10.2.7", state="SetupRequired", serving=False, since=NOW),
    )
    return controller.status((jira, wiki), members, generation=3, urls={"jira": "http://127.77.0.3:8080"})


STREAMS = pytest.mark.parametrize(
    ("name", "stream"),
    [("file", FILE), ("narrow", NARROW), ("coloured", COLOURED)],
    ids=lambda value: str(value)[:8],
)


@STREAMS
@pytest.mark.parametrize(
    "status", [controller.ready, controller.starting, troubled], ids=lambda made: made.__name__
)
def test_status(status: FunctionType, name: str, stream: Stream) -> None:
    text = render.status_text(Report(DOCUMENT, status()), now=NOW, stream=stream)
    golden.matches(HERE / f"status-{status.__name__}-{name}.txt", text)


@STREAMS
def test_plan(name: str, stream: Stream) -> None:
    steps = [
        {"component": "database", "step": "start database-0", "because": "it does not run"},
        {"component": "jira", "step": "make the database and role of jira", "because": "there is none"},
        {"component": "jira", "step": "start jira-0", "because": "it does not run"},
    ]
    waits = [
        {
            "component": "jira",
            "reason": "enough-serving",
            "message": "jira-1 may not stop: with it gone nobody would serve, and one member has to",
        }
    ]
    text = render.plan_text("acme", steps, waits=waits, stream=stream)
    golden.matches(HERE / f"plan-{name}.txt", text)


def test_an_empty_plan() -> None:
    golden.matches(HERE / "plan-empty.txt", render.plan_text("acme", [], waits=[], stream=FILE))


@STREAMS
def test_doctor(name: str, stream: Stream) -> None:
    machine = [
        {"name": "system", "healthy": True, "reason": "", "remedy": ""},
        {
            "name": "state folder",
            "healthy": False,
            "reason": "the folder has 12 MiB left, and the lab needs 512",
            "remedy": "Free some space, or choose another place with --state.",
        },
    ]
    products = [
        {"component": "jira", "member": "", "name": "Lucene", "healthy": True, "reason": "up to date"},
        {
            "component": "jira",
            "member": "jira-1",
            "name": "Lucene",
            "healthy": False,
            "reason": "it is behind",
        },
    ]
    golden.matches(HERE / f"doctor-{name}.txt", render.doctor_text(machine, products, stream=stream))


@STREAMS
@pytest.mark.parametrize("status", [controller.starting, troubled], ids=lambda made: made.__name__)
def test_board(status: FunctionType, name: str, stream: Stream) -> None:
    text = render.drawn(render.board(lines_of(status()), 12.3), stream)
    golden.matches(HERE / f"board-{status.__name__}-{name}.txt", text)


def test_secrets() -> None:
    secrets = [("acme-jira-admin", ("password", "username")), ("acme-jira-license", ("license",))]
    golden.matches(HERE / "secrets.txt", render.secrets_text(secrets, stream=FILE))


def test_problems() -> None:
    error = StackFileError(
        (
            Problem(
                "stack.yaml",
                3,
                1,
                "spec.nods",
                'there is no "nods" here',
                "Did you mean nodes?",
                "unknown-key",
            ),
            Problem("base.yaml", 9, 5, "", "a tab stands here", "Use spaces.", "tab"),
        )
    )
    golden.matches(HERE / "problems.txt", as_text(error, styled=False))
    golden.matches(HERE / "problems-coloured.txt", as_text(error, styled=True))


def test_overview(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    program().main(["--help"], prog_name="telamon", standalone_mode=False)
    golden.matches(HERE / "overview.txt", capsys.readouterr().out.rstrip("\n"))
