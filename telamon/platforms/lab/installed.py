"""The lab as its controller installed it, for the processes that work beside the controller."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from telamon.desired.in_force import InForce
from telamon.desired.lab.data import LabDesired
from telamon.desired.lab.facts import LabFacts
from telamon.desired.lab.pending import compile_pending
from telamon.errors import PlatformError
from telamon.model.stack import Stack
from telamon.platforms.files import located, write
from telamon.platforms.lab import facts as machine_facts
from telamon.products.registry import products_of

FILE: Final = "run/installed.json"


def keep(root: Path, stack: Stack, *, in_force: InForce) -> None:
    """Write down which stack is installed.

    Args:
        root: state root.
        stack: the stack file.
        in_force: beside what it says.

    Raises:
        MachineError: the disk is full or read-only.
    """
    document = stack.model_dump(mode="json", exclude={"status"})
    kept = {
        "stack": document,
        "releases": dict(in_force.releases),
        "logins": dict(in_force.logins),
        "upgrades": dict(in_force.upgrades),
    }
    write(root / FILE, json.dumps(kept, sort_keys=True))


def stack_file(root: Path) -> Mapping[str, Any]:
    """The flattened stack file that is installed, without status.

    Raises:
        PlatformError: nothing is, or what was kept is damaged.
    """
    return dict(_kept(root)["stack"])


def installed(root: Path) -> tuple[LabFacts, LabDesired]:
    """The facts and the lab that are installed.

    Raises:
        PlatformError: nothing is, or what was kept is damaged.
        MachineError: it cannot be read.
    """
    facts, kept, path = machine_facts.load(root), _kept(root), root / FILE
    if facts is None:
        raise _absent(root)
    try:
        stack = Stack.model_validate(kept["stack"], strict=False)
        releases = _texts(kept["releases"])
        # What an earlier version kept names none of these.
        logins, upgrades = _texts(kept.get("logins", {})), _texts(kept.get("upgrades", {}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path) from error
    registry = products_of({str(name): spec for name, spec in stack.spec.products.items()})
    in_force = InForce(releases, logins, upgrades)
    return facts, compile_pending(stack, facts, registry=registry, in_force=in_force)


def _kept(root: Path) -> Mapping[str, Any]:
    path = root / FILE
    if not path.exists():
        raise _absent(root)
    with located(path):
        text = path.read_text(encoding="utf-8")
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise _damaged(path) from error


def _texts(found: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in found.items()}


def _absent(root: Path) -> PlatformError:
    return PlatformError(f"no stack is installed in {root}", remedy="`telamon up` installs one.")


def _damaged(path: Path) -> PlatformError:
    return PlatformError(f"{path} is damaged", remedy="`telamon up` writes it anew.")
