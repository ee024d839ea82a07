"""What a value written without quotes means, and which ones no two readers agree on.

Values follow the core schema of YAML 1.2. But kubectl and many editors read YAML 1.1, where ``no`` is false, ``012`` is
ten and ``12:30`` is a number. A value that the two versions read differently is refused with both ways to write it.

Sources: YAML 1.2.2, section 10.3.2 (core schema); YAML 1.1 types bool, int, float and timestamp (yaml.org/type).
"""

from __future__ import annotations

import re
from typing import Final

from telamon.stackfile.tree import PlainScalar

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

_TRUTH_WORD: Final = re.compile(r"y|n|yes|no|on|off", re.IGNORECASE)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?")
_SEXAGESIMAL: Final = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_UNDERSCORED: Final = re.compile(r"[-+]?\.?[0-9][0-9_.]*_[0-9_.]*([eE][-+]?[0-9]+)?")
_OTHER_BASE: Final = re.compile(r"[-+]?0(x[0-9a-fA-F_]+|o[0-7_]+|b[01_]+|[0-9]+)")
_NO_NUMBER: Final = re.compile(r"[-+]?\.inf|\.nan", re.IGNORECASE)


def resolve(text: str) -> PlainScalar:
    """Read a value that was written without quotes.

    Args:
        text: the value, without spaces around it.

    Returns:
        What it means under the core schema of YAML 1.2; text where it is nothing else.
    """
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and not _OTHER_BASE.fullmatch(text):
        return float(text)
    return text


def trap(text: str) -> tuple[str, str] | None:
    """Say why a value without quotes is read differently by different readers.

    Args:
        text: the value, without spaces around it.

    Returns:
        What is wrong and what to write instead; ``None`` where all readers agree.
    """
    quoted = f'write "{text}" in quotes if you mean the text'
    if _TRUTH_WORD.fullmatch(text):
        truth = "true" if text.lower() in {"y", "yes", "on"} else "false"
        return f"some readers take {text} for {truth}, others for text", f"Write {truth}, or {quoted}."
    if _DATE.fullmatch(text):
        return f"some readers take {text} for a date, others for text", f"To be safe, {quoted}."
    if _SEXAGESIMAL.fullmatch(text):
        return f"some readers take {text} for a number of base 60", f"To be safe, {quoted}."
    if _OTHER_BASE.fullmatch(text) and text.lstrip("+-") != "0":
        return (
            f"some readers take {text} for a number of another base",
            f"Write a plain decimal number, or {quoted}.",
        )
    if _UNDERSCORED.fullmatch(text):
        return (
            f"some readers ignore the _ in {text}, others do not",
            f"Write the number without _, or {quoted}.",
        )
    if _NO_NUMBER.fullmatch(text):
        return f"{text} is not a finite number", f"Write a number, or {quoted}."
    return None
