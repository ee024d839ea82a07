"""Who was made for drills and has not been let go yet, so that a drill that is killed leaves nobody behind for good."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from telamon.platforms.disk import located, replace_file


@dataclass(frozen=True)
class GuestBook:
    """User names by product, in a file; one drill at a time runs on a stack, and nobody else writes it.

    Attributes:
        path: the file; it need not be there yet.
    """

    path: Path

    def read(self) -> Mapping[str, Sequence[str]]:
        """Whom earlier drills have left, by product.

        Raises:
            MachineError: the file cannot be read.
        """
        with located(self.path):
            if not self.path.exists():
                return {}
            text = self.path.read_text(encoding="utf-8")
        try:
            found: Mapping[str, Sequence[str]] = json.loads(text)
        except ValueError:
            # Somebody else wrote it: whom it named stays, and drills go on.
            return {}
        return found

    def add(self, product: str, usernames: Sequence[str]) -> None:
        """Write down who is about to be made: whoever dies while making them has left their names.

        Raises:
            MachineError: the disk is full or read-only.
        """
        known = self.read()
        self._write({**known, product: [*known.get(product, ()), *usernames]})

    def strike(self, product: str, usernames: Sequence[str]) -> None:
        """Forget who has been let go.

        Raises:
            MachineError: the disk is full or read-only.
        """
        known = dict(self.read())
        left = [name for name in known.pop(product, ()) if name not in usernames]
        self._write({**known, product: left} if left else known)

    def _write(self, guests: Mapping[str, Sequence[str]]) -> None:
        with located(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self.path, f"{json.dumps(guests)}\n".encode())
