"""A list of backups as a job tells it, and as somebody else reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telamon.state.listing import LONGEST, ListedBackup, Listing, product_of, read

WORDS = st.text(max_size=40)
COUNTS = st.integers(min_value=0, max_value=2**60)
LINES = st.builds(ListedBackup, WORDS, WORDS, WORDS, WORDS, COUNTS, COUNTS, WORDS, COUNTS)


@given(st.lists(LINES, max_size=60))
def test_what_is_told_fits_and_the_newest_are_kept(lines: list[ListedBackup]) -> None:
    text = Listing(tuple(lines)).told()
    assert len(text.encode()) <= LONGEST
    found = read(text)
    assert found is not None
    assert found.left_off + len(found.backups) == len(lines)
    assert found.backups == tuple(lines[found.left_off :])


def test_twenty_backups_with_names_as_they_are_made_are_told() -> None:
    line = ListedBackup(
        "confluence-20260312T101500Z-before",
        "scheduled",
        "10.2.7",
        "2026-03-12T10:15:01.123456Z",
        107_374_182_400,
        1_073_741_824,
        "2026-03-12T11:15:01Z",
        3,
    )
    found = read(Listing((line,) * 25, ("confluence-20260312T101501Z",)).told())
    assert found is not None
    assert len(found.backups) >= 20
    assert found.damaged == ("confluence-20260312T101501Z",)


@pytest.mark.parametrize("text", ["", "{}", "[]", "1", '{"backups":[[1]],"damaged":[],"leftOff":0}', "done"])
def test_what_is_no_list_is_none(text: str) -> None:
    assert read(text) is None


def test_a_backup_belongs_to_the_product_that_lists_it_or_would_if_there_were_room() -> None:
    def line(name: str) -> ListedBackup:
        return ListedBackup(name, "asked", "1.0", "2026-03-01T10:00:00Z", 1, 1, "", 0)

    told = {
        "app": Listing((line("app-2"), line("app-3")), left_off=1),
        "app-two": Listing((line("app-two-2"),), damaged=("app-two-1",), left_off=1),
        "web": Listing((line("web-2"),)),
    }
    known = {"app-3": "app", "app-1": "app", "app-two-2": "app-two", "app-two-1": "app-two", "web-2": "web"}
    assert {name: product_of(name, told) for name in known} == known
    # A product whose name begins with another one's has backups of its own.
    assert product_of("app-two-0", told) == "app-two"
    assert product_of("web-1", told) is None
