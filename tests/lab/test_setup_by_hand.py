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


def stack() -> Stack:
    """Jira whose set-up has a page more than any script knows."""
    env = {
        "UNDERSTUDY_VARIANTS": "setup-unknown-page",
        "UNDERSTUDY_START_SECONDS": "1",
        "UNDERSTUDY_STOP_SECONDS": "1",
    }
    return Stack.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": "acme"},
            "spec": {"domain": "acme.example", "products": {"jira": {"version": "11.3.1", "env": env}}},
        }
    )


def asked_for(world: World) -> str:
    """Where a person has to go on, once the engine says so."""
    lane = world.host.lanes().get("jira")
    decision = lane.outcome.decision if lane is not None and lane.outcome is not None else None
    needed = isinstance(decision, Wait) and decision.reason == "SetupRequired"
    return decision.url if needed and isinstance(decision, Wait) else ""


def test_a_person_finishes_the_page_and_the_engine_goes_on_by_itself(root: Path) -> None:
    world = World(root, stack())
    world.host.put(world.stack, "test")
    try:
        url = until(lambda: asked_for(world), within=120)
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
        assert {member.name for member in world.view("jira").serving()} == {"jira-0", "jira-1"}
    finally:
        world.host.down()
        world.host.wait_ended(60)
        world.end()
