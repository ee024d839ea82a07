"""A look is remembered only for as long as nothing of it can have changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from telamon.desired.kubernetes.components import KubernetesComponent, components
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.render import bundles
from telamon.platforms.kubernetes.looking import LASTS, Looks
from telamon.platforms.kubernetes.objects import Manifests
from telamon.platforms.kubernetes.routing import Routes
from telamon.platforms.memory.clock import ManualClock
from telamon.state.phase import Phase
from tests.support.manifests import small

RUNNING = {"jira-0": Phase.RUNNING}


class Asked(Manifests):
    """Counts how often the API server is asked; while it is, something may happen."""

    def __init__(self) -> None:
        self.times = 0
        self.meanwhile: Callable[[], object] = lambda: None

    def pods(self, part: KubernetesComponent) -> tuple[Object, ...]:
        self.times += 1
        self.meanwhile()
        return ()

    def fingerprint(
        self,
        part: KubernetesComponent,
        pods: object,
        *,
        made_by: Object | None = None,
        homes: object = (),
    ) -> str:
        return f"seen-{self.times}"

    def homes(self, part: KubernetesComponent) -> tuple[Object, ...]:
        return ()

    def find(self, wanted: Object) -> Object | None:
        return None


@pytest.fixture(scope="module")
def part() -> KubernetesComponent:
    """A component."""
    known = small()
    return components(known, bundles(known))[0]


@pytest.fixture
def asked() -> Asked:
    """An API server."""
    return Asked()


@pytest.fixture
def clock() -> ManualClock:
    """Time."""
    return ManualClock(1000.0)


@pytest.fixture
def looks(asked: Asked, clock: ManualClock) -> Looks:
    """Looks at what somebody watches."""
    made = Looks(asked, Routes(asked, clock), clock)
    made.watched(lambda _: True)
    return made


def look(looks: Looks, part: KubernetesComponent) -> str | None:
    """Look once, and find every pod well."""
    found = looks.look(part)
    assert looks.holds(part, found, phases=RUNNING)
    return found.objects


def test_nobody_asks_where_nothing_has_changed(looks: Looks, part: KubernetesComponent) -> None:
    assert [look(looks, part) for _ in range(3)] == ["seen-1"] * 3


def test_a_change_is_seen_at_once(looks: Looks, part: KubernetesComponent) -> None:
    look(looks, part)
    looks.forget("another")
    assert look(looks, part) == "seen-1"
    looks.forget(part.desired.name)
    assert look(looks, part) == "seen-2"
    looks.forget()
    assert look(looks, part) == "seen-3"


def test_a_change_while_somebody_looks_is_not_lost(
    looks: Looks, asked: Asked, part: KubernetesComponent
) -> None:
    asked.meanwhile = lambda: looks.forget(part.desired.name)
    look(looks, part)
    asked.meanwhile = lambda: None
    assert look(looks, part) == "seen-2"


def test_pods_that_say_something_else_make_it_no_longer_hold(looks: Looks, part: KubernetesComponent) -> None:
    look(looks, part)
    found = looks.look(part)
    assert not looks.holds(part, found, phases={"jira-0": Phase.UNREACHABLE})


def test_what_nobody_watches_is_asked_for_each_time(
    looks: Looks, asked: Asked, clock: ManualClock, part: KubernetesComponent
) -> None:
    alone = Looks(asked, Routes(asked, clock), clock)
    assert [look(alone, part) for _ in range(2)] == ["seen-1", "seen-2"]
    whole = [True]
    looks.watched(lambda namespace: whole[0] and namespace == part.part.namespace)
    assert [look(looks, part) for _ in range(2)] == ["seen-3", "seen-3"]
    whole[0] = False
    assert look(looks, part) == "seen-4"


def test_services_and_files_are_looked_at_again_after_a_while(
    looks: Looks, clock: ManualClock, part: KubernetesComponent
) -> None:
    look(looks, part)
    clock.sleep(LASTS - 1)
    assert look(looks, part) == "seen-1"
    clock.sleep(1)
    assert look(looks, part) == "seen-2"
