"""A set-up page that nobody knows: the engine stops, says where to go on, and goes on by itself afterwards."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from telamon.model.stack import Stack
from telamon.plan.step import Wait
from tests.lab.support import until
from tests.lab.world import World

pytestmark = pytest.mark.timeout(300)


def stack(product: str, version: str) -> Stack:
    """A product whose set-up has a page more than any script knows."""
    env = {
        "UNDERSTUDY_VARIANTS": "setup-unknown-page",
        "UNDERSTUDY_START_SECONDS": "1",
        "UNDERSTUDY_STOP_SECONDS": "1",
        "UNDERSTUDY_REBUILD_SECONDS": "1",
    }
    return Stack.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": "acme"},
            "spec": {"domain": "acme.example", "products": {product: {"version": version, "env": env}}},
        }
    )


def asked_for(world: World, product: str) -> str:
    """Where a person has to go on, once the engine says so."""
    lane = world.host.lanes().get(product)
    decision = lane.outcome.decision if lane is not None and lane.outcome is not None else None
    needed = isinstance(decision, Wait) and decision.reason == "SetupRequired"
    return decision.url if needed and isinstance(decision, Wait) else ""


@pytest.mark.parametrize(
    ("product", "version"),
    [("jira", "11.3.1"), pytest.param("confluence", "10.2.7", marks=pytest.mark.exhaustive)],
)
def test_a_person_finishes_the_page_and_the_engine_goes_on_by_itself(
    root: Path, product: str, version: str
) -> None:
    world = World(root, stack(product, version))
    world.host.put(world.stack, "test")
    try:
        url = until(lambda: asked_for(world, product), within=120)
        with httpx.Client(follow_redirects=True, timeout=30) as browser:
            page = browser.get(url)
            token = re.search(r'name="atl_token" value="([^"]+)"', page.text)
            assert token is not None
            assert "Usage data" in page.text
            action = re.search(r'action="([^"]+)"', page.text)
            assert action is not None
            sent = browser.post(
                str(page.url.join(action[1])), data={"atl_token": token[1], "usageData": "none"}
            )
            assert sent.status_code == 200
        world.settle(within=180)
        assert {member.name for member in world.view(product).serving()} == {
            f"{product}-0",
            f"{product}-1",
        }
    finally:
        world.host.down()
        world.host.wait_ended(60)
        world.end()
