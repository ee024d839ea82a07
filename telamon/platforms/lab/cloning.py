"""What a copy of a stack takes over from the original before its controller begins: names, licences, and no secret."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from telamon.desired.outline import outlines
from telamon.desired.product_secrets import product_secrets
from telamon.errors import PlatformError
from telamon.model.stack import Stack
from telamon.platforms.backup.taking import demand_room
from telamon.platforms.files import make_folder
from telamon.platforms.lab.installed import installed, stack_file
from telamon.platforms.lab.secrets import FileSecrets
from telamon.products.base import SecretValue
from telamon.products.registry import products_of

PUBLIC = ("username", "email", "name")
"""Keys of an account's secret that are in the data of the copy anyhow."""
TIMES = 3
"""Room for a backup that is fetched, tried out and loaded."""
ROOM = "Free some space there, or keep the copy elsewhere: name a folder with --state."


def section_of(root: Path) -> Mapping[str, Any] | None:
    """What the stack installed in a state folder says of being a copy; ``None`` where it is none, or none is there.

    Raises:
        PlatformError: what is kept there is damaged.
    """
    if not (root / "run" / "installed.json").exists():
        return None
    found: Mapping[str, Any] | None = dict(stack_file(root)["spec"]).get("clone")
    return found


def hand_over(root: Path, stack: Stack, *, size: int) -> None:
    """Make a state folder ready for a copy: the accounts are called as in the original, the licences are its.

    Passwords and tokens are not taken over: the copy makes its own. Of the original nothing is changed.

    Args:
        root: state folder of the copy.
        stack: the copy.
        size: bytes of the backups that it begins with.

    Raises:
        PlatformError: the original cannot be read.
        MachineError: there is no room, or the folder cannot be made.
    """
    clone = stack.spec.clone
    if clone is None:
        raise PlatformError(f"{stack.metadata.name} is no copy of another stack")
    source = Path(clone.source)
    installed(source)
    make_folder(root, mode=0o711)
    demand_room(root, TIMES * size, remedy=ROOM)
    theirs, ours = FileSecrets(source / "secrets"), FileSecrets(root / "secrets")
    for part in outlines(stack, products_of({str(name): spec for name, spec in stack.spec.products.items()})):
        if part.companion is not None or part.product_name not in clone.backups:
            continue
        before, now = (product_secrets(name, part, login="") for name in (clone.of, stack.metadata.name))
        pairs = [(before.license, now.license)]
        for old, new in ((before.admin, now.admin), (before.account, now.account)):
            pairs += [(SecretValue(old, key), SecretValue(new, key)) for key in PUBLIC]
        for old_value, new_value in pairs:
            value = theirs.find(old_value)
            if value is not None and ours.find(new_value) is None:
                ours.put(new_value.secret, {new_value.key: value})
