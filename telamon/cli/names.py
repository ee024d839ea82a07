"""Names that do not exist, and the ones that were probably meant."""

from __future__ import annotations

from collections.abc import Sequence

from telamon.errors import UsageError
from telamon.stackfile.nearest import nearest


def unknown(what: str, name: str, *, known: Sequence[str]) -> UsageError:
    """The error of a name that nobody knows.

    Args:
        what: the sort of thing, e.g. "member".
        name: as it was typed.
        known: what there is.
    """
    near = nearest(name, known)
    listed = ", ".join(known)
    hint = f"Did you mean {near}? " if near else ""
    known_ones = f"There are: {listed}." if known else f"There is no {what} at all."
    return UsageError(f'there is no {what} "{name}"', remedy=f"{hint}{known_ones}")
