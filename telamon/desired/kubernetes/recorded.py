"""What is written down of a component beside its Stack, and how that is called: a ConfigMap for each sort of record."""

from __future__ import annotations

from typing import Final

JOURNAL: Final = "journal"
"""What was intended, and what came of it."""
CALLS: Final = "calls"
"""What is remembered of calls to products, and what backups there are."""


def sheet_name(stack: str, component: str, *, role: str) -> str:
    """What the record of a component is called.

    Args:
        stack: name of the stack.
        component: whose it is.
        role: which sort of record.
    """
    return f"{stack}.{component}.{role}"
