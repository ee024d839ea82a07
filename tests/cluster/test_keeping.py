"""What keeping a component on a cluster promises beyond the common suite."""

from __future__ import annotations

import pytest

from telamon.errors import ConflictError, PlatformError
from telamon.platforms.kubernetes.api import POD, STATEFUL_SET, Api
from telamon.platforms.kubernetes.pods import is_gated
from testbed.control_plane import ControlPlane, Write
from tests.cluster.harness import OPERATOR, ClusterHarness
from tests.contract.test_platform import prepare, start

pytestmark = pytest.mark.lab


def writes(plane: ControlPlane, *, since: int = 0) -> tuple[Write, ...]:
    """What the operator has written so far."""
    return plane.writes(OPERATOR)[since:]


def test_a_second_pass_writes_nothing(harness: ClusterHarness, plane: ControlPlane) -> None:
    prepare(harness)
    for ordinal in range(2):
        name = start(harness, ordinal)
        harness.platform.admit(harness.desired.name, name)
    # With the last one the template lets pods come by themselves again.
    harness.until(lambda seen: seen.objects == harness.desired.objects)
    before = len(writes(plane))
    assert before
    harness.platform.apply(harness.desired)
    harness.platform.make(harness.desired)
    for member in harness.desired.members:
        harness.platform.start(harness.desired, member.name)
        harness.platform.admit(harness.desired.name, member.name)
    assert writes(plane, since=before) == ()


def test_pods_come_back_and_serve_though_no_operator_runs(harness: ClusterHarness, api: Api) -> None:
    prepare(harness)
    for ordinal in range(2):
        start(harness, ordinal)
    name, namespace = harness.desired.members[0].name, harness.part.part.namespace
    pod = api.get(POD, name, namespace=namespace)
    assert pod is not None
    harness.until(lambda seen: seen.objects == harness.desired.objects)
    # A machine that is emptied takes its pods away without asking the operator.
    api.delete(pod, grace=1)

    def serves_again() -> bool:
        found = api.get(POD, name, namespace=namespace)
        statuses = (found or {}).get("status", {}).get("containerStatuses", [{}])
        return (
            found is not None
            and found["metadata"]["uid"] != pod["metadata"]["uid"]
            and statuses[0].get("ready")
        )

    harness.until(lambda _: serves_again())
    seen = harness.platform.observe(harness.desired).member(name)
    assert seen is not None
    assert seen.admitted


def test_a_late_write_of_one_who_was_deposed_is_refused(harness: ClusterHarness, api: Api) -> None:
    prepare(harness)
    name = start(harness)
    namespace = harness.part.part.namespace
    decided_on = api.get(POD, name, namespace=namespace)
    template = api.get(STATEFUL_SET, harness.desired.name, namespace=namespace)
    assert decided_on is not None
    assert template is not None
    # Another operator goes on.
    harness.platform.admit(harness.desired.name, name)
    start(harness, 1)
    with pytest.raises(ConflictError):
        api.change(decided_on, {"metadata": {"labels": {"telamon.dev/serving": None}}})
    with pytest.raises(ConflictError):
        api.apply(harness.part.stateful_set, over=template)
    harness.platform.stop(harness.desired.name, name, grace=1.0)
    harness.until(lambda seen: seen.member(name) is None)
    with pytest.raises(ConflictError):
        api.delete(decided_on)
    kept = api.get(POD, name, namespace=namespace)
    assert kept is not None
    assert is_gated(kept)


def test_what_is_not_performed_is_refused_before_anything_is_touched(
    harness: ClusterHarness, plane: ControlPlane
) -> None:
    component, member = harness.desired.name, harness.desired.members[0].name
    before = len(writes(plane))
    # The stack of the harness has an ingress, which has no page to show.
    with pytest.raises(PlatformError, match="no route that answers by itself"):
        harness.platform.hold(component, held=True)
    with pytest.raises(PlatformError, match="is kept by whoever made it"):
        harness.platform.promote(harness.desired, member)
    assert writes(plane, since=before) == ()


@pytest.mark.exhaustive
def test_a_member_nobody_desires_goes_only_once_it_is_stopped(harness: ClusterHarness) -> None:
    prepare(harness)
    start(harness)
    surplus = start(harness, 1)
    fewer = harness.fewer(1)
    fewer.platform.apply(fewer.desired)
    seen = fewer.until(lambda seen: seen.objects == fewer.desired.objects)
    assert seen.member(surplus) is not None
    with pytest.raises(PlatformError, match="runs"):
        fewer.platform.remove(fewer.desired.name, surplus)
    fewer.platform.stop(fewer.desired.name, surplus, grace=5.0)
    fewer.until(lambda seen: (found := seen.member(surplus)) is not None and found.life.value == "absent")
    fewer.platform.remove(fewer.desired.name, surplus)
    fewer.until(lambda seen: seen.member(surplus) is None)
    fewer.platform.close()
