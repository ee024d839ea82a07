"""Since when a Stack in a cluster has been as it should be: from the last of what may have broken it."""

from __future__ import annotations

from typing import Any

import pytest

from telamon.platforms.kubernetes.standing import stretch

DAY = "2026-11-20T"


def lease(**spec: Any) -> dict[str, Any]:
    """Of an operator that leads since eight, and was there at noon."""
    led = {"holderIdentity": "operator-a", "acquireTime": f"{DAY}08:00:00.000000Z"}
    return {"spec": {**led, "renewTime": f"{DAY}12:00:00.000000Z", **spec}}


def stack(
    *, since: str = f"{DAY}09:00:00Z", generation: int = 3, written: str = f"{DAY}07:00:00Z", **held: str
) -> dict[str, Any]:
    """A Stack whose conditions hold since nine."""
    conditions = {"Accepted": "True", "Ready": "True", "Degraded": "False", "UpgradeFailed": "False", **held}
    return {
        "metadata": {
            "generation": 3,
            "creationTimestamp": f"{DAY}06:00:00Z",
            "managedFields": [
                {"manager": "telamon", "time": written, "fieldsV1": {"f:spec": {}}},
                {"manager": "telamon", "time": f"{DAY}11:59:00Z", "fieldsV1": {"f:status": {}}},
            ],
        },
        "status": {
            "conditions": [
                {"type": kind, "status": is_so, "lastTransitionTime": since, "observedGeneration": generation}
                for kind, is_so in conditions.items()
            ]
        },
    }


@pytest.mark.parametrize(
    ("found", "led", "since"),
    [
        (stack(), lease(), "09:00:00"),
        (stack(written=f"{DAY}10:00:00Z"), lease(), "10:00:00"),
        (stack(), lease(acquireTime=f"{DAY}11:00:00.000000Z"), "11:00:00"),
    ],
)
def test_it_counts_from_the_last_change_of_conditions_spec_or_leader(
    found: dict[str, Any], led: dict[str, Any], since: str
) -> None:
    assert stretch(found, led) == {
        "generation": 3,
        "since": f"{DAY}{since}+00:00",
        "seen": f"{DAY}12:00:00+00:00",
    }


@pytest.mark.parametrize(
    ("found", "led"),
    [
        (stack(Ready="False"), lease()),
        (stack(Degraded="True"), lease()),
        (stack(Accepted="False"), lease()),
        (stack(generation=2), lease()),
        (stack(), lease(holderIdentity="")),
        (stack(), None),
    ],
)
def test_what_is_not_so_or_not_looked_at_does_not_count(
    found: dict[str, Any], led: dict[str, Any] | None
) -> None:
    assert stretch(found, led) is None
