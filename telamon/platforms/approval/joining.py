"""Handing on what one layer tells to those that rest on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telamon.desired.terraform.data import INPUTS, MANIFEST
from telamon.errors import NotReadyError
from telamon.infra.canonical import read_object
from telamon.infra.inputs import Declared, Standing, join, read_declared, standing
from telamon.platforms.approval.files import read_plain, write_private
from telamon.platforms.terraform.runner import Terraform


@dataclass(frozen=True)
class Joining:
    """The layers of a stack, each in a folder beside the others.

    Attributes:
        terraform: the program.
    """

    terraform: Terraform

    def declared(self, folder: Path) -> Declared | None:
        """What a folder says of its layer; ``None`` where it is no layer, and takes nothing from others.

        Args:
            folder: of one state.
        """
        path = folder / MANIFEST
        return read_declared(read_plain(path)) if path.exists() or path.is_symlink() else None

    def told(self, folder: Path) -> dict[str, Any]:
        """What the earlier layers tell this one now.

        Args:
            folder: of one state.

        Raises:
            NotReadyError: one of them is not there, or was applied from other files than lie in its folder.
        """
        declared = self.declared(folder)
        if declared is None:
            return {}
        sources = sorted(set(declared.sources.values()))
        return join(declared, {source: self.facts(folder.resolve().parent / source) for source in sources})

    def facts(self, folder: Path) -> Mapping[str, Any]:
        """What a layer tells, as long as it stands as its folder says.

        Args:
            folder: of the layer.

        Raises:
            NotReadyError: it was never applied, or not with the files that lie there.
        """
        stands, outputs = self.look(folder)
        if stands is Standing.CURRENT:
            return outputs
        why = {
            Standing.MISSING: "was not applied yet, or not to its end",
            Standing.STALE: "was applied from other files or inputs than lie there now",
        }[stands]
        raise NotReadyError(
            f"the layer {folder.name} {why}",
            remedy=f"Plan it, have it approved, apply it: telamon infra plan {folder}.",
        )

    def look(self, folder: Path) -> tuple[Standing, Mapping[str, Any]]:
        """How a layer stands, and what it tells.

        Args:
            folder: of the layer.

        Raises:
            NotReadyError: there is no such folder, or it is no layer.
        """
        declared = self.declared(folder)
        if declared is None:
            raise NotReadyError(
                f"there is no layer in {folder}",
                remedy="Write it: telamon render FILE --terraform --output DIR.",
            )
        outputs = self.terraform.outputs(folder)
        return standing(declared, outputs, inputs=self._given(folder)), outputs

    def give(self, folder: Path) -> None:
        """Write what the earlier layers tell now to where terraform reads it.

        Args:
            folder: of the layer.
        """
        if self.declared(folder) is None:
            return
        told = self.told(folder)
        if told != self._given(folder):
            write_private(folder / INPUTS, text_of(told))

    def _given(self, folder: Path) -> Mapping[str, Any]:
        path = folder / INPUTS
        return read_object(read_plain(path), what=INPUTS) if path.exists() else {}


def text_of(inputs: Mapping[str, Any]) -> bytes:
    """Inputs as a file of variables.

    Args:
        inputs: by name.
    """
    return (json.dumps(inputs, indent=2, sort_keys=True) + "\n").encode()
