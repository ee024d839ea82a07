"""A node that keeps how far its index is beside that index misses nothing after it was given another one's."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import httpx
import pytest

from telamon.operator.operations import Wish
from telamon.platforms.lab import facts as machine_facts
from telamon.proof.generator import Generator
from tests.lab.proving import NAME, explain, one_product, prove
from tests.lab.support import until
from tests.lab.world import World, kept

pytestmark = [pytest.mark.timeout(400), pytest.mark.exhaustive]

COPIES = 3
NODES = {"UNDERSTUDY_VARIANTS": "index-position-apart", "UNDERSTUDY_INDEX_SECONDS": "5"}
"""As the vendor describes them: the position stands in a table, and others' changes are looked for every 5 seconds."""


def issues(world: World, ordinal: int) -> int:
    """How many issues a node finds in its own index."""
    facts = machine_facts.load(world.root)
    assert facts is not None
    secrets, account = world.platform.secrets, f"{NAME}-jira-admin"
    answer = httpx.get(
        f"http://{facts.address('jira', ordinal)}:{facts.port('jira', 'http', number=8080)}/rest/api/2/search",
        params={"jql": "", "maxResults": "0"},
        auth=(secrets.get(account, "username"), secrets.get(account, "password")),
        trust_env=False,
    )
    answer.raise_for_status()
    return int(answer.json()["total"])


def has_ended(world: World, operation: str) -> bool:
    """Whether an operation has come to its end."""
    return world.host.operations.get(operation).status.phase not in {"Pending", "Running"}


def test_copies_under_writes_leave_out_nothing_where_the_position_is_kept_apart(root: Path) -> None:
    """What lies between an index that is too old and a position that is too new would be missing for ever."""
    with kept(root, one_product("jira", settings=NODES)) as world:

        def give(generator: Generator) -> None:
            generator.sleep_until(3)
            for _ in range(COPIES):
                wish = Wish("index-sync", "jira", "jira-1", {"source": "jira-0", "strategy": "copy"})
                made = world.host.operate(wish).metadata.name
                until(partial(has_ended, world, made), within=120)
                assert world.host.operations.get(made).status.phase == "Succeeded", world.told()

        _, verdict = prove(world, "jira", root, seconds=5, rate=80, harm=give)
        assert verdict.clean, explain(verdict)
        until(lambda: issues(world, 0) == issues(world, 1), within=20)
        assert issues(world, 0) > 50
