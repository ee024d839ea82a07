"""Facts about the real products that could only be read, never tried: the engine meets every variant of them.

A fact on which public sources disagree, or are silent, is a variant of a stand-in. Each is met here by what the engine
does where the fact matters; a variant that nobody meets fails.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from telamon.products.base import Exchange, Identity, Request, SetupVerdict
from telamon.products.release import Act
from telamon.products.rest import NO_CHECK, patient
from telamon.state.phase import Phase
from telamon.state.world import UpgradePhase
from tests.support.nodes import MakeSite, Site, caught_up, index_made, names, set_up
from tests.understudy.support import eventually, free_port
from understudy.bitbucket.settings import VARIANTS as BITBUCKET
from understudy.confluence.settings import VARIANTS as CONFLUENCE
from understudy.jira.settings import VARIANTS as JIRA

Meeting = Callable[[Site], None]

OFFERED: Mapping[str, frozenset[str]] = {
    "jira": frozenset(JIRA),
    "confluence": CONFLUENCE,
    "bitbucket": BITBUCKET,
}
UNKNOWN_PAGE = "setup-unknown-page"
INDEX = "caches/indexesV1/issues"
SNAPSHOTS = "export/indexsnapshots"
NO_REINDEX = "-Dcom.atlassian.jira.startup.allow.full.reindex=false"


def is_set_up(site: Site) -> None:
    """The engine walks the set-up pages once, makes its account, and sees the node as a full member."""
    address = site.addresses[0]
    site.settings = {**site.settings, "UNDERSTUDY_CONTROL": f"{address}:{free_port(address)}"}
    set_up(site)
    with site.probe() as probe:
        assert probe.phase() is Phase.RUNNING
    assert site.token is not None
    assert names(site.ask(site.product.membership())) == {f"{site.product.name}-0"}
    posted = [note for note in site.notes if note.startswith("posted:")]
    assert len(posted) == len(set(posted))


def stops_without_a_database(site: Site) -> None:
    """The engine says what is wrong with the environment, and posts nothing."""
    site.spec = site.spec.model_copy(update={"env": {"ATL_DB_DRIVER": ""}})
    site.start(0)
    outcome = site.set_up()
    assert (outcome.verdict, outcome.step) == (SetupVerdict.UNKNOWN_FORM, "SetupMode")
    assert "ATL_DB_DRIVER" in outcome.detail
    assert not [note for note in site.notes if note.startswith("posted:")]


def stops_at_an_unknown_page(site: Site) -> None:
    """The engine names the page that a person has to finish, and does not post it."""
    site.start(0)
    outcome = site.set_up()
    assert outcome.verdict is SetupVerdict.UNKNOWN_FORM
    with site.probe() as probe:
        assert probe.phase() is Phase.FIRST_RUN
    assert not [note for note in site.notes if outcome.step.partition("!")[0] in note]


def is_told_apart(phase: Phase, code: int) -> Meeting:
    """The engine knows a phase whose status page has another code."""

    def meet(site: Site) -> None:
        control = site.settings["UNDERSTUDY_CONTROL"]
        asked = httpx.post(f"http://{control}/state", json={"state": phase.value}, trust_env=False)
        asked.raise_for_status()
        assert site.processes[0].status() == (code, phase.value)
        with site.probe() as probe:
            assert probe.phase() is phase

    return meet


def leads_an_upgrade(site: Site) -> None:
    """The engine finds where the acts of a rolling upgrade are, without having looked before."""
    product = site.product
    assert len(product.upgrade_bases) > 1
    assert site.ask(product.upgrade_phase()) is UpgradePhase.STABLE
    site.ask(product.change_upgrade(Act.START))
    assert site.ask(product.upgrade_phase()) is UpgradePhase.READY_TO_UPGRADE
    site.ask(product.change_upgrade(Act.CANCEL))
    assert site.ask(product.upgrade_phase()) is UpgradePhase.STABLE


def upgrades_without_asking_for_its_network(site: Site) -> None:
    """The engine takes an instance whose network cannot be asked about for one that has none, and goes on."""
    assert site.ask(site.product.cdn_in_use()) is None
    site.ask(site.product.switch_cdn(on=False))


def has_its_index_made_anew(site: Site) -> None:
    """The engine sees the end of a re-index during which the node says ERROR."""
    site.ask(site.product.rebuild_index())
    assert eventually(lambda: index_made(site), what="the index is made")
    assert eventually(lambda: caught_up(site, 0), what="it can be read")
    assert "state ERROR: a foreground re-index runs" in site.processes[0].log.read_text()


def is_started_again_without_an_index(site: Site) -> None:
    """The engine knows a node whose start ended without an index, and it is well once it may make one."""
    site.processes[0].stop()
    shutil.rmtree(Path(site.context(0, 1).local_home) / INDEX)
    shutil.rmtree(Path(site.context(0, 1).shared_home) / SNAPSHOTS, ignore_errors=True)
    spec = site.spec
    site.spec = spec.model_copy(update={"jvm_args": (NO_REINDEX,)})
    failed = site.start(0)
    with site.probe() as probe:
        assert eventually(lambda: probe.phase() is Phase.ERROR, what="the phase ERROR")
    assert failed.status() == (500, "ERROR")
    failed.stop()
    site.spec = spec
    site.start(0).wait_for("RUNNING")
    assert eventually(lambda: caught_up(site, 0), what="the index has caught up")


def joins_by_a_fresh_snapshot(site: Site) -> None:
    """The engine has a snapshot made that is young enough by either source, so that a node need not re-index."""
    set_up(site, nodes=2)

    def prepared() -> bool:
        return site.ask(site.product.prepare_join())

    assert eventually(prepared, what="a snapshot")
    old = time.time() - 30 * 3600
    for snapshot in (Path(site.context(0, 2).shared_home) / SNAPSHOTS).iterdir():
        os.utime(snapshot, (old, old))
    assert not prepared()
    assert eventually(prepared, what="a younger snapshot")
    site.spec = site.spec.model_copy(update={"jvm_args": (NO_REINDEX,)})
    second = site.start(1, nodes=2)
    second.wait_for("RUNNING")
    assert "index restored from" in second.log.read_text()
    both = {"jira-0", "jira-1"}
    assert eventually(lambda: names(site.ask(site.product.membership())) == both, what="both")


def keeps_quiet_as_a_copy(site: Site) -> None:
    """The engine has a copy forget its mail server, wherever that is kept, and show a banner."""
    server = "/rest/api/latest/admin/mail-server"

    def asked(request: Request) -> Exchange:
        return (yield from patient(Identity.SERVICE_ACCOUNT, request))

    body = {"hostname": "127.0.0.1", "port": 2525, "sender-address": "git@example.com"}
    assert site.ask(asked(Request("PUT", server, headers=NO_CHECK, json=body))).status == 200
    for _ in range(2):
        site.ask(site.product.quieten("This is a copy."))
        assert site.ask(asked(Request("GET", server))).status == 404
        shown = site.ask(asked(Request("GET", "/rest/api/latest/admin/banner"))).document()
        assert (shown["message"], shown["enabled"], shown["audience"]) == ("This is a copy.", True, "ALL")


@dataclass(frozen=True)
class Case:
    """Variants of one product that are on together, and what the engine then does, one after the other."""

    product: str
    variants: frozenset[str]
    meetings: tuple[Meeting, ...]

    def __str__(self) -> str:
        return "-".join((self.product, *sorted(self.variants)))


CASES = (
    Case(
        "jira",
        frozenset({"setup-referer", "setup-cookie-only", "cdn-rest-absent"}),
        (is_set_up, upgrades_without_asking_for_its_network),
    ),
    Case("jira", frozenset({"setup-referer", "setup-hidden-only", "websudo-basic"}), (is_set_up,)),
    Case("jira", frozenset({"setup-mode-page"}), (stops_without_a_database,)),
    *(
        Case(product, frozenset({UNKNOWN_PAGE}), (stops_at_an_unknown_page,))
        for product, offered in OFFERED.items()
        if UNKNOWN_PAGE in offered
    ),
    Case(
        "jira",
        frozenset({"reindex-is-error", "index-failure-is-error"}),
        (is_set_up, has_its_index_made_anew, is_started_again_without_an_index),
    ),
    # What a copy of the files does there: tests/lab/test_index_positions.py.
    Case(
        "jira",
        frozenset({"snapshot-age-24h", "snapshot-list-bean", "index-position-apart"}),
        (joins_by_a_fresh_snapshot,),
    ),
    Case(
        "confluence",
        frozenset({"skip-cluster-page", "zdu-admin-path", "cdn-rest-absent"}),
        (is_set_up, upgrades_without_asking_for_its_network, leads_an_upgrade),
    ),
    Case(
        "confluence",
        frozenset({"stale-resume", "status-starting-503", "status-error-503"}),
        (is_set_up, is_told_apart(Phase.STARTING, 503), is_told_apart(Phase.ERROR, 503)),
    ),
    Case(
        "bitbucket",
        frozenset({"zdu-prose", "error-503", "cdn-rest-absent", "mail-keys-elsewhere"}),
        (
            is_set_up,
            upgrades_without_asking_for_its_network,
            leads_an_upgrade,
            keeps_quiet_as_a_copy,
            is_told_apart(Phase.ERROR, 503),
        ),
    ),
)


@pytest.mark.parametrize("product", OFFERED)
def test_every_variant_is_met(product: str) -> None:
    met = frozenset[str]().union(*(case.variants for case in CASES if case.product == product))
    assert met == OFFERED[product]


@pytest.mark.lab
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_engine_passes(make_site: MakeSite, case: Case) -> None:
    site = make_site(case.product, *sorted(case.variants))
    for meet in case.meetings:
        meet(site)
