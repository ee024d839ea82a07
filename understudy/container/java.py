"""``java``, as far as a pod calls it by name: for Synchrony, which is a class in an archive of Confluence's image.

Sources: Oracle, "The java Command" (``-classpath``, ``-D``, the message for a class that is not there); atlassian/
data-center-helm-charts, chart ``confluence``, ``templates/synchrony-start-script.yaml`` (class path and main class).
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CLASSES = {"synchrony.core": ("synchrony-standalone.jar", "understudy.synchrony")}
"""Each with the archive that has it, and the module that stands in for it."""
_ARGUMENTS = "JVM_SUPPORT_RECOMMENDED_ARGS"


@dataclass(frozen=True)
class Call:
    """A command line.

    Attributes:
        options: of the virtual machine.
        archives: of the class path.
        name: of the class.
    """

    options: tuple[str, ...]
    archives: tuple[Path, ...]
    name: str

    @classmethod
    def read(cls, words: Sequence[str]) -> Call:
        """Read one.

        Args:
            words: without the program.
        """
        options: list[str] = []
        archives: list[Path] = []
        waiting = list(words)
        while waiting and waiting[0].startswith("-"):
            word = waiting.pop(0)
            if word in {"-classpath", "-cp"} and waiting:
                archives += [file for place in waiting.pop(0).split(":") for file in _files(place)]
            else:
                options.append(word)
        return cls(tuple(options), tuple(archives), waiting[0] if waiting else "")


def main() -> None:
    """Become what stands in for the class; the process ends with 1 where the class is not there."""
    call = Call.read(sys.argv[1:])
    archive, module = CLASSES.get(call.name, ("", ""))
    if not module or archive not in {file.name for file in call.archives}:
        sys.exit(f"Error: Could not find or load main class {call.name}")
    words = [*shlex.split(os.environ.get(_ARGUMENTS, "")), *call.options]
    variables = {**os.environ, _ARGUMENTS: shlex.join(words)}
    os.execve(sys.executable, (sys.executable, "-m", module), variables)  # noqa: S606 - itself.


def _files(place: str) -> list[Path]:
    """What a place of the class path names: a file, or with ``*`` every archive of a folder."""
    path = Path(place)
    if path.name == "*":
        return sorted(path.parent.glob("*.jar"))
    return [path] if path.is_file() else []


if __name__ == "__main__":
    main()
