"""A product goes back to a backup on a cluster, and comes to another major release, with processes for containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from telamon.desired.kubernetes.holding import is_held
from telamon.desired.kubernetes.written import DOWNTIME
from telamon.model.stack import Stack
from telamon.platforms.backup.catalogue import Catalogue
from telamon.platforms.backup.contents import FOLDER
from telamon.platforms.kubernetes.api import ENDPOINT_SLICE, Api
from telamon.platforms.kubernetes.store import OPERATION
from testbed.control_plane import ControlPlane
from testbed.machines import Machines
from tests.cluster.databases import asked, database_of_jira
from tests.cluster.operators import Installed, document_of, installed
from tests.cluster.routes import ROUTE, define, taking
from tests.cluster.support import until
from tests.cluster.test_products import TEXT
from tests.lab.backups import needs_restic
from tests.support.manifests import stack_of
from tests.understudy.support import PostgreSQL

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(2400), needs_restic]

NAME = "returned"
NAMESPACE = f"{NAME}-jira"
UP = 400.0
"""Seconds for whatever a loaded machine takes a while for."""
GATEWAY = "edge: {driver: gateway, tls: {kind: disabled}}"
NGINX = "edge: {driver: nginx, className: nginx, tls: {kind: disabled}}"
DIES = 'UNDERSTUDY_DEFECTS: "12.0.9:dies", '
ENDED = {"Succeeded", "Failed", "Cancelled"}


def stack(server: PostgreSQL, *, version: str = "11.3.1") -> Stack:
    """A small issue tracker behind a gateway, whose backups have a place; one release of it is no good."""
    text = f"{TEXT}  backup: {{destination: {{kind: claim, claim: backups}}}}\n"
    assert NGINX in text
    text = text.replace(NGINX, GATEWAY).replace("env: {", f"env: {{{DIES}").replace("NODES", "2")
    return stack_of(text.replace("NAME", NAME).replace("PORT", str(server.port)).replace("RELEASE", version))


@dataclass
class Tracker:
    """The issue tracker as its users and its administrators see it."""

    cluster: Installed
    server: PostgreSQL

    @property
    def volumes(self) -> Path:
        """Where volumes lie on this machine."""
        return self.cluster.plane.folder / "volumes"

    @property
    def home(self) -> Path:
        """Its shared home."""
        return self.volumes / f"{NAMESPACE}-jira-shared-home"

    @property
    def backups(self) -> Catalogue:
        """What there is to come back to."""
        return Catalogue(self.volumes / f"{NAMESPACE}-backups" / NAME)

    def write(self, version: str, *, downtime: str = "") -> None:
        """Ask for a release, as kubectl would."""
        document = document_of(stack(self.server, version=version))
        if downtime:
            document["metadata"]["annotations"] = {DOWNTIME: downtime}
        self.cluster.api.apply(document, over=None)

    def ask(self, name: str, verb: str, **params: str) -> None:
        """Ask for an operation."""
        self.cluster.operation(NAME, name, component="jira", verb=verb, params=params)

    def ended(self, name: str) -> Mapping[str, Any]:
        """The status of an operation, once it has ended."""

        def has_ended() -> Any:
            return self._status(name).get("phase") in ENDED

        try:
            until(has_ended, within=UP)
        except AssertionError as error:
            logs = "\n".join(each.log.read_text(encoding="utf-8")[-3000:] for each in self.cluster.processes)
            raise AssertionError(f"{error}: {self._status(name)}\n{logs}") from error
        return self._status(name)

    def _status(self, name: str) -> Mapping[str, Any]:
        found = self.cluster.api.get(OPERATION, name, namespace=NAMESPACE) or {}
        return dict(found.get("status", {}))

    def of_verb(self, verb: str, *, but: str = "") -> str:
        """Name of an operation that was begun by itself, once there is one."""

        def names() -> list[str]:
            found = self.cluster.api.list(OPERATION, namespace=NAMESPACE, labels={})
            named = [str(item["metadata"]["name"]) for item in found if item["spec"]["verb"] == verb]
            return [name for name in named if name != but]

        until(names, within=UP)
        return names()[0]

    def shows_page(self) -> bool:
        """Whether users see the maintenance page."""
        found = self.cluster.api.get(ROUTE, "jira", namespace=NAMESPACE)
        return found is not None and is_held(found)

    def serves(self, version: str) -> bool:
        """Whether both nodes serve, and are of a release."""
        members = self.cluster.stack(NAME).get("status", {}).get("members", [])
        told = {(each["name"], each["state"], each.get("version")) for each in members}
        labels = {"kubernetes.io/service-name": "jira"}
        slices = self.cluster.api.list(ENDPOINT_SLICE, namespace=NAMESPACE, labels=labels)
        sent = {str(each["targetRef"]["name"]) for item in slices for each in item.get("endpoints") or ()}
        both = {f"jira-{number}" for number in range(2)}
        return told == {(name, "Serving", version) for name in both} and sent == both

    def keepsakes(self) -> tuple[list[int], list[str]]:
        """Rows and files by which one state of the data is told from another."""
        rows = asked(self.server, "SELECT id FROM keepsake ORDER BY id")
        return [int(row[0]) for row in rows], sorted(
            path.name for path in (self.home / "data").glob("*.kept")
        )

    def keep(self, number: int) -> None:
        """Add a row, and the file that belongs to it."""
        (self.home / "data").mkdir(exist_ok=True)
        (self.home / "data" / f"{number}.kept").write_text("content", encoding="utf-8")
        asked(self.server, f"INSERT INTO keepsake VALUES ({number})")

    def leaves_nothing(self) -> bool:
        """Whether nothing of a restore is left beside what is in force."""
        spaces = asked(self.server, "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'telamon')")
        return spaces == [] and not (self.home / FOLDER).exists()


@pytest.fixture
def tracker(
    plane: ControlPlane, api: Api, machines: Machines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Tracker]:
    """One that serves, kept by an operator."""
    define(api, "default")
    with (
        database_of_jira(monkeypatch) as server,
        installed(plane, api, tmp_path) as cluster,
        taking(api, NAMESPACE),
    ):
        found = Tracker(cluster, server)
        cluster.prepare_for(stack(server))
        cluster.start()
        found.write("11.3.1")
        cluster.until_ready(NAME, within=UP)
        asked(server, "CREATE TABLE keepsake (id int PRIMARY KEY)")
        found.keep(1)
        yield found


def test_it_goes_back_to_a_backup_and_to_another_major_release(tracker: Tracker) -> None:
    _goes_back(tracker)
    _is_restored_where_the_release_is_no_good(tracker)
    tracker.write("12.0.1", downtime="jira=another")
    failed = tracker.of_verb("major-upgrade")
    upgrade = tracker.ended(tracker.of_verb("major-upgrade", but=failed))
    assert upgrade["phase"] == "Succeeded", upgrade
    until(lambda: tracker.serves("12.0.1"), within=UP)
    assert tracker.keepsakes() == ([1, 3], ["1.kept", "3.kept"])
    assert not tracker.shows_page()


def _goes_back(tracker: Tracker) -> None:
    """While operators come and go."""
    tracker.ask("save", "backup")
    assert tracker.ended("save")["phase"] == "Succeeded"
    (entry,) = tracker.backups.entries()
    tracker.keep(2)
    stale = tracker.volumes / f"{NAMESPACE}-local-home-jira-1" / "caches" / "indexesV1" / "stale"
    stale.write_text("of what is no longer there", encoding="utf-8")

    tracker.ask("mistyped", "restore", **{"from": f"{entry.name[:-1]}Y"})
    mistyped = tracker.ended("mistyped")
    assert mistyped["phase"] == "Failed"
    assert f"Did you mean {entry.name}?" in str(mistyped)
    assert tracker.keepsakes() == ([1, 2], ["1.kept", "2.kept"])

    tracker.ask("back", "restore", **{"from": entry.name})
    until(tracker.shows_page, within=UP)
    tracker.cluster.processes[-1].kill()
    tracker.cluster.start("operator-b")
    back = tracker.ended("back")
    assert back["phase"] == "Succeeded", back
    assert tracker.keepsakes() == ([1], ["1.kept"])
    until(lambda: tracker.serves("11.3.1"), within=UP)
    assert not tracker.shows_page()
    assert not stale.exists()
    assert tracker.leaves_nothing()
    safety = tracker.backups.entries()[-1]
    assert (safety.reason, safety.rows["public.keepsake"]) == ("safety", 2)


def _is_restored_where_the_release_is_no_good(tracker: Tracker) -> None:
    """By itself: users see the page from the first second to the last, and then what was there before."""
    tracker.keep(3)
    tracker.write("12.0.9", downtime="jira")
    name = tracker.of_verb("major-upgrade")
    until(tracker.shows_page, within=UP)
    upgrade = tracker.ended(name)
    assert upgrade["phase"] == "Failed", upgrade
    assert tracker.keepsakes() == ([1, 3], ["1.kept", "3.kept"])
    until(lambda: tracker.serves("11.3.1"), within=UP)
    assert not tracker.shows_page()
    assert tracker.leaves_nothing()
