"""What can keep the bench from measuring."""

from __future__ import annotations


class BenchError(Exception):
    """The bench itself cannot go on: the lab does not come up, a generator does not start, content cannot be made."""
