"""A stack that asks for another release than the one in force, on a cluster."""

from __future__ import annotations

import pytest

from telamon.desired.in_force import InForce
from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.facts import Facts
from telamon.desired.kubernetes.pending import pending
from telamon.desired.kubernetes.site import Site, site
from telamon.model.stack import Stack
from telamon.plan.operations.registry import PLANNERS
from telamon.platforms.kubernetes.objects import release_of
from telamon.products.release import Way
from telamon.wiring.cluster import REFUSED
from tests.support.manifests import products, stack_of

TEXT = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  environment: dev
  domain: acme.example
  products:
    jira: {version: RELEASE, nodes: 2}
  platform: {kind: kubernetes}
  database: {kind: external, host: db.acme.example, admin: {secret: admin}}
  edge: {driver: nginx, className: nginx, tls: {kind: disabled}}
  storage: {shared: {kind: csi, storageClass: shared}}
"""


def compiled(
    asked: str, *, in_force: str | None, upgrading: str | None = None, more: str = ""
) -> KubernetesComponent:
    """The issue tracker, asked for as one release while another may be in force."""

    def known(stack: Stack) -> Site:
        return site(stack, products(stack), facts=Facts(), digests={})

    facts = InForce({"jira": in_force} if in_force else {}, upgrades={"jira": upgrading} if upgrading else {})
    return pending(stack_of(TEXT.replace("RELEASE", asked) + more), facts, surveyed=known)[1][0]


@pytest.mark.parametrize("in_force", [None, "11.3.1"])
def test_what_is_in_force_already_needs_no_way(in_force: str | None) -> None:
    part = compiled("11.3.1", in_force=in_force)
    assert part.desired.upgrade is None
    assert part.upgraded is None


def test_members_stay_of_the_release_in_force_and_the_new_ones_stand_beside() -> None:
    part = compiled("11.3.2", in_force="11.3.1")
    upgrade = part.desired.upgrade
    assert upgrade is not None
    assert (upgrade.jump.way, upgrade.mode) == (Way.ROLLING, True)
    assert {member.release for member in part.desired.members} == {"11.3.1"}
    assert {member.release for member in upgrade.members} == {"11.3.2"}
    assert {member.revision for member in upgrade.members}.isdisjoint(
        member.revision for member in part.desired.members
    )
    assert part.upgraded is not None
    assert (release_of(part.stateful_set), release_of(part.upgraded)) == ("11.3.1", "11.3.2")


def test_what_needs_a_downtime_is_offered_as_such() -> None:
    upgrade = compiled("11.3.1", in_force="10.3.1").desired.upgrade
    assert upgrade is not None
    assert upgrade.jump.way is Way.DOWNTIME


def test_an_upgrade_in_progress_goes_where_it_began_to_go() -> None:
    upgrade = compiled("11.3.1", in_force="11.3.1", upgrading="11.3.2").desired.upgrade
    assert upgrade is not None
    assert upgrade.to_release == "11.3.2"


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ("", False),
        ("  backup: {destination: {kind: s3, bucket: kept}}\n", True),
        ("  backup: {destination: {kind: s3, bucket: kept}, beforeUpgrade: skip}\n", False),
    ],
)
def test_a_backup_that_is_asked_for_before_an_upgrade_has_no_place(more: str, asked: bool) -> None:
    saving = compiled("11.3.2", in_force="11.3.1", more=more).desired.saving
    assert saving is not None
    assert (saving.asked, saving.possible) == (asked, False)


def test_an_operation_is_performed_or_refused_with_a_reason() -> None:
    performed = {
        "backup",
        "finish-upgrade",
        "index-rebuild",
        "index-sync",
        "maintenance-off",
        "maintenance-on",
        "major-upgrade",
        "pause",
        "prune-backups",
        "quarantine",
        "release",
        "restart",
        "restore",
        "resume",
        "rotate-cluster-secret",
        "rotate-database-password",
        "tidy-restore",
        "upgrade",
        "verify-backup",
    }
    assert PLANNERS.keys() - performed == REFUSED.keys()
    assert all(REFUSED.values())
