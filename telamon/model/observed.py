"""``products.*.observed``: what was seen of a real instance where public sources disagree."""

from typing import Annotated

from telamon.model.base import Doc, Section
from telamon.model.text import UrlPath, Version


class Observed(Section):
    """What `telamon doctor --live` has seen of a real instance; the engine goes by it instead of trying."""

    release: Annotated[
        Version | None, Doc("Version that was looked at.", unset="The instance did not tell.")
    ] = None
    upgrade_base: Annotated[
        UrlPath | None,
        Doc(
            "Path below which the acts of a rolling upgrade are, e.g. /rest/zdu.",
            unset="Every path that a public source names is tried.",
        ),
    ] = None
