"""Logs as JSON, a line a record, and which look at what a line belongs to.

Every look at something has an id of its own, which stands in each line that is written meanwhile: what one look has
done can be read apart from what others did beside it.
"""

from __future__ import annotations

import itertools
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TextIO

FIELDS: Final = ("reconcile", "subject")


class Looks:
    """Which look a thread is in."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._here = threading.local()

    @contextmanager
    def at(self, subject: str) -> Iterator[None]:
        """Mark the lines that this thread writes until the block ends.

        Args:
            subject: what is looked at.
        """
        before = self.fields()
        self._here.fields = {"reconcile": next(self._numbers), "subject": subject}
        try:
            yield
        finally:
            self._here.fields = before

    def fields(self) -> dict[str, Any]:
        """The id of the look that this thread is in, and its subject; empty outside of one."""
        return dict(getattr(self._here, "fields", {}))

    def filter(self, record: logging.LogRecord) -> bool:
        """Note on a record to which look it belongs; it is taken while its thread still is in it."""
        for name, value in self.fields().items():
            setattr(record, name, value)
        return True


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line.

        Args:
            record: to be written.
        """
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def write_json(stream: TextIO, looks: Looks) -> None:
    """Have everything that is logged from now on be written as JSON.

    Args:
        stream: where to.
        looks: which tell what a line belongs to.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    handler.addFilter(looks.filter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
