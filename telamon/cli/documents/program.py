"""What ``-o json`` prints: what the program tells of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Version:
    """Answer of ``version``.

    Attributes:
        version: of Telamon.
        python: of the interpreter.
    """

    version: str
    python: str


@dataclass(frozen=True)
class Script:
    """Answer of ``completion``.

    Attributes:
        shell: for which shell.
        script: what it has to read.
    """

    shell: str
    script: str
