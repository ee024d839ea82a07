"""What is rendered opens exactly what is listed, and a proof that could not fail would prove nothing."""

from __future__ import annotations

import pytest

from telamon.desired.kubernetes.flows import flows
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.site import Site
from telamon.reach.proof import Proof, prove
from tests.support.manifests import ALL, EXAMPLES, JIRA, example, small


def proof_of(known: Site) -> Proof:
    """The proof of a stack."""
    return prove(bundles(known), flows(known))


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_opens_exactly_what_is_listed(name: str) -> None:
    proof = proof_of(example(name))
    assert proof.unlisted == ()
    assert proof.closed == ()
    assert len(proof.open) > 5


def test_every_preset_opens_what_it_says() -> None:
    presets = "smtp, ldap, idp, application-links, marketplace, webhooks, s3, kube-api"
    proof = proof_of(small(f"  security: {{egress: [{presets}]}}", running=ALL))
    assert proof.holds
    out = [each for each in proof.open if each.source == "acme-jira/jira" and "0.0.0.0/5" in each.target]
    assert any("25" in each.ports and "636" in each.ports for each in out)
    assert not any("169.254" in each.target for each in proof.open)


def test_the_port_of_an_app_is_open_to_no_other_workload() -> None:
    apps = "    jira: {version: 11.3.1, apps: {eazybi: {}}}"
    proof = proof_of(small(running=f"{apps}\n    confluence: {{version: 10.2.7}}"))
    assert proof.holds
    assert {each.ports for each in proof.open if each.target == "acme-jira/jira"} == {"TCP 8080"}


def test_without_a_preset_a_product_reaches_no_address() -> None:
    proof = proof_of(small("  security: {egress: []}"))
    assert not any(
        each.source == "acme-jira/jira" and "/" in each.target and each.target[0].isdigit()
        for each in proof.open
    )


def patched(operation: str) -> Site:
    return small(
        running=f"""\
    jira:
      version: 11.3.1
      patches:
        - {{name: mine, kind: NetworkPolicy, operations: [{operation}]}}"""
    )


def test_a_patch_that_opens_more_is_seen() -> None:
    proof = proof_of(patched("{op: add, path: /spec/ingress, value: [{ports: [{port: 8080}]}]}"))
    assert not proof.holds
    strangers = [each for each in proof.unlisted if each.source == "a stranger elsewhere"]
    assert {each.target for each in strangers} >= {"acme-jira/jira"}
    assert all(each.ports == "TCP 8080" for each in strangers)


def test_a_patch_that_closes_something_is_seen() -> None:
    proof = proof_of(
        patched(
            "{op: add, path: /spec/policyTypes, value: [Ingress]}, {op: add, path: /spec/ingress, value: []}"
        )
    )
    assert any(each.target == "acme-jira/jira" for each in proof.closed)


def test_each_open_flow_names_the_rules_that_open_it() -> None:
    proof = proof_of(small(running=JIRA))
    database = next(each for each in proof.open if each.target.startswith("acme-database/"))
    assert database.why == "the database"
    assert database.because[0].startswith("acme-jira/jira egress[")
