"""Bytes to text: how large a file may be, and in which encoding it is read."""

from __future__ import annotations

import codecs
from typing import Final

from telamon.errors import Problem

LARGEST: Final = 1024 * 1024
"""Most bytes of a file. Kubernetes keeps no object of more than about 1.5 MB either."""

_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode(content: bytes, *, file: str) -> str | Problem:
    """Read a file as text.

    Args:
        content: the file.
        file: its name.

    Returns:
        The text, without a byte order mark; or why it is none, and where.
    """
    if len(content) > LARGEST:
        message = f"the file has {len(content):,} bytes, and {LARGEST:,} are the most"
        remedy = "Check that this is the stack file; move what does not belong in it elsewhere."
        return Problem(file, 1, 1, "", message, remedy, "file-size")
    if content.startswith(_UTF16):
        return Problem(file, 1, 1, "", "the file is written in UTF-16", "Save it as UTF-8.", "encoding")
    try:
        return content.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        return _not_utf8(content, error.start, file)


def _not_utf8(content: bytes, at: int, file: str) -> Problem:
    before = content[:at]
    line = before.count(b"\n") + 1
    column = len(before.rpartition(b"\n")[2].decode("utf-8", errors="replace")) + 1
    message = f"byte 0x{content[at]:02x} is not UTF-8"
    return Problem(file, line, column, "", message, "Save the file as UTF-8.", "encoding")
