"""The version of a product in a stack file: where it stands, and another one in its place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from telamon.errors import UsageError

if TYPE_CHECKING:
    from telamon.stackfile.edit import Edited

LONGEST_CHAIN: Final = 8
"""Most files of a chain of overlays that are looked through."""
KEPT_ELSEWHERE: Final = "Use --print, and change the file where it is kept."


@dataclass(frozen=True)
class VersionChange:
    """The line that changes, and its file.

    Attributes:
        file: the one that is given, or one that it extends.
        edited: the file with the change.
    """

    file: Path
    edited: Edited

    def patch(self) -> str:
        """The change as people read it."""
        return (
            f"{self.file}:{self.edited.line}\n- {self.edited.before.strip()}\n+ {self.edited.after.strip()}"
        )

    @contextmanager
    def written(self) -> Iterator[None]:
        """Write the file; where the block fails it is as it was: a version that was not taken does not stay in it.

        Raises:
            MachineError: it cannot be written.
        """
        from telamon.cli.files import replace_text

        old = self.file.read_text(encoding="utf-8")
        replace_text(self.file, self.edited.text, remedy=KEPT_ELSEWHERE)
        try:
            yield
        except BaseException:
            replace_text(self.file, old, remedy=KEPT_ELSEWHERE)
            raise


def version_change(file: Path, product: str, *, version: str) -> VersionChange:
    """Find the change, in the file that names the version: the one given, or one that it extends.

    Args:
        file: the stack file.
        product: whose version.
        version: the new one.

    Raises:
        UsageError: no file names one.
    """
    from telamon.stackfile.edit import set_text

    looked = file
    for _ in range(LONGEST_CHAIN):
        text = looked.read_text(encoding="utf-8")
        edited = set_text(text, ("spec", "products", product, "version"), value=version, file=str(looked))
        if edited is not None:
            return VersionChange(looked, edited)
        base = _extended(text, looked)
        if base is None:
            break
        looked = base
    raise UsageError(
        f"no file names the version of {product}",
        remedy=f"Write spec.products.{product}.version into {file}.",
    )


def _extended(text: str, file: Path) -> Path | None:
    from telamon.stackfile.compose import compose
    from telamon.stackfile.tree import Block

    node, _ = compose(text.encode(), file=str(file))
    value = node.value("extends") if isinstance(node, Block) else None
    return None if value is None else Path(os.path.normpath(file.parent / str(value)))
