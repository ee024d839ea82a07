"""An app with a process of its own: memory, port, flow and database in a cluster."""

from __future__ import annotations

import pytest

from telamon.desired.fit import Verdict
from telamon.desired.kubernetes.components import components
from telamon.desired.kubernetes.fitting import room
from telamon.desired.kubernetes.flows import flows, pods_of
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.site import Site
from telamon.desired.kubernetes.wanted import wanted_secrets
from telamon.naming import component_name
from telamon.products.registry import registry
from tests.support.manifests import SMALL, container, objects, products, rendered, small, stack_of, the

APPS = [(name, key) for name, product in registry().items() for key in product.apps]
EXTERNAL = "  database: {kind: external, host: db.acme.example, admin: {secret: admin}}"
GIBIBYTE = 1 << 30


def asked(app: str, *, of: str = "jira", said: str = "") -> str:
    """A product of two nodes with an app."""
    return f"    {of}: {{version: 11.3.1, resources: {{memory: 4Gi}}, apps: {{{app}: {{{said}}}}}}}"


def with_app(app: str, *, of: str = "jira", said: str = "", more: str = "") -> Site:
    """A stack with it."""
    return small(more, running=asked(app, of=of, said=said))


@pytest.mark.parametrize(("product", "app"), APPS)
def test_its_process_gets_memory_beside_the_node_whose_heap_stays(product: str, app: str) -> None:
    plain = small(running=f"    {product}: {{version: 11.3.1, resources: {{memory: 4Gi}}}}")
    larger = with_app(app, of=product, said="heap: 2Gi")
    given = container(larger, product)["resources"]
    assert given["requests"]["memory"] == given["limits"]["memory"] == "7Gi"
    assert container(plain, product)["env"] == container(larger, product)["env"]
    quotas = {item["metadata"]["namespace"]: item for item in objects(larger, "ResourceQuota")}
    quota = quotas["acme-jira"]["spec"]["hard"]["requests.memory"]
    assert quota == "22Gi", "two nodes of 7, one more, and one to spare"


@pytest.mark.parametrize(("product", "app"), APPS)
def test_it_counts_where_room_is_looked_for(product: str, app: str) -> None:
    machines = (
        "  placement: {machines: [{name: large, count: 2, cpu: 8, memory: 8Gi, reserved: {memory: 512Mi}}]}"
    )
    verdicts = []
    for said in ("heap: 1Gi", "heap: 4Gi"):
        text = SMALL.replace("PRODUCTS", asked(app, of=product, said=said))
        stack = stack_of(text.replace("MORE", f"{EXTERNAL}\n{machines}"))
        verdicts.append(room(stack, products(stack), groups=stack.spec.placement.machines).whole.verdict)
    assert verdicts == [Verdict.FITS, Verdict.CANNOT]


@pytest.mark.parametrize(("product", "app"), APPS)
@pytest.mark.parametrize("said", ["", "port: 3999"])
def test_nodes_reach_its_port_and_nobody_else_does(product: str, app: str, said: str) -> None:
    known = with_app(app, of=product, said=said)
    port = 3999 if said else registry()[product].apps[app].port
    part = known.products[0]
    opened = [flow for flow in flows(known) if port in flow.ports]
    assert {(flow.source, flow.target) for flow in opened} == {(pods_of(part, known), pods_of(part, known))}
    named = {each["name"]: each["containerPort"] for each in container(known, product)["ports"]}
    assert named[app] == port
    peers = {
        each["name"]: each["port"] for each in the(known, "Service", f"{product}-peers")["spec"]["ports"]
    }
    assert peers[app] == port
    assert app not in {each["name"] for each in the(known, "Service", product)["spec"]["ports"]}
    without = small(running=f"    {product}: {{version: 11.3.1}}")
    assert not [flow for flow in flows(without) if port in flow.ports]


@pytest.mark.parametrize(("product", "app"), APPS)
def test_its_database_and_role_are_made_beside_those_of_the_product(product: str, app: str) -> None:
    known = with_app(app, of=product, more=EXTERNAL)
    jobs = {item["metadata"]["name"].rpartition("-database-")[0]: item for item in objects(known, "Job")}
    beside = component_name(product, app)
    assert set(jobs) == {product, beside}
    given = {
        each["name"]: each.get("value", each.get("valueFrom"))
        for each in jobs[beside]["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert given["TELAMON_ROLE"] == f"{product}_{app}"
    secret = f"acme-{beside}-database"
    assert given["TELAMON_PASSWORD"] == {"secretKeyRef": {"name": secret, "key": "password"}}
    listed = {(each.namespace, each.name): each.keys for each in wanted_secrets(known, bundles(known))}
    assert listed["acme-database", secret] == ("password",)
    assert ("acme-jira", secret) not in listed, "no node reads it: somebody types it into the app's settings"
    (prepared,) = [each for each in components(known, rendered(known)) if each.desired.name == product]
    assert {item["metadata"]["name"] for item in prepared.preparing if item["kind"] == "Job"} == {
        item["metadata"]["name"] for item in jobs.values()
    }


@pytest.mark.parametrize(("product", "app"), APPS)
def test_cloudnative_pg_keeps_its_role_too(product: str, app: str) -> None:
    known = with_app(app, of=product)
    made = {item["spec"]["name"]: item["spec"]["owner"] for item in objects(known, "Database")}
    assert made == {product: product, f"{product}_{app}": f"{product}_{app}"}
    roles = {
        each["name"]: each["passwordSecret"]["name"]
        for each in the(known, "Cluster", "database")["spec"]["managed"]["roles"]
    }
    assert roles[f"{product}_{app}"] == f"acme-{product}-{app}-database"


@pytest.mark.parametrize(("product", "app"), APPS)
def test_none_is_made_where_it_keeps_its_data_elsewhere(product: str, app: str) -> None:
    known = with_app(app, of=product, said="database: none")
    assert [item["spec"]["name"] for item in objects(known, "Database")] == [product]
