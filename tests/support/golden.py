"""Texts that are compared with a file, so that a change of what people see is seen in review."""

from __future__ import annotations

import os
from pathlib import Path

WRITE = "TELAMON_WRITE_GOLDENS"
"""Set it to anything to write the files anew; then look at the difference."""


def matches(path: Path, text: str) -> None:
    """Compare a text with a file.

    Args:
        path: of the file.
        text: what was made.
    """
    if os.environ.get(WRITE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    assert text + "\n" == path.read_text(encoding="utf-8"), f"{path} differs; {WRITE}=1 writes it anew"
