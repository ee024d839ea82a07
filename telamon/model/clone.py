"""``clone``: a stack that begins with what another one had, and does not act as that one."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from telamon.model.base import Doc, Section
from telamon.model.metadata import StackNameText
from telamon.model.products import ProductKey
from telamon.model.text import AbsolutePath, Matching

BackupName = Annotated[
    str, Matching("the name of a backup", "wiki-20260312T101500Z", r"[A-Za-z0-9][A-Za-z0-9._-]*", 128)
]
BannerText = Annotated[str, Matching("a line of text", "This is a copy.", r"[^\x00-\x1f]+", 1000)]


class CloneSpec(Section):
    """Which stack this one is a copy of. Mail, webhooks and application links of the copy are off.

    `telamon clone` writes this section. What a product begins with is read when it has no data yet, and never again.
    """

    of: Annotated[StackNameText, Doc("Name of the stack that it is a copy of.")]
    source: Annotated[
        AbsolutePath,
        Doc("Folder of that stack's state on this machine. It is read, and nothing in it is changed."),
    ]
    backups: Annotated[
        Annotated[Mapping[ProductKey, BackupName], Field(min_length=1)],
        Doc("Backup that each product begins with; one that is not named begins empty."),
    ]
    banner: Annotated[
        BannerText | None,
        Doc(
            "What every page of a product shows.",
            unset="That it is a copy, of which stack, and of when.",
        ),
    ] = None
