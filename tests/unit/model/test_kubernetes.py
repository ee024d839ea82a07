"""The default version of Kubernetes follows from a table with a date."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from telamon.model.kubernetes import AS_OF, OFFERED, minor_of, offered, settled
from telamon.model.platform import AwsPlatform
from telamon.stackfile.warnings import KUBERNETES_SOON


def test_the_table_has_every_version_once_in_order_and_with_the_spans_that_eks_promises() -> None:
    assert all(after.minor == before.minor + 1 for before, after in pairwise(OFFERED))
    for known in OFFERED:
        months = (known.standard.year - known.since.year) * 12 + known.standard.month - known.since.month
        assert months == 14
        assert known.extended == known.standard.replace(year=known.standard.year + 1)
        assert known.since <= AS_OF


def test_the_default_has_settled_and_nobody_is_warned_of_it() -> None:
    default = offered(minor_of(AwsPlatform.model_fields["kubernetes"].default))
    assert default == settled(AS_OF)
    assert default.standard - AS_OF > KUBERNETES_SOON


@pytest.mark.parametrize(
    ("today", "version"),
    [(date(2026, 11, 28), "1.35"), (date(2026, 11, 29), "1.36"), (date(2025, 1, 1), "1.30")],
)
def test_a_new_stack_starts_with_what_has_been_offered_for_half_a_year(today: date, version: str) -> None:
    assert settled(today).version == version


@pytest.mark.parametrize(("text", "minor"), [("1.36", 36), (None, None), ("1", None), ("1.x", None)])
def test_what_is_no_version_has_no_minor(text: str | None, minor: int | None) -> None:
    assert minor_of(text) == minor
