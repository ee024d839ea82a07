"""Waiting with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(holds: Callable[[], object], *, within: float = 60.0) -> None:
    """Look again and again until something holds.

    Raises:
        AssertionError: it did not, within the given seconds.
    """
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, f"never so within {within} s"
        time.sleep(0.02)
