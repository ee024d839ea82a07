"""Products on a real API server, with processes of the stand-ins in the place of containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from telamon.model.stack import Stack
from telamon.platforms.kubernetes.api import ENDPOINT_SLICE, Api, Kind
from telamon.platforms.kubernetes.pods import release
from telamon.platforms.kubernetes.store import OPERATION
from tests.cluster.operators import Installed, Process
from tests.cluster.support import until
from tests.support.manifests import stack_of
from tests.understudy.support import PostgreSQL

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(900)]

UP = 150.0
"""Seconds for whatever a loaded machine takes a while for."""
TEXT = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: NAME}
spec:
  environment: dev
  domain: acme.example
  products:
    jira:
      version: RELEASE
      nodes: NODES
      env: {UNDERSTUDY_START_SECONDS: "0", UNDERSTUDY_LINK_SECONDS: "0.5", UNDERSTUDY_STOP_SECONDS: "0.2"}
  platform: {kind: kubernetes}
  database: {kind: external, host: 127.0.0.1, port: PORT, tls: disable, admin: {secret: admin}}
  edge: {driver: nginx, className: nginx, tls: {kind: disabled}}
  storage: {shared: {kind: csi, storageClass: shared}}
"""


@pytest.fixture
def postgres(api: Api) -> Iterator[PostgreSQL]:
    """A PostgreSQL in the network of the cluster, with the role and the database that a job would make."""
    server = PostgreSQL.make()
    with server.connect("postgres") as connection:
        connection.execute("CREATE ROLE jira LOGIN")
    with server.connect("postgres") as connection:
        connection.autocommit = True
        connection.execute("CREATE DATABASE jira OWNER jira")
    yield server
    server.stop()


def stack(name: str, server: PostgreSQL, *, version: str = "11.3.1", nodes: int = 2) -> Stack:
    """A small issue tracker."""
    text = TEXT.replace("NAME", name).replace("PORT", str(server.port))
    return stack_of(text.replace("RELEASE", version).replace("NODES", str(nodes)))


def members(cluster: Installed, name: str) -> dict[str, tuple[str, str]]:
    """State and version of each member, as the operator tells them."""
    found: list[Mapping[str, Any]] = cluster.stack(name).get("status", {}).get("members", [])
    return {str(each["name"]): (str(each["state"]), str(each.get("version"))) for each in found}


def endpoints(cluster: Installed, name: str) -> set[str]:
    """Pods that the service sends users to."""
    labels = {"kubernetes.io/service-name": "jira"}
    found = cluster.api.list(ENDPOINT_SLICE, namespace=f"{name}-jira", labels=labels)
    return {str(each["targetRef"]["name"]) for item in found for each in item.get("endpoints") or ()}


def volume(cluster: Installed, name: str, member: str) -> Path:
    """The folder of a member's index."""
    return cluster.plane.folder / "volumes" / f"{name}-jira-local-home-{member}" / "caches" / "indexesV1"


def give_another_index(cluster: Installed, name: str) -> None:
    """Ask for another index for a member; its own is taken away by a job on its volume while it is down."""
    stale = volume(cluster, name, "jira-1") / "stale"
    stale.write_text("of the old index", encoding="utf-8")
    cluster.operation(
        name, "sync", component="jira", member="jira-1", verb="index-sync", params={"source": "jira-0"}
    )
    until(lambda: cluster.phase(name, "sync", component="jira") in {"Succeeded", "Failed"}, within=UP)
    assert cluster.phase(name, "sync", component="jira") == "Succeeded"
    # What it recovers from is what the other one has shared.
    assert volume(cluster, name, "jira-1").is_dir()
    assert not stale.exists()


def tear_an_index(cluster: Installed, name: str, operator: Process) -> None:
    """Damage what a member reads; nobody asks for anything, and the operator that begins to mend it is killed."""
    for path in volume(cluster, name, "jira-1").rglob("*"):
        if path.is_file() and not path.name.startswith((".", "meta")):
            length = path.stat().st_size
            with path.open("r+b") as file:
                file.write(b"\xa5" * length)

    def wished() -> list[str]:
        found = cluster.api.list(OPERATION, namespace=f"{name}-jira", labels={})
        return [
            str(item["metadata"]["name"])
            for item in found
            if item["spec"]["verb"] == "index-sync" and item["metadata"]["name"] != "sync"
        ]

    until(wished, within=UP)
    operator.kill()
    cluster.start("operator-b")
    asked = wished()[0]
    until(lambda: cluster.phase(name, asked, component="jira") in {"Succeeded", "Failed"}, within=UP)
    assert cluster.phase(name, asked, component="jira") == "Succeeded"


def test_an_issue_tracker_is_set_up_upgraded_and_scaled(cluster: Installed, postgres: PostgreSQL) -> None:
    name = "tracker"
    cluster.prepare_for(stack(name, postgres, nodes=3))
    operator = cluster.start()
    cluster.write(stack(name, postgres))
    cluster.until_ready(name, within=UP)
    both = {f"jira-{number}": ("Serving", "11.3.1") for number in range(2)}
    until(lambda: members(cluster, name) == both, within=UP)
    token = cluster.api.get(Kind("v1", "Secret"), f"{name}-jira-token", namespace=f"{name}-jira")
    assert token is not None
    assert token["data"]["token"]

    # Node by node to the next release; somebody else serves all the time.
    cluster.write(stack(name, postgres, version="11.3.2"))
    both = {f"jira-{number}": ("Serving", "11.3.2") for number in range(2)}

    def upgraded() -> bool:
        assert endpoints(cluster, name)
        return members(cluster, name) == both

    until(upgraded, within=UP)
    until(lambda: cluster.phase(name, "upgrade-jira-1", component="jira") == "Succeeded", within=UP)
    pods = cluster.api.list(Kind("v1", "Pod"), namespace=f"{name}-jira", labels={})
    assert {release(pod) for pod in pods} == {"11.3.2"}

    cluster.operation(name, "aside", component="jira", member="jira-1", verb="quarantine")
    until(lambda: cluster.phase(name, "aside", component="jira") == "Succeeded", within=UP)
    assert endpoints(cluster, name) == {"jira-0"}
    cluster.operation(name, "back", component="jira", member="jira-1", verb="release")
    until(lambda: cluster.phase(name, "back", component="jira") == "Succeeded", within=UP)

    give_another_index(cluster, name)
    until(lambda: members(cluster, name) == both, within=UP)
    tear_an_index(cluster, name, operator)
    until(lambda: members(cluster, name) == both, within=UP)

    cluster.write(stack(name, postgres, version="11.3.2", nodes=3))
    until(lambda: endpoints(cluster, name) == {"jira-0", "jira-1", "jira-2"}, within=UP)
    cluster.write(stack(name, postgres, version="11.3.2"))
    until(lambda: members(cluster, name) == both, within=UP)
    cluster.until_ready(name, within=UP)
    cluster.operation(name, "refused", component="jira", verb="backup")
    until(lambda: cluster.phase(name, "refused", component="jira") == "Failed", within=UP)
