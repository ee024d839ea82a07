"""What is kept on a cluster means the same, however little of it is written."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from telamon.platforms.kubernetes.merging import merge
from telamon.platforms.kubernetes.pruning import FAILURES, KEEPS, SPARE, surplus
from telamon.ports import Entry
from telamon.run.recall import recall

SUBJECTS = (
    "set-up",
    "release:1",
    "release:2",
    "login:a",
    "restart-1:begun",
    "restart-1:told",
    "restart-2:begun",
)
LINES = st.one_of(
    st.tuples(st.sampled_from(["fact", "forgotten"]), st.sampled_from(SUBJECTS), st.just("")),
    st.tuples(st.just("ended"), st.sampled_from(["restart-1", "restart-2"]), st.just("")),
    st.tuples(st.sampled_from(["failure", "healed"]), st.just("it"), st.sampled_from(["a-0", "a-1"])),
    st.tuples(st.sampled_from(["retry", "purge", "intent", "outcome", "note"]), st.just("it"), st.just("")),
)


def entries(lines: list[tuple[str, str, str]]) -> list[Entry]:
    return [
        Entry(number, float(number), "tiny", kind, subject, "why", member)
        for number, (kind, subject, member) in enumerate(lines, start=1)
    ]


@settings(max_examples=25)
@given(st.lists(LINES, min_size=SPARE, max_size=2 * SPARE))
def test_a_record_that_is_pruned_adds_up_to_the_same_memory(lines: list[tuple[str, str, str]]) -> None:
    found = entries(lines)
    gone = {entry.sequence for entry in surplus(found)}
    kept = [entry for entry in found if entry.sequence not in gone]
    assert len(gone) == 0 or len(gone) > SPARE
    before, after = recall(found), recall(kept)
    assert (after.facts, after.retry) == (before.facts, before.retry)
    for member, failures in before.failures.items():
        assert after.failures[member].count == min(failures.count, FAILURES)
    assert after.failures.keys() == before.failures.keys()


@settings(max_examples=15)
@given(st.lists(LINES, max_size=30))
def test_a_record_is_bounded_however_long_it_goes_on(lines: list[tuple[str, str, str]]) -> None:
    found: list[Entry] = []
    for number, entry in enumerate(entries(lines * 40), start=1):
        found.append(entry)
        if number % 100 == 0:
            gone = {each.sequence for each in surplus(found)}
            found = [each for each in found if each.sequence not in gone]
    assert len(found) <= KEEPS + SPARE + 2 * FAILURES + len(SUBJECTS) + 110


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict))


def applied(target: Any, patch: Any) -> Any:
    """A merge patch, applied as RFC 7396 writes it down."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = applied(found.get(key), value)
    return found


def without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return value


@given(DOCUMENTS, DOCUMENTS)
def test_what_is_merged_is_what_was_meant(before: Any, after: Any) -> None:
    start = without_none(before)
    patch = merge(start, after)
    assert applied(start, patch) == without_none(after)
    assert merge(without_none(after), after) == {}
    json.dumps(patch)
