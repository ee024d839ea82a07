"""The suite that every platform keeps, on a real API server."""

from __future__ import annotations

import pytest

from tests.contract import test_platform
from tests.contract.test_platform import (
    test_admitted_and_drained_twice,
    test_crash_is_not_a_stop,
    test_every_effect_that_is_predicted_is_seen,
    test_killed_at_once,
    test_nothing_lives_before_anything_was_started,
    test_objects_and_database_are_made_once,
    test_one_that_runs_is_not_forgotten,
    test_started_twice_it_lives_once,
    test_stopped_twice_it_is_gone_and_counts_as_asked,
    test_unknown_member_is_refused,
)

pytestmark = pytest.mark.lab

__all__ = [
    "test_admitted_and_drained_twice",
    "test_crash_is_not_a_stop",
    "test_every_effect_that_is_predicted_is_seen",
    "test_killed_at_once",
    "test_nothing_lives_before_anything_was_started",
    "test_objects_and_database_are_made_once",
    "test_one_that_runs_is_not_forgotten",
    "test_started_twice_it_lives_once",
    "test_stopped_twice_it_is_gone_and_counts_as_asked",
    "test_unknown_member_is_refused",
]
NOT_YET = {"test_job_shows_and_ends", "test_work_that_nobody_wants_any_more_ends"}
"""Calls to products, and work beside the pods, are refused on a cluster so far."""


def test_no_test_of_the_suite_is_left_out() -> None:
    assert {name for name in vars(test_platform) if name.startswith("test_")} - NOT_YET == set(__all__)
