"""An honest product passes the proof under load, also when a node is killed; a sabotaged one is caught."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from telamon.platforms.lab import facts as machine_facts
from telamon.proof.generator import Generator
from telamon.proof.history.verdict import Fault
from tests.lab.proving import VERSIONS, explain, one_product, prove
from tests.lab.support import strike
from tests.lab.world import World, kept

pytestmark = [pytest.mark.timeout(400), pytest.mark.exhaustive]


@pytest.mark.parametrize("product", sorted(VERSIONS))
def test_an_honest_product_is_clean_though_a_node_is_killed(root: Path, product: str) -> None:
    with kept(root, one_product(product)) as world:

        def kill(generator: Generator) -> None:
            generator.sleep_until(8)
            strike(world.pid(f"{product}-1"), signal.SIGKILL)

        record, verdict = prove(world, product, root, seconds=20, harm=kill)
    assert verdict.clean, explain(verdict)
    assert verdict.acknowledged > 50
    assert verdict.read_back > 0.95 * verdict.acknowledged
    assert record.audits
    assert record.complete


def betrayed(
    root: Path,
    sabotage: str,
    harm: Callable[[World, Generator], None] | None = None,
    *,
    product: str = "jira",
    rate: float = 60,
) -> set[Fault]:
    """The faults that are found when a product betrays its users."""
    with kept(root, one_product(product, sabotage=sabotage)) as world:
        harmed = None if harm is None else partial(harm, world)
        record, verdict = prove(world, product, root, seconds=24, rate=rate, harm=harmed)
    assert record.complete
    for anomaly in verdict.anomalies:
        assert 1 <= len(anomaly.witness) <= 8, explain(verdict)
    return {anomaly.fault for anomaly in verdict.anomalies}


@pytest.mark.parametrize(("product", "rate"), [("bitbucket", 150), ("confluence", 60), ("jira", 60)])
def test_writes_acknowledged_before_they_are_durable_are_missed(
    root: Path, product: str, rate: float
) -> None:
    """A tenth of Bitbucket's requests write to its database: a higher rate has some of them under way at each kill."""

    def kill_database(world: World, generator: Generator) -> None:
        for instant in (6, 12, 18):
            generator.sleep_until(instant)
            # Both servers at once: which of them takes writes by now, and whether the other is back, is not known.
            for pid in filter(None, (world.pid("database-0"), world.pid("database-1"))):
                strike(pid, signal.SIGKILL)

    found = betrayed(root, "acknowledge-before-commit", kill_database, product=product, rate=rate)
    assert found & {Fault.LOST, Fault.DIRTY_READ, Fault.DANGLING_ROW}


@pytest.mark.parametrize("product", ["confluence", "jira"])
def test_changes_that_no_index_was_told_of_are_missed(root: Path, product: str) -> None:
    assert Fault.LOST in betrayed(root, "drop-replicated-operation", product=product)


@pytest.mark.parametrize("product", sorted(VERSIONS))
def test_answers_from_before_a_failover_are_stale(root: Path, product: str) -> None:
    def kill_node(world: World, generator: Generator) -> None:
        generator.sleep_until(8)
        strike(world.pid(f"{product}-1"), signal.SIGKILL)

    assert betrayed(root, "stale-after-failover", kill_node, product=product) & {
        Fault.STALE_OWN_WRITE,
        Fault.STALE_READ,
        Fault.NON_MONOTONIC,
    }


@pytest.mark.parametrize("product", ["confluence", "jira"])
def test_files_stored_by_half_are_torn(root: Path, product: str) -> None:
    assert betrayed(root, "torn-attachment", product=product) == {Fault.TORN}


def test_branches_that_go_back_are_missed(root: Path) -> None:
    found = betrayed(root, "ref-goes-back", product="bitbucket")
    assert found & {Fault.LOST, Fault.STALE_OWN_WRITE, Fault.LOST_UPDATE}


def test_branches_whose_commit_is_absent_are_found(root: Path) -> None:
    assert Fault.DANGLING_REF in betrayed(root, "absent-commit", product="bitbucket")


def test_two_nodes_that_write_to_databases_of_their_own_are_caught(root: Path) -> None:
    def split(world: World, generator: Generator) -> None:
        generator.sleep_until(6)
        shared = machine_facts.load(world.root)
        assert shared is not None
        Path(shared.path("shared", "jira"), "sabotage-now").touch()

    found = betrayed(root, "two-primaries", split)
    assert found & {Fault.LOST, Fault.STALE_READ, Fault.STALE_OWN_WRITE, Fault.NON_MONOTONIC}
