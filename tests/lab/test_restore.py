"""A product of the lab goes back to a backup that was taken while its users wrote, and forgets nothing before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from telamon.model.operation import Operation
from telamon.model.stack import Stack
from telamon.operator.operations import Wish
from telamon.platforms.lab.backup.desk import BackupDesk
from tests.lab.backups import needs_restic
from tests.lab.support import until
from tests.lab.world import World, kept

pytestmark = [needs_restic, pytest.mark.timeout(600)]

API = "/rest/api/2"


class Tracker:
    """A user who opens issues with attachments through the front door.

    Args:
        world: the lab.
    """

    def __init__(self, world: World) -> None:
        host, port = world.front("jira")
        secrets = world.platform.secrets
        account = secrets.get("acme-jira-admin", "username"), secrets.get("acme-jira-admin", "password")
        self._client = httpx.Client(
            base_url=f"http://{host}:{port}",
            auth=account,
            headers={"X-Atlassian-Token": "no-check"},
            timeout=30,
            trust_env=False,
        )
        self._ask(
            "POST",
            "project",
            json={"key": "DEMO", "name": "Demo", "projectTypeKey": "software", "lead": account[0]},
        )

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def open(self, number: int) -> None:
        """Open an issue with a file."""
        fields = {"project": {"key": "DEMO"}, "summary": f"issue {number}", "issuetype": {"name": "Task"}}
        key = self._ask("POST", "issue", json={"fields": fields})["key"]
        self._ask("POST", f"issue/{key}/attachments", files={"file": ("note.txt", f"note {number}".encode())})

    def notes(self) -> set[str]:
        """What every attachment of every issue says."""
        found = self._ask(
            "GET", "search", params={"jql": "project=DEMO", "fields": "attachment", "maxResults": 100}
        )
        files = [file for issue in found["issues"] for file in issue["fields"]["attachment"]]
        return {self._client.get(file["content"]).text for file in files}

    def _ask(self, method: str, path: str, **parts: Any) -> Any:
        answer = self._client.request(method, f"{API}/{path}", **parts)
        assert answer.is_success, answer.text
        return answer.json()


@pytest.fixture
def world(root: Path) -> Iterator[World]:
    """A lab of one product."""
    stack = Stack.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": "acme"},
            "spec": {"domain": "acme.example", "products": {"jira": {"version": "11.3.1", "nodes": 2}}},
        }
    )
    with kept(root, stack) as made:
        yield made


def operate(world: World, verb: str, **params: str) -> Operation:
    """Ask for an operation and see it to its end."""
    name = world.host.operate(Wish(verb, "jira", "", params)).metadata.name

    def ended() -> Operation | None:
        found = world.host.operations.get(name)
        return None if found.status.finished is None else found

    found = until(ended, within=300)
    assert found is not None
    return found


def test_restored_product_holds_what_it_held_then_and_what_was_since_is_kept_as_well(world: World) -> None:
    with Tracker(world) as tracker:
        for number in range(5):
            tracker.open(number)
        assert operate(world, "backup").status.phase == "Succeeded"
        (first,) = BackupDesk(world.root).entries()
        for number in range(5, 8):
            tracker.open(number)
        assert operate(world, "restore", **{"from": first.name}).status.phase == "Succeeded"
        world.settle(within=120)
        assert tracker.notes() == {f"note {number}" for number in range(5)}
        safety = BackupDesk(world.root).entries()[-1]
        assert safety.reason == "safety"
        assert operate(world, "restore", **{"from": safety.name}).status.phase == "Succeeded"
        world.settle(within=120)
        assert tracker.notes() == {f"note {number}" for number in range(8)}
