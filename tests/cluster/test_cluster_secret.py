"""Another secret for nodes that share one, on a real API server with processes in the place of containers."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from telamon.desired.kubernetes.holding import is_held
from telamon.model.stack import Stack
from telamon.naming import LABEL_COMPONENT
from telamon.platforms.kubernetes.api import Api, Kind
from testbed.control_plane import ControlPlane
from testbed.machines import Machines
from tests.cluster.operators import installed
from tests.cluster.routes import ROUTE, TCP, define, taking
from tests.cluster.support import until
from tests.cluster.test_further_products import CASES, UP
from tests.understudy.gitserver import SearchServer
from tests.understudy.support import PostgreSQL

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(900)]

NAME = "sharing"
NAMESPACE = f"{NAME}-bitbucket"
POD = Kind("v1", "Pod")
SECRET = Kind("v1", "Secret")
CASE = next(case for case in CASES if case.product == "bitbucket")


def behind_a_gateway(server: PostgreSQL, search: SearchServer) -> Stack:
    """A small Git server of two nodes."""
    document = CASE.stack(server, search).model_dump(mode="json", by_alias=True, exclude_unset=True)
    document["metadata"]["name"] = NAME
    document["spec"]["edge"] = {"driver": "gateway", "tls": {"kind": "disabled"}}
    return Stack.model_validate(document, strict=False)


def told(api: Api) -> set[tuple[str, str]]:
    """From which secret nodes take the one that they share."""
    pods = api.list(POD, namespace=NAMESPACE, labels={LABEL_COMPONENT: "bitbucket"})
    return {
        (entry["valueFrom"]["secretKeyRef"]["name"], entry["valueFrom"]["secretKeyRef"]["key"])
        for pod in pods
        for entry in pod["spec"]["containers"][0]["env"]
        if entry["name"] == "HAZELCAST_GROUP_PASSWORD"
    }


def renewed(api: Api) -> str:
    """What Telamon has made."""
    found = api.get(SECRET, f"{NAMESPACE}-renewed", namespace=NAMESPACE)
    return "" if found is None else base64.b64decode(found["data"]["cluster"]).decode()


def is_shown(api: Api) -> bool:
    """Whether users see the maintenance page."""
    found = api.get(ROUTE, "bitbucket", namespace=NAMESPACE)
    return found is not None and is_held(found)


def test_it_is_renewed_behind_the_page_also_where_whoever_does_it_is_killed(
    plane: ControlPlane, api: Api, machines: Machines, tmp_path: Path
) -> None:
    define(api, "default", TCP)
    server, search = PostgreSQL.make(), SearchServer.make(tmp_path)
    try:
        search.start()
        with server.connect("postgres") as connection:
            connection.autocommit = True
            connection.execute("CREATE ROLE bitbucket LOGIN")
            connection.execute("CREATE DATABASE bitbucket OWNER bitbucket")
        wanted = behind_a_gateway(server, search)
        with installed(plane, api, tmp_path) as cluster, taking(api, NAMESPACE):
            cluster.prepare_for(wanted)
            login = {"username": "admin", "password": search.password}
            metadata = {"name": "search", "namespace": NAMESPACE}
            api.apply(
                {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": login}, over=None
            )
            operator = cluster.start()
            cluster.write(wanted)
            cluster.until_ready(NAME, within=UP)
            assert told(api) == {(f"{NAMESPACE}-cluster", "secret")}

            def ended(operation: str) -> str:
                asked = {"component": "bitbucket"}
                until(lambda: cluster.phase(NAME, operation, **asked) in {"Succeeded", "Failed"}, within=UP)
                return cluster.phase(NAME, operation, **asked)

            # By accident nobody is interrupted.
            cluster.operation(NAME, "hasty", component="bitbucket", verb="rotate-cluster-secret")
            assert ended("hasty") == "Failed"
            assert renewed(api) == ""

            agreed: dict[str, Any] = {"verb": "rotate-cluster-secret", "params": {"downtime": "yes"}}
            cluster.operation(NAME, "agreed", component="bitbucket", **agreed)
            until(lambda: renewed(api), within=UP)
            assert is_shown(api)
            operator.kill()
            cluster.start("operator-b")
            assert ended("agreed") == "Succeeded"
            cluster.until_ready(NAME, within=UP)
            assert told(api) == {(f"{NAMESPACE}-renewed", "cluster")}
            assert not is_shown(api)

            # A second time it is another one, and nodes find it where the first was.
            first = renewed(api)
            cluster.operation(NAME, "once-more", component="bitbucket", **agreed)
            assert ended("once-more") == "Succeeded"
            assert renewed(api) not in {"", first}
            cluster.until_ready(NAME, within=UP)
    finally:
        search.stop()
        server.stop()
