"""``stack.lock.yaml``: which digest each image of a stack has, found once and kept beside the stack file."""

from collections.abc import Mapping
from typing import Annotated, Literal

from telamon.model.base import Doc, Section
from telamon.model.text import ImageReference, Matching

Digest = Annotated[
    str, Matching("a digest", f"sha256:{'0' * 64}", r"sha256:[0-9a-f]{64}", 71),
]  # fmt: skip


class StackLock(Section):
    """The digests of images."""

    api_version: Annotated[Literal["telamon.dev/v1alpha1"], Doc("Version of this format.")]
    kind: Annotated[Literal["StackLock"], Doc("What the document is.")]
    images: Annotated[
        Mapping[ImageReference, Digest], Doc("Digest of each image, by the name that it is pulled by.")
    ]
