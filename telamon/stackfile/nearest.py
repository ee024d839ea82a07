"""The name that was probably meant."""

from __future__ import annotations

from collections.abc import Collection


def nearest(word: str, candidates: Collection[str]) -> str | None:
    """Find the candidate that a slip of the finger turns into the word.

    Args:
        word: what was written.
        candidates: what would be right.

    Returns:
        The candidate with the fewest slips (a letter too many, too few, wrong, or two swapped), capitals aside;
        ``None`` where even that one is too far to be what was meant. The beginning of just one candidate stands for
        that one.
    """
    begun = [
        candidate for candidate in candidates if len(word) > 2 and candidate.lower().startswith(word.lower())
    ]
    if len(begun) == 1:
        return begun[0]
    scored = sorted((_slips(word.lower(), candidate.lower()), candidate) for candidate in candidates)
    if not scored:
        return None
    slips, best = scored[0]
    return best if slips <= max(1, max(len(word), len(best)) // 3) else None


def _slips(left: str, right: str) -> int:
    """Distance of Damerau and Levenshtein, in its form without a second edit inside a swap."""
    older: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        fresh = [i]
        for j, b in enumerate(right, start=1):
            cost = min(row[j] + 1, fresh[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and b == left[i - 2]:
                cost = min(cost, older[j - 2] + 1)
            fresh.append(cost)
        older, row = row, fresh
    return row[-1]
