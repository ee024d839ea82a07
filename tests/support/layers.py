"""Layers that need no provider: each makes one thing, keeps a list of what was made, and rests on those before it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from telamon.desired.terraform.data import APPLIED, MANIFEST, MARK
from telamon.infra.words import Summary
from telamon.platforms.approval.desk import Desk
from telamon.platforms.aws.ascent import Ascent, Found, Place, Watcher
from telamon.platforms.clock import SteadyClock
from tests.support.approval import Office

RESTS: Mapping[str, Mapping[str, str]] = {
    "network": {},
    "cluster": {"vpc_id": "network"},
    "data": {"vpc_id": "network", "nodes_security_group_id": "cluster"},
}
"""What each layer takes, and from which."""
TELLS: Mapping[str, Mapping[str, str]] = {
    "network": {"vpc_id": "vpc-1"},
    "cluster": {"nodes_security_group_id": "sg-1"},
    "data": {"backup_bucket": "backups"},
}
PREVIEWS = {"vpc_id": "vpc-00000000000000000", "nodes_security_group_id": "sg-00000000000000000"}
THINGS = 3
"""How many things a layer makes, one after another."""


def write_layer(folder: Path, log: Path, *, version: str = "1", seconds: float = 0) -> None:
    """Write the files of one layer.

    Args:
        folder: of the layer, named like it.
        log: to which a line is added for everything that is made.
        version: makes the configuration another one, and replaces nothing.
        seconds: how long each thing takes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name, sources = folder.name, RESTS[folder.name]
    configuration = f"sha256:{name}-{version}"
    mark = {
        "input": {
            "configuration": configuration,
            "inputs": {item: f"${{var.{item}}}" for item in sources},
        },
        "depends_on": [f"terraform_data.thing_{THINGS - 1}"],
    }
    variables = {item: {"type": "string", "nullable": False} for item in sources}
    content = {
        **({"variable": variables} if variables else {}),
        "resource": {
            "terraform_data": _things(name, log, version=version, seconds=seconds) | {"applied": mark}
        },
        "output": {
            **{tells: {"value": value} for tells, value in TELLS[name].items()},
            MARK: {"value": f"${{{APPLIED}.output}}"},
        },
    }
    (folder / "main.tf.json").write_text(json.dumps(content), encoding="utf-8")
    manifest = {
        "layer": name,
        "configuration": configuration,
        "inputs": sources,
        "previews": {item: PREVIEWS[item] for item in sources},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def _things(name: str, log: Path, *, version: str, seconds: float) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number in range(THINGS):
        command = f"sleep {seconds}; echo {name}.{number} >> {shlex.quote(str(log))}"
        thing: dict[str, Any] = {
            "input": version,
            "provisioner": {"local-exec": {"when": "create", "command": command}},
        }
        if number:
            thing["depends_on"] = [f"terraform_data.thing_{number - 1}"]
        found[f"thing_{number}"] = thing
    return found


@dataclass(frozen=True)
class Saying:
    """A scanner that says of every plan what a test says."""

    report: bytes

    def scan(self, plan: bytes, *, part: str) -> bytes:
        return self.report


@dataclass
class Hill:
    """An office with layers, and somebody who watches.

    Attributes:
        office: people, keys and lists.
        said: everything that was told.
        shown: plans that were shown.
    """

    office: Office
    said: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    @classmethod
    def new(cls, folder: Path, *, seconds: float = 0) -> Hill:
        """One with files and nothing applied."""
        hill = cls(Office.new(folder))
        for name in RESTS:
            write_layer(hill.ground / name, hill.log, seconds=seconds)
        return hill

    @property
    def ground(self) -> Path:
        return self.office.folder / "ground"

    @property
    def log(self) -> Path:
        return self.office.folder / "made.log"

    @property
    def desk(self) -> Desk:
        return self.office.desk

    @property
    def ascent(self) -> Ascent:
        return Ascent(self.desk, self.ground, tuple(RESTS))

    @property
    def made(self) -> Sequence[str]:
        """Everything that was ever made, in the order in which it was."""
        return self.log.read_text(encoding="utf-8").split() if self.log.exists() else []

    def climb(self, *, report: bytes | None = None) -> list[Found]:
        """Bring every layer as far as it can be brought."""

        def show(plan_id: str, _summary: Summary) -> None:
            self.shown.append(plan_id)

        watcher = Watcher(self.said.append, show, lambda _question: None)
        desk = replace(self.desk, scanner=None if report is None else Saying(report))
        ascent = replace(self.ascent, desk=desk)
        return list(ascent.climb(self.office.keys["bob"], watcher=watcher))

    def approve(self, found: Sequence[Found]) -> None:
        """Let enough people sign everything that waits for it."""
        for each in found:
            if each.place is Place.WAITS:
                self.office.approve(each.plan_id, "ada", "cyd")

    def to_the_top(self) -> list[Found]:
        """Climb and approve until everything stands."""
        found: list[Found] = []
        for _ in range(len(RESTS) + 1):
            found = self.climb()
            if all(each.place is Place.STANDS for each in found):
                return found
            self.approve(found)
        raise AssertionError(f"never came to the top: {found}")


def main(folder: str) -> None:
    """Climb in a process of its own, to be killed at any line."""
    hill = Hill(Office(Path(folder)))
    desk = replace(hill.desk, clock=SteadyClock())
    watcher = Watcher(lambda _sentence: None, lambda _plan, _summary: None, lambda _question: None)
    ascent = replace(hill.ascent, desk=desk)
    list(ascent.climb(hill.office.keys["bob"], watcher=watcher))


def everything() -> list[str]:
    """What is made when each thing is made once."""
    return [f"{name}.{number}" for name in RESTS for number in range(THINGS)]


if __name__ == "__main__":
    main(sys.argv[1])
