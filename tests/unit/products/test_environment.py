import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from telamon.products.base import Endpoint as At
from telamon.products.base import (
    EnvironmentValue,
    JoinedValue,
    NodeContext,
    Peer,
    SecretValue,
    Workload,
)
from telamon.products.base import FrontAddress as Front
from telamon.products.registry import registry
from tests.support.contexts import context, spec

GOLDEN = Path(__file__).parents[2] / "golden"
WORKLOADS: Mapping[str, Workload] = {
    **registry(),
    **{
        f"{name}-{key}": one
        for name, product in registry().items()
        for key, one in product.companions.items()
    },
}


def shown(value: EnvironmentValue) -> str:
    """A value as a golden file shows it: secrets by reference."""
    if isinstance(value, str):
        return value
    parts = value.parts if isinstance(value, JoinedValue) else (value,)
    return "".join(part if isinstance(part, str) else f"<{part.secret}/{part.key}>" for part in parts)


def companions(workload: Workload) -> Mapping[str, tuple[Peer, ...]]:
    """Two nodes of each companion, through relays."""
    known = getattr(workload, "companions", {})
    return {
        name: tuple(
            Peer(f"{workload.name}-{name}-{n}", {port.name: At("127.8.0.1", 9000 + n) for port in one.ports})
            for n in range(2)
        )
        for name, one in known.items()
    }


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_environment_is_what_the_image_reads(name: str) -> None:
    workload = WORKLOADS[name]
    node = context(workload, companions=companions(workload), member=f"{name}-0")
    found = {key: shown(value) for key, value in sorted(workload.environment(node).items())}
    golden = GOLDEN / f"environment_{name}.json"
    assert found == json.loads(golden.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", WORKLOADS)
def test_only_the_secrets_that_it_names_are_referred_to(name: str) -> None:
    workload = WORKLOADS[name]
    secrets = {purpose: SecretValue("acme", purpose) for purpose in workload.secret_purposes}
    node = context(workload, secrets=secrets, companions=companions(workload))
    referred = {value.key for value in workload.environment(node).values() if isinstance(value, SecretValue)}
    assert referred - {"password"} <= set(workload.secret_purposes)


@pytest.mark.parametrize("name", ["jira", "confluence", "bitbucket"])
def test_the_way_out_wins(name: str) -> None:
    product = registry()[name]
    wanted = spec(
        env={"ATL_TOMCAT_PORT": "1", "SERVER_PORT": "1", "MINE": "yes"},
        jvmArgs=["-Dmine=1"],
        properties={"a.b-c": "d"},
        resources={"heap": "3Gi"},
        contextPath="/app",
    )
    front = Front("http", "app.acme.example", 8080, "/app")
    given = product.environment(context(product, spec=wanted, front=front))
    assert given["MINE"] == "yes"
    assert "1" in {given.get("ATL_TOMCAT_PORT"), given.get("SERVER_PORT")}
    assert given["JVM_MAXIMUM_MEMORY"] == "3072m"
    assert str(given["JVM_SUPPORT_RECOMMENDED_ARGS"]).endswith("-Dmine=1")
    assert "/app" in given.values()
    told = {"jira": "-Da.b-c=d", "confluence": "a.b-c=d", "bitbucket": "d"}[name]
    assert any(told in shown(value) for value in given.values())


def test_bitbucket_turns_a_property_into_its_variable() -> None:
    product = registry()["bitbucket"]
    given = product.environment(context(product, spec=spec(properties={"plugin.mail-server.port": "25"})))
    assert given["PLUGIN_MAIL_SERVER_PORT"] == "25"


def test_a_relayed_peer_is_told_with_its_port() -> None:
    product = registry()["confluence"]
    node = context(product, peers=(Peer("confluence-1", {"cluster": At("127.8.0.1", 40000)}),))
    assert product.environment(node)["ATL_CLUSTER_PEERS"] == "127.7.0.1,127.8.0.1:40000"


def test_without_synchrony_it_is_switched_off() -> None:
    product = registry()["confluence"]
    words = str(product.environment(context(product))["JVM_SUPPORT_RECOMMENDED_ARGS"]).split()
    assert "-Dsynchrony.btf.disabled=true" in words


def test_one_search_node_is_no_cluster() -> None:
    companion = registry()["bitbucket"].companions["opensearch"]
    given = companion.environment(context(companion, nodes=1))
    assert given["discovery.type"] == "single-node"
    assert "discovery.seed_hosts" not in given


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_node_of_a_cluster_is_told_the_same_but_for_itself(name: str) -> None:
    workload = WORKLOADS[name]

    def told(node: NodeContext) -> dict[str, str]:
        found = {key: shown(value) for key, value in workload.environment(node).items()}
        own = {node.bind, node.member, node.local_home}
        return {
            key: value
            for key, value in found.items()
            if not any(word in value for word in own) and "," not in value
        }

    first, second = (told(context(workload, ordinal)) for ordinal in (0, 1))
    assert first == second
