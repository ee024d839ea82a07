"""A new log-in to the database: nobody is without one, users always have a node, and it ends from anywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telamon.desired.component import LoginTurn
from telamon.plan.operation import Running
from telamon.plan.operations.registry import refusals
from telamon.plan.step import Begin, Record
from telamon.plan.view import View
from telamon.plan.works.rotation import DisableLogin, EnableLogin
from telamon.platforms.memory.parts import Behaviour
from tests.support.stacks import World, companion, database, product, world

VERB, NAME, HELPER = "rotate-database-password", "tracker", "tracker-helper"
OWNER, FIRST, SECOND = "tracker", "_tracker_a", "_tracker_b"


def running(count: int = 2) -> World:
    """A product that runs, and a companion that shares its database."""
    shared = replace(product(count), login_turn=LoginTurn(FIRST, (HELPER,)))
    made = world(database(), shared, replace(companion(), login=OWNER))
    made.run()
    made.steps.clear()
    return made


def logins(made: World) -> set[str]:
    """What whoever lives logs in as."""
    return {member.login for name in (NAME, HELPER) for member in made.platform.living(name)}


def watch(made: World) -> None:
    """One pass: users have a node, and whoever lives may log in."""
    made.tick()
    assert made.serving(NAME) >= 1
    assert made.serving(HELPER) >= 1
    assert all(made.platform.may_log_in(login) for login in logins(made)), made.steps[-3:]


def end(made: World) -> str:
    """Go on to the end. Returns how it ended."""
    for _ in range(3_000):
        watch(made)
        if not made.operations and made.settled():
            return list(made.endings.values())[-1].ending
    raise AssertionError(f"no end: {made.outcomes[NAME].decision}")


def asked(made: World) -> list[str]:
    """The guards that refuse it now."""
    seen = made.outcomes[NAME].view
    view = View(
        made.desired[NAME], seen.seen, made.executors[NAME].memory, made.clock.now(), made.standings()
    )
    return [found.guard for found in refusals(view, Running(VERB, VERB))]


def enabled(made: World) -> list[str]:
    """Roles that were given a new password, in order."""
    works = [step.work for step in made.steps if isinstance(step, Begin)]
    return [work.role for work in works if isinstance(work, EnableLogin)]


def test_everybody_goes_over_one_by_one_and_the_old_role_is_ended_last() -> None:
    made = running()
    made.operate(NAME, VERB)
    assert end(made) == "Succeeded"
    assert logins(made) == {FIRST}
    assert not made.platform.may_log_in(OWNER)
    assert made.executors[NAME].memory.login == FIRST
    told = [step.work for step in made.steps if isinstance(step, Begin)]
    assert told == [EnableLogin(FIRST), DisableLogin(OWNER)]


def test_two_roles_take_turns() -> None:
    made = running()
    for number, role in enumerate((FIRST, SECOND, FIRST)):
        made.operations[NAME] = Running(f"{VERB}-{number}", VERB, since=made.clock.now())
        assert end(made) == "Succeeded"
        assert logins(made) == {role}
    assert enabled(made) == [FIRST, SECOND, FIRST]
    assert [made.platform.may_log_in(role) for role in (OWNER, FIRST, SECOND)] == [False, True, False]


def test_controller_may_die_after_any_step() -> None:
    made = running()
    made.operate(NAME, VERB)
    prefixes = []
    while made.operations:
        prefixes.append(made.fork())
        watch(made)
    assert len(prefixes) > 20
    for prefix in prefixes:
        prefix.restart_controller()
        prefix.tick()
        assert end(prefix) == "Succeeded"
        assert logins(prefix) == {FIRST}
        assert not prefix.platform.may_log_in(OWNER)


@pytest.mark.parametrize("passes", [0, 1, 3, 8, 20, 40, 80])
def test_cancelled_at_any_time_everybody_logs_in_as_one_role(passes: int) -> None:
    made = running()
    made.operate(NAME, VERB)
    for _ in range(passes):
        watch(made)
    if made.operations:
        made.cancel(NAME)
    ending = end(made)
    assert logins(made) == ({FIRST} if ending == "Succeeded" else {OWNER})
    assert made.platform.may_log_in(FIRST) is (ending == "Succeeded") or passes == 0


def test_a_node_that_does_not_come_up_with_it_turns_everybody_back() -> None:
    made = running()
    made.platform.behave(NAME, Behaviour(dead_logins=frozenset({FIRST})))
    made.operate(NAME, VERB)
    assert end(made) == "Failed"
    assert logins(made) == {OWNER}
    assert not made.platform.may_log_in(FIRST)
    assert "failed 2 times" in list(made.endings.values())[-1].message


def test_a_role_that_cannot_be_made_changes_nothing() -> None:
    made = running()
    made.platform.behave(NAME, Behaviour(failing_works=frozenset({EnableLogin.kind})))
    made.operate(NAME, VERB)
    assert end(made) == "Failed"
    assert logins(made) == {OWNER}
    assert not [step for step in made.steps if isinstance(step, Record) and step.fact == f"login:{FIRST}"]


def test_once_the_old_role_is_being_ended_nothing_turns_back_and_it_is_tried_again() -> None:
    made = running()
    made.platform.behave(NAME, Behaviour(failing_works=frozenset({DisableLogin.kind})))
    made.operate(NAME, VERB)

    def tries() -> int:
        return sum(1 for step in made.steps if isinstance(step, Begin) and step.work == DisableLogin(OWNER))

    made.run_until(lambda: tries() == 1)
    made.cancel(NAME)
    made.run_until(lambda: tries() == 3)
    assert logins(made) == {FIRST}
    assert made.operations


def test_refused_where_users_would_notice() -> None:
    assert asked(running()) == []
    assert "two-nodes-at-least" in asked(running(1))
    hurt = running()
    hurt.desired[HELPER] = replace(hurt.desired[HELPER], members=hurt.desired[HELPER].members[:1])
    hurt.run()
    assert asked(hurt) == ["two-nodes-at-least"]
    told = running()
    told.desired[NAME] = replace(told.desired[NAME], login_turn=None)
    assert asked(told) == ["log-in-is-ours"]
    kept = running()
    kept.desired[NAME] = replace(kept.desired[NAME], login_turn=None, no_turn="somebody keeps the roles")
    assert asked(kept) == ["log-in-is-ours"]
    told.desired[NAME] = replace(told.desired[NAME], database=False)
    assert asked(told) == ["has-a-database"]
    changing = running()
    changing.ask_for_release(NAME, "1.1.0")
    assert asked(changing) == ["release-is-in-force"]


def test_nothing_turns_back_to_a_role_that_was_ended_while_the_job_that_ended_it_is_made_anew() -> None:
    made = running()
    made.operate(NAME, VERB)
    while not any(isinstance(step, Begin) and step.work == DisableLogin(OWNER) for step in made.steps):
        watch(made)
    # A job that has failed is taken away before it is made again.
    jobs = made.platform._components[NAME].jobs
    jobs.pop(next(name for name in jobs if name.endswith(DisableLogin.kind)))
    made.cancel(NAME)
    assert end(made) == "Succeeded"
    assert logins(made) == {FIRST}
