"""``telamon reach`` of anybody's policies: which flows are open, and what decides of one."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from tests.support.desk import Desk, Result
from tests.support.manifests import JIRA, SMALL

SHOP = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: sales}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: main}]}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: database, namespace: shop}
spec:
  template:
    metadata: {labels: {app: database}}
    spec: {containers: [{name: main, ports: [{name: sql, containerPort: 5432}]}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec: {template: {metadata: {labels: {app: agent}}, spec: {hostNetwork: true, containers: [{name: main}]}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: database, namespace: shop}
spec:
  podSelector: {matchLabels: {app: database}}
  policyTypes: [Ingress, Egress]
  ingress:
    - from: [{podSelector: {matchLabels: {app: web}}}]
      ports: [{port: sql}]
    - from: [{ipBlock: {cidr: "2001:db8::/32", except: ["2001:db8:1::/48"]}}, {ipBlock: {cidr: 198.51.100.0/24}}]
      ports: [{port: 9187}]
"""
FROM_WEB = ("--from", "shop/web", "--to", "shop/database")


def asked(desk: Desk, folder: Path, *words: str) -> Result:
    """What is said of the shop's manifests."""
    place = folder / "manifests" / "below"
    place.mkdir(parents=True, exist_ok=True)
    (place / "shop.yaml").write_text(SHOP, encoding="utf-8")
    return desk.run("reach", "--policies", str(folder / "manifests"), *words, "-o", "json")


def test_an_open_flow_is_told_by_the_rules_that_let_it_through(desk: Desk, tmp_path: Path) -> None:
    found = asked(desk, tmp_path, *FROM_WEB, "--port", "5432")
    assert found.code == 0, found.err
    assert found.document["allowed"] is True
    assert found.document["because"] == [
        "no policy speaks of what shop/web sends",
        "shop/database ingress[0] allows what shop/database accepts",
    ]


@pytest.mark.parametrize("port", ["5433", "5432/UDP"])
def test_a_closed_flow_is_told_with_what_comes_closest(desk: Desk, tmp_path: Path, port: str) -> None:
    found = asked(desk, tmp_path, *FROM_WEB, "--port", port).document
    assert found["allowed"] is False
    assert found["because"][1] == (
        "no rule of shop/database allows what shop/database accepts, "
        "where shop/database ingress[0] opens TCP 5432"
    )


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("2001:db8::7", True),
        ("2001:db8:1::7", False),
        ("2001:db9::7", False),
        ("198.51.100.9", True),
        ("203.0.113.9", False),
    ],
)
def test_addresses_of_either_kind_are_held_against_blocks(
    desk: Desk, tmp_path: Path, address: str, allowed: bool
) -> None:
    inward = asked(desk, tmp_path, "--from", address, "--to", "shop/database", "--port", "9187")
    assert inward.code == 0, inward.err
    assert inward.document["allowed"] is allowed
    assert "no policy reaches beyond the cluster" in inward.document["because"][0]
    outward = asked(desk, tmp_path, "--from", "shop/database", "--to", address, "--port", "9187").document
    assert outward["allowed"] is False


def test_everything_that_is_open_is_listed_with_addresses(desk: Desk, tmp_path: Path) -> None:
    found = asked(desk, tmp_path, "--to", "shop/database").document
    whole, hole = ipaddress.IPv6Network("2001:db8::/32"), ipaddress.IPv6Network("2001:db8:1::/48")
    around = sorted(whole.address_exclude(hole))
    assert [(each["source"], each["ports"]) for each in found["open"]] == [
        ("shop/web", "TCP 5432"),
        (
            ", ".join(("198.51.100.0/24", *(str(each) for each in around))),
            "TCP 9187",
        ),
    ]
    assert found["leftOut"] == ["shop/agent"]


def test_one_flow_of_a_stack_is_asked_for(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    text = SMALL.replace("PRODUCTS", JIRA).replace("MORE", "").replace("production", "dev")
    file.write_text(text, encoding="utf-8")

    def mail() -> Result:
        words = ("--from", "acme-jira/jira", "--to", "203.0.113.25", "--port", "25", "-o", "json")
        return desk.run("reach", str(file), *words)

    assert mail().document["allowed"] is False
    file.write_text(f"{text}  security: {{egress: [application-links, smtp]}}\n", encoding="utf-8")
    opened = mail().document
    assert opened["allowed"] is True
    assert "egress[" in opened["because"][0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from", "shop/wbe", "--to", "shop/database", "--port", "80"), "Did you mean shop/web"),
        (("--to", "shop/database", "--port", "80"), "--from and --to"),
        ((*FROM_WEB, "--port", "http"), "53/UDP"),
        ((*FROM_WEB, "--port", "70000"), "65535"),
        (("--from", "192.0.2.1", "--to", "192.0.2.2", "--port", "80"), "Name a workload"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    desk: Desk, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    found = asked(desk, tmp_path, *words)
    assert found.code == 2
    assert told in found.document["remedy"]


def test_manifests_without_a_workload_are_refused(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(SHOP.rpartition("---")[2], encoding="utf-8")
    found = desk.run("reach", "--policies", str(file), "-o", "json")
    assert found.code == 2
    assert "no workload" in found.document["error"]


def test_a_place_that_is_not_there_is_refused(desk: Desk, tmp_path: Path) -> None:
    found = desk.run("reach", "--policies", str(tmp_path / "nowhere"), "-o", "json")
    assert found.code == 2
    assert "nowhere" in found.document["error"]
