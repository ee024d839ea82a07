"""What a cluster closes that a stack seems to use is said before users find out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import pytest

from telamon.model.cluster import EgressPreset
from telamon.products.registry import registry
from telamon.stackfile.egress import CLOSED, closed_presets
from telamon.stackfile.reader import read

KUBERNETES = "{kind: kubernetes}"
RULES = frozenset({"links-are-closed", "proxy-is-closed", "named-address-is-closed"})


def warned(*, security: str, more: str = "", platform: str = KUBERNETES) -> Mapping[str, str]:
    """What is said of two products, of which the first is given more; by rule."""
    text = f"""\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {{name: acme}}
spec:
  domain: acme.example
  products:
    jira: {{version: 11.3.1{more}}}
    bitbucket: {{version: 9.4.16}}
  platform: {platform}
  storage: {{shared: {{kind: csi, storageClass: x}}}}
  edge: {{tls: {{kind: disabled}}}}
  security: {security}
"""
    found = read(text, source="stack.yaml", registry=registry())
    assert found.problems == ()
    return {
        each.rule: f"{each.path}: {each.message} {each.remedy}"
        for each in found.warnings
        if each.rule in RULES
    }


def test_products_that_may_not_reach_one_another_are_told() -> None:
    assert warned(security="{egress: [application-links]}") == {}
    said = warned(security="{egress: [smtp]}")["links-are-closed"]
    assert "from one of jira, bitbucket to another" in said
    assert "Add application-links" in said


def test_a_proxy_that_nothing_leads_to_is_told() -> None:
    proxy = 'proxy: {url: "http://proxy.acme.example:3128"}'
    assert warned(security=f"{{egress: [application-links, marketplace], {proxy}}}") == {}
    allowed = "allow: [{name: proxy, cidr: 10.1.2.3/32, port: 3128}]"
    assert warned(security=f"{{{proxy}, {allowed}}}") == {}
    assert "port 3128 of it is closed" in warned(security=f"{{{proxy}}}")["proxy-is-closed"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('env: {DIRECTORY: "ldaps://ad.corp.example"}', "port 636 outside"),
        ('env: {DIRECTORY: "ldap://ad.corp.example:3268/dc=corp"}', "port 3268 outside"),
        ('properties: {mail.url: "smtps://post.corp.example"}', "port 465 outside"),
        ('jvmArgs: ["-Dchat.hook=https://chat.corp.example/hook"]', "port 443 outside"),
        ('jvmArgs: ["-Dhttps.proxyPort=3128"]', "a proxy at port 3128"),
    ],
)
def test_an_address_in_a_setting_is_held_against_what_is_open(more: str, words: str) -> None:
    said = warned(security="{egress: [application-links]}", more=f", {more}")["named-address-is-closed"]
    assert words in said
    assert said.startswith("spec.products.jira.")
    presets = "egress: [application-links, smtp, ldap, webhooks]"
    allowed = "allow: [{name: proxy, cidr: 10.0.0.9/32, port: 3128}]"
    assert warned(security=f"{{{presets}, {allowed}}}", more=f", {more}") == {}


def test_a_port_that_no_preset_opens_takes_a_rule_of_its_own() -> None:
    said = warned(security="{}", more=', env: {HOOK: "https://ci.corp.example:8443"}')[
        "named-address-is-closed"
    ]
    assert "port 8443" in said
    assert said.endswith("Open it by security.allow.")


@pytest.mark.parametrize("host", ["jira.acme.example", "acme.example", "localhost", "127.0.0.1"])
def test_what_is_within_the_stack_is_not_outside(host: str) -> None:
    assert warned(security="{}", more=f', env: {{SEEN_AT: "https://{host}/x"}}') == {}


def test_what_is_secret_in_an_address_is_not_repeated() -> None:
    said = warned(security="{}", more=', env: {HOOK: "https://me:hidden@ci.corp.example/x?token=hidden"}')
    assert "ci.corp.example" in said["named-address-is-closed"]
    assert "hidden" not in said["named-address-is-closed"]


def test_every_preset_says_what_does_not_work_without_it() -> None:
    assert set(CLOSED) == set(get_args(EgressPreset))


def test_nothing_is_closed_in_the_lab() -> None:
    text = (
        "apiVersion: telamon.dev/v1alpha1\nkind: Stack\nmetadata: {name: acme}\nspec:\n"
        "  domain: acme.example\n  products: {jira: {version: 11.3.1}}\n"
    )
    spec = read(text, source="stack.yaml", registry=registry()).require().spec
    assert closed_presets(spec) == ()


@pytest.mark.parametrize(
    ("security", "closed"),
    [
        ("{egress: [application-links, smtp, ldap, webhooks]}", {"kube-api"}),
        ("{egress: [application-links, smtp, ldap, s3]}", {"idp", "webhooks", "kube-api"}),
        (
            '{egress: [application-links, smtp, ldap, webhooks], proxy: {url: "http://proxy.acme.example:3128"}}',
            {"s3", "kube-api"},
        ),
    ],
    ids=["anywhere", "the internet alone", "by a proxy"],
)
def test_what_another_preset_opens_along_with_its_own_is_not_closed(
    security: str, closed: set[EgressPreset]
) -> None:
    text = (
        "apiVersion: telamon.dev/v1alpha1\nkind: Stack\nmetadata: {name: acme}\nspec:\n"
        "  domain: acme.example\n  products: {jira: {version: 11.3.1}}\n"
        "  platform: {kind: kubernetes}\n  storage: {shared: {kind: csi, storageClass: x}}\n"
        f"  edge: {{tls: {{kind: disabled}}}}\n  security: {security}\n"
    )
    spec = read(text, source="stack.yaml", registry=registry()).require().spec
    assert set(closed_presets(spec)) == closed
