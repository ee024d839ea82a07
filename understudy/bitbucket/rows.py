"""What a statement gave back."""

from __future__ import annotations

from understudy.kit.database import Row
from understudy.kit.errors import UnderstudyError


def returned(row: Row | None) -> Row:
    """The row of a statement that always gives one.

    Raises:
        UnderstudyError: it gave none.
    """
    if row is None:
        raise UnderstudyError("a statement gave no row")
    return row
