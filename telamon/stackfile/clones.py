"""The stack file of a copy, made of the one that the original had when its backup was taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from telamon.model.clone import CloneSpec
from telamon.model.platform import LabPlatform
from telamon.model.stack import Stack
from telamon.naming import ProductName, StackName
from telamon.stackfile.build import to_yaml
from telamon.state.backups import BackupEntry

_HEAD: Final = """\
# A copy of the stack {of}, written by `telamon clone`. Without spec.clone it would send mail and call others.
"""


def section(entries: Sequence[BackupEntry], *, source: str) -> CloneSpec:
    """What says that a stack is a copy.

    Args:
        entries: the backups that it begins with, of one stack and of a product each.
        source: state folder of that stack.
    """
    return CloneSpec(
        of=StackName(entries[0].stack),
        source=source,
        backups={ProductName(entry.product): entry.name for entry in entries},
    )


def clone_file(entries: Sequence[BackupEntry], *, name: StackName, source: str) -> str:
    """Write the stack file of a copy: what the original's file said, for the products that there are backups of.

    Left out is what belongs to the original alone: addresses and ports, its own place for backups, whom to page. The
    copy is no production, whatever the original is, so that drills and loss are allowed.

    Args:
        entries: as for :func:`section`; the file of the newest of them is taken.
        name: of the copy.
        source: as for :func:`section`.
    """
    newest = max(entries, key=lambda entry: entry.instant)
    original = Stack.model_validate(newest.stack_file, strict=False)
    spec = original.spec
    releases = {entry.product: entry.release for entry in entries}
    products = {
        product: found.model_copy(update={"version": releases[product], "base_url": None})
        for product, found in spec.products.items()
        if product in releases
    }
    platform = spec.platform
    if isinstance(platform, LabPlatform):
        platform = platform.model_copy(update={"network": None})
    made = original.model_copy(
        update={
            "metadata": original.metadata.model_copy(update={"name": name, "annotations": {}}),
            "spec": spec.model_copy(
                update={
                    "environment": "staging",
                    "domain": f"{name}.{spec.domain}",
                    "products": products,
                    "platform": platform,
                    "edge": spec.edge.model_copy(
                        update={"port": None, "ssh": spec.edge.ssh.model_copy(update={"port": None})}
                    ),
                    "backup": spec.backup.model_copy(update={"destination": None, "continuous": False}),
                    "paging": None,
                    "clone": section(entries, source=source),
                }
            ),
        }
    )
    document: dict[str, Any] = made.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude={"status"}
    )
    return _HEAD.format(of=entries[0].stack) + to_yaml(document)
