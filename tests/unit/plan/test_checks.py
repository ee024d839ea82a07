"""Guards that no generated world would miss: what a restart must never do."""

from __future__ import annotations

from telamon.plan.checks import refusals
from telamon.plan.step import StartMember
from telamon.plan.view import Memory, View
from telamon.state.world import ComponentState
from tests.support.stacks import product


def start(memory: Memory) -> list[str]:
    """Names of the guards that refuse to start the first member."""
    desired = product()
    seen = ComponentState(desired.name, desired.kind, 0.0, database_ready=True)
    step = StartMember(desired.name, desired.members[0].name, "it does not run")
    return [refusal.guard for refusal in refusals(step, View(desired, seen, memory, 0.0))]


def test_crashed_member_is_not_started_with_another_release() -> None:
    release = product().members[0].release
    assert "release-stays" not in start(Memory())
    assert "release-stays" not in start(Memory().with_fact(f"release:{release}"))
    assert "release-stays" in start(Memory().with_fact("release:0.9.0"))


def test_data_is_of_one_release() -> None:
    memory = Memory().with_fact("set-up").with_fact("release:1.0.0").with_fact("release:2.0.0")
    assert memory.release == "2.0.0"
    assert memory.facts == {"set-up", "release:2.0.0"}
