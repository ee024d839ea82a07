"""The lab as data: what changes a member, what does not, and what every connection goes by."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from telamon.desired.component import Saving
from telamon.desired.in_force import InForce
from telamon.desired.lab.compile import compile_lab
from telamon.desired.lab.data import LabComponent, LabDesired, SecretKind
from telamon.desired.lab.needs import needs
from telamon.desired.lab.pending import compile_pending
from telamon.desired.lab.relays import LINKS
from telamon.desired.outline import UNVERSIONED, outlines
from telamon.errors import InternalError
from telamon.model.care import BackupSpec
from telamon.model.common import SecretRef
from telamon.model.stack import Stack
from telamon.naming import RELAYS, ProductName
from telamon.products.base import JoinedValue, SecretValue
from telamon.products.registry import registry
from telamon.state.world import ComponentKind
from tests.golden.lab_inputs import facts, lab, products, stack


def part(desired: LabDesired, name: str) -> LabComponent:
    found = desired.part(name)
    assert found is not None
    return found


def revisions(desired: LabDesired) -> dict[str, str]:
    return {member.name: member.revision for component in desired.components for member in component.members}


def listeners(desired: LabDesired) -> list[dict[str, Any]]:
    text = next(file.content for file in part(desired, "edge").files if file.path.endswith("listeners.json"))
    found: list[dict[str, Any]] = json.loads(text)["resources"]
    return found


def test_same_stack_gives_the_same_lab() -> None:
    first, second = lab(stack()), lab(stack())
    assert revisions(first) == revisions(second)
    assert [found.objects for found in first.components] == [found.objects for found in second.components]


def test_changed_environment_changes_that_component_alone() -> None:
    given = stack()
    notes = given.spec.products["notes"].model_copy(update={"env": {"COLOUR": "blue"}})  # type: ignore[index]
    spec = given.spec.model_copy(update={"products": {**given.spec.products, "notes": notes}})
    before, after = revisions(lab(given)), revisions(lab(given.model_copy(update={"spec": spec})))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"notes-0", "notes-1"}


@pytest.mark.parametrize("name", ["jira", "confluence", "bitbucket"])
def test_another_node_restarts_none_of_those_that_run(name: str) -> None:
    def with_nodes(count: int) -> dict[str, str]:
        spec = {
            "version": {"jira": "11.3.1", "confluence": "10.2.7", "bitbucket": "9.4.16"}[name],
            "nodes": count,
        }
        described = {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": "acme"},
            "spec": {"domain": "acme.example", "products": {name: spec}, "platform": {"kind": "lab"}},
        }
        found = revisions(lab(Stack.model_validate(described)))
        return {member: told for member, told in found.items() if member.startswith(f"{name}-")}

    one, two, three = (with_nodes(count) for count in (1, 2, 3))
    assert one.items() <= two.items() <= three.items()
    assert len(three) == len(one) + 2


def test_another_product_at_the_front_door_restarts_no_balancer() -> None:
    given = stack()
    fewer = given.model_copy(
        update={
            "spec": given.spec.model_copy(update={"products": {"notes": given.spec.products["notes"]}})  # type: ignore[index]
        }
    )
    small = compile_lab(fewer, facts(given), registry=products(fewer))
    full = lab(given)
    assert revisions(small)["edge-0"] == revisions(full)["edge-0"]
    assert part(small, "edge").desired.objects != part(full, "edge").desired.objects


def test_every_secret_that_is_referred_to_is_made() -> None:
    desired = lab(stack())
    made = {secret.value for secret in desired.secrets}
    for component in desired.parts:
        for process in component.processes:
            for value in process.environment.values():
                parts = value.parts if isinstance(value, JoinedValue) else (value,)
                assert {found for found in parts if isinstance(found, SecretValue)} <= made, process.member


def test_nothing_is_made_that_nobody_uses() -> None:
    assert "acme-notes-license" not in {secret.value.secret for secret in lab(stack()).secrets}


def test_a_named_secret_is_looked_for_and_made_where_the_file_says() -> None:
    given = stack()
    named = {
        name: spec.model_copy(update={"license": SecretRef(secret=f"{name}-paid")})
        for name, spec in given.spec.products.items()
    }
    desired = lab(given.model_copy(update={"spec": given.spec.model_copy(update={"products": named})}))
    licences = {secret.value for secret in desired.secrets if secret.kind is SecretKind.LICENSE}
    with_licence = {name for name, product in products(given).items() if product.has_setup}
    assert licences == {SecretValue(f"{name}-paid", "license") for name in with_licence}


def test_every_connection_of_a_node_is_a_link() -> None:
    desired = lab(stack())
    told = json.dumps(
        [
            {name: str(value) for name, value in process.environment.items()}
            for component in desired.parts
            for process in component.processes
        ]
    )
    words = told.translate(str.maketrans('"/,@', "    ")).split()
    own = {process.address.partition(":")[0] for found in desired.parts for process in found.processes}
    linked = {link.endpoint.host for link in desired.links} | own
    fronts = {front.by_address.host for front in desired.fronts.values()}
    seen = {word.partition(":")[0] for word in words if word.startswith("127.77.")}
    assert seen <= linked | fronts


def test_companions_come_before_or_after_as_they_say() -> None:
    desired = lab(stack())
    for component in desired.components:
        if component.kind is not ComponentKind.COMPANION:
            continue
        product = next(found for found in desired.components if found.name == component.product)
        after = any(need.component == product.name for need in component.requires)
        before = any(need.component == component.name for need in product.requires)
        assert after != before
        assert (product.name in component.required_by) == before


def test_member_of_two_lists_counts_by_the_http_one() -> None:
    for component in lab(stack()).parts:
        if component.rotations:
            assert component.rotations[-1].cluster == component.desired.name


def test_every_product_is_at_the_front_door_by_name_and_by_address() -> None:
    desired = lab(stack())
    found = listeners(desired)
    front = found[0]["filter_chains"][0]["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]
    assert {host["name"] for host in front} == {*desired.fronts, "signpost"}
    assert {f"front-{name}" for name in desired.fronts} <= {listener["name"] for listener in found}


def test_only_safe_methods_are_sent_twice() -> None:
    for listener in listeners(lab(stack())):
        config = listener["filter_chains"][0]["filters"][0]["typed_config"]
        for host in config.get("route_config", {}).get("virtual_hosts", []):
            for entry in host["routes"]:
                action = entry.get("route", {})
                on = set(action.get("retry_policy", {}).get("retry_on", "").split(","))
                methods = [
                    header["string_match"]["safe_regex"]["regex"]
                    for header in entry["match"].get("headers", [])
                    if header["name"] == ":method"
                ]
                assert ("reset" in on) == (methods == ["GET|HEAD|OPTIONS"])
                assert ("hedge_policy" in action) == ("reset" in on)


def test_tls_is_spoken_by_every_web_listener_and_told_to_the_product() -> None:
    desired = lab(stack(), tls=True)
    for listener in listeners(desired):
        chain = listener["filter_chains"][0]
        is_web = "http_connection_manager" in chain["filters"][0]["name"]
        assert ("transport_socket" in chain) == is_web
    assert {front.base.scheme for front in desired.fronts.values()} == {"https"}


def test_base_url_is_what_this_machine_can_reach() -> None:
    given = stack()
    by_address = lab(given).fronts["notes"]
    assert by_address.base == by_address.by_address
    resolving = compile_lab(given, replace(facts(given), resolves=True), registry=products(given)).fronts[
        "notes"
    ]
    assert resolving.base.url == "http://notes.acme.localhost:8080/notes"


def test_single_balancer_shares_its_port_with_nobody() -> None:
    alone = lab(stack(platform={"kind": "lab", "balancers": 1}))
    assert [member.name for member in part(alone, "edge").desired.members] == ["edge-0"]
    assert {listener["enable_reuse_port"] for listener in listeners(alone)} == {False}
    assert {listener["enable_reuse_port"] for listener in listeners(lab(stack()))} == {True}


def test_times_of_the_file_win_over_the_products() -> None:
    given = stack()
    notes = given.spec.products["notes"]  # type: ignore[index]
    profile = notes.profile
    assert profile is not None
    found = part(lab(given), "notes").desired
    assert (found.patience.start, found.policy.stop_grace) == (
        profile.start_timeout.seconds,
        profile.stop_grace.seconds,
    )


def test_pinned_ports_and_network_are_asked_for() -> None:
    given = stack(
        edge={"port": 9999, "ssh": {"port": 2222}}, platform={"kind": "lab", "network": "127.99.0.0/16"}
    )
    found = needs(given, registry=products(given))
    assert (found.front_port, found.network) == (9999, 99)
    assert {(need.number, need.pinned) for need in found.tcp} == {(2222, True)}


def test_facts_of_another_stack_are_refused() -> None:
    given = stack()
    with pytest.raises(InternalError, match="has no addresses"):
        compile_lab(given, replace(facts(given), slots={"database": 1, "edge": 2}), registry=products(given))


def test_companion_gets_no_more_nodes_than_its_stand_in_can_join() -> None:
    given = Stack.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": "acme"},
            "spec": {
                "domain": "acme.example",
                "products": {"bitbucket": {"version": "9.4.16", "companions": {"opensearch": {"nodes": 3}}}},
            },
        }
    )
    search = next(part for part in outlines(given, registry()) if part.companion is not None)
    assert (search.nodes, search.left_out) == (1, 2)


DISTURBABLE = {"kind": "lab", "disturbable": True}


def test_relays_stand_between_nodes_companions_and_the_database_where_the_file_asks() -> None:
    desired = lab(stack(platform=DISTURBABLE))
    for link in desired.links:
        assert (link.endpoint != link.beyond) == (link.source != "edge"), link.name
    assert all(link.endpoint == link.beyond for link in lab(stack()).links)
    assert lab(stack()).part(RELAYS) is None


def test_every_relayed_link_is_taken_to_where_its_target_listens() -> None:
    desired = lab(stack(platform=DISTURBABLE))
    part = desired.part(RELAYS)
    assert part is not None
    (file,) = (file for file in part.files if file.path == LINKS)
    lines = json.loads(file.content)
    taken = {(line["listen"]["host"], line["listen"]["port"]): line for line in lines}
    assert len(taken) == len(lines)
    for link in desired.links:
        if link.endpoint != link.beyond:
            line = taken[(link.endpoint.host, link.endpoint.port)]
            assert (line["source"], line["target"]) == (link.source, link.target)
            assert line["beyond"] == {"host": link.beyond.host, "port": link.beyond.port}


def test_nodes_that_tell_where_they_are_tell_a_relay_that_knows_who_calls() -> None:
    desired = lab(stack(platform=DISTURBABLE))
    jira, part = desired.part("jira"), desired.part(RELAYS)
    assert jira is not None
    assert part is not None
    told = str(jira.processes[1].environment["EHCACHE_LISTENER_HOSTNAME"])
    assert told != jira.processes[1].address.rpartition(":")[0]
    lines = [line for line in json.loads(part.files[0].content) if line["listen"]["host"] == told]
    assert {line["target"] for line in lines} == {"jira-1"}
    assert all("jira-0" in line["sources"].values() for line in lines)


def test_everything_waits_for_the_relays_and_they_end_last() -> None:
    desired = lab(stack(platform=DISTURBABLE))
    part = desired.part(RELAYS)
    assert part is not None
    waiting = {
        component.name
        for component in desired.components
        if RELAYS in {requirement.component for requirement in component.requires}
    }
    assert set(part.desired.required_by) == waiting
    assert {"jira", "confluence", "bitbucket"} <= waiting


def test_application_without_a_version_is_never_upgraded() -> None:
    given = stack()
    releases = {"notes": UNVERSIONED, "jira": "9.4.16"}
    found = compile_pending(given, facts(given), registry=products(given), in_force=InForce(releases))
    assert [part.desired.name for part in found.parts if part.desired.upgrade is not None] == []


@pytest.mark.parametrize("file_says", ["11.3.1", "11.3.2", "11.3.5"])
def test_an_upgrade_in_progress_leads_where_it_was_begun_for_whatever_the_file_says(file_says: str) -> None:
    given = stack()
    jira = given.spec.products[ProductName("jira")].model_copy(update={"version": file_says})
    spec = given.spec.model_copy(update={"products": {**given.spec.products, "jira": jira}})
    given = given.model_copy(update={"spec": spec})
    beside = InForce({"jira": "11.3.1"}, upgrades={"jira": "11.3.2"})
    part = compile_pending(given, facts(given), registry=products(given), in_force=beside).part("jira")
    assert part is not None
    wanted = part.desired.upgrade
    assert wanted is not None
    assert {member.release for member in part.desired.members} == {"11.3.1"}
    assert {member.release for member in wanted.members} == {"11.3.2"}


@pytest.mark.parametrize(
    ("written", "asked", "possible"),
    [
        ({}, False, True),
        ({"beforeUpgrade": "take"}, True, True),
        ({"destination": {"kind": "folder", "path": "/srv/backups"}}, True, True),
        ({"destination": {"kind": "folder", "path": "/srv/backups"}, "beforeUpgrade": "skip"}, False, True),
        ({"destination": {"kind": "s3", "bucket": "acme-backup"}}, True, False),
    ],
)
def test_an_upgrade_is_saved_first_where_the_file_names_a_place_or_says_so(
    written: dict[str, Any], asked: bool, possible: bool
) -> None:
    backup = BackupSpec.model_validate(written, strict=False)
    given = stack()
    desired = lab(given.model_copy(update={"spec": given.spec.model_copy(update={"backup": backup})}))
    assert part(desired, "notes").desired.saving == Saving(asked, possible, 3_600.0)
    assert part(desired, "database").desired.saving is None
