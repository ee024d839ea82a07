"""Rules about stacks that are copies of others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from telamon.stackfile.findings import Finding, Subject
from telamon.stackfile.nearest import nearest
from telamon.stackfile.tree import Path

_CLONE: Final[Path] = ("spec", "clone")


def clone_is_another_stack(subject: Subject) -> Iterator[Finding]:
    """A copy has a name of its own: names of secrets and of its folder are made of it."""
    clone = subject.spec.clone
    if clone is not None and clone.of == subject.stack.metadata.name:
        yield Finding(
            (*_CLONE, "of"),
            f"{clone.of} cannot be a copy of itself",
            "Give the copy a name of its own in metadata.name.",
            also=(("metadata", "name"),),
        )


def clone_is_in_the_lab(subject: Subject) -> Iterator[Finding]:
    """Backups are put into a copy by the lab; a cluster has nobody who does."""
    platform = subject.spec.platform.kind
    if subject.spec.clone is not None and platform != "lab":
        yield Finding(
            _CLONE,
            f"a stack on {platform} cannot begin as a copy yet",
            "Name the lab as its platform, or leave spec.clone out.",
            also=(("spec", "platform", "kind"),),
        )


def cloned_product_is_in_the_stack(subject: Subject) -> Iterator[Finding]:
    """A backup is for a product of this stack whose copies can be kept quiet."""
    clone = subject.spec.clone
    for name in clone.backups if clone is not None else ():
        path = (*_CLONE, "backups", name)
        if name not in subject.spec.products:
            meant = nearest(name, list(subject.spec.products))
            yield Finding(
                path,
                f"the stack has no product {name}",
                f"Write {meant}." if meant else "Name a product of spec.products.",
                also=(("spec", "products"),),
            )
            continue
        product = subject.registry.get(name)
        if product is None or product.clone is None:
            yield Finding(
                path,
                f"nobody says how a copy of {name} is kept from sending mail and calling others",
                "Leave it out here: it then begins empty.",
            )
