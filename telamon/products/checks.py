"""Checks of a product's section of the stack file that several products share.

A product lists the ones that apply to it in its own ``checks`` module, in the order in which they are reported. Each
yields where below the product's section the fault is, what is wrong, and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from telamon.model.products import ProductSpec
from telamon.model.stack import StackSpec

Breach = tuple[str, str, str]
"""Path below the product's section, message, remedy."""

_RELEASE: Final = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?")


def release_is_complete(spec: ProductSpec, *, example: str) -> Iterator[Breach]:
    """A release has three numbers; two of them name a series, and a series moves under one's feet."""
    if spec.version is not None and _RELEASE.fullmatch(spec.version) is None:
        yield (
            "version",
            f'"{spec.version}" is not a release, which has three numbers',
            f'Write a whole version, e.g. "{example}".',
        )


def edition_is_known(spec: ProductSpec, *, editions: Collection[str]) -> Iterator[Breach]:
    """An edition is one that the product has."""
    if spec.edition is not None and spec.edition not in editions:
        have = f"Write one of {', '.join(editions)}." if editions else "Remove it: the product has only one."
        yield "edition", f'there is no edition "{spec.edition}"', have


def variable_is_not_ours(spec: ProductSpec, *, ours: Collection[str]) -> Iterator[Breach]:
    """What differs from node to node, or is told to peers, cannot be the same text for all nodes."""
    for name in spec.env:
        if name in ours:
            yield (
                f"env.{name}",
                f"{name} differs from node to node, and Telamon sets it",
                "Remove it.",
            )


def shared_home_is_not_on_efs(spec: ProductSpec, stack: StackSpec) -> Iterator[Breach]:
    """Repositories on EFS are slow and unsupported.

    Source: Atlassian, "Bitbucket Data Center requirements": the shared home must be on NFS, and Amazon EFS is not
    supported.
    """
    own = spec.storage.shared_home.volume
    volume = own or stack.storage.shared
    on_aws = volume is None and stack.platform.kind == "aws"
    if on_aws or (volume is not None and volume.kind == "efs"):
        where = "storage.sharedHome.volume"
        source = (
            ""
            if own is not None
            else " of storage.shared"
            if volume is not None
            else " that aws has by default"
        )
        yield (
            f"{where}.kind" if own is not None else where,
            f"the shared home cannot be on the EFS{source}: repositories need NFS with low latency",
            "Write storage: sharedHome: volume: with kind openzfs or nfs for this product.",
        )
