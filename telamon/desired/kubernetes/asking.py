"""What the stack file asks of a component's pods, apart from how this Telamon renders it.

The revision of a template changes with either. Which of the two it was decides whether pods are replaced: a file that
asks for something else is brought into force at once, and a Telamon that renders the same file otherwise waits for the
next start of each pod (`docs/adr/0057-own-upgrade-restarts-nobody.md`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from telamon.desired.kubernetes.data import digest
from telamon.desired.kubernetes.facts import as_text
from telamon.desired.kubernetes.site import Part, Site
from telamon.naming import CompanionName, ProductName

ELSEWHERE: Final[Mapping[str, Any]] = MappingProxyType(
    dict.fromkeys(("access", "backup", "drills", "maintenance", "paging", "products", "soak"), True)
    | {"images": {"digests"}}
)
"""Sections of a file of which nothing reaches a pod, and those of which a component has its own part."""


def asked_of(part: Part, site: Site) -> str:
    """A fingerprint of all that is asked of a component's pods.

    That is by the file, by what lies below the cluster, and by what was rotated. It may change where no template does,
    which costs nothing: as long as the same Telamon renders the same template, its pods count as current whatever was
    asked.

    Args:
        part: the component.
        site: the stack.
    """
    # Only what somebody wrote: defaults are Telamon's, and another one has others.
    section = site.spec.products[ProductName(part.outline.product_name)]
    secrets = part.secrets
    whole = site.spec.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=dict(ELSEWHERE))
    return digest(
        {
            "release": part.outline.release,
            "product": _written(section.model_dump(mode="json", by_alias=True, exclude_unset=True)),
            # Of a Stack in a cluster the images are written down with nothing but the digests of its lock.
            "stack": _written(whole),
            "digests": [name.partition("@")[2] for name in _images(part, site)],
            "facts": as_text(site.facts),
            "login": secrets.login,
            "passwords": [[each.secret, each.key] for each in (secrets.database, secrets.cluster)],
        }
    )


def _written(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section without those of which nothing is written: an empty one says no more than none."""
    found = {key: _written(value) if isinstance(value, Mapping) else value for key, value in section.items()}
    return {key: value for key, value in found.items() if value != {}}


def _images(part: Part, site: Site) -> Iterator[str]:
    """The images that the file chooses; that of a companion without a version is Telamon's choice."""
    if part.is_product:
        yield part.image
        yield from (site.images.name(sidecar.image) for sidecar in part.spec.sidecars)
    elif part.outline.companion is not None:
        section = part.spec.companions.get(CompanionName(part.outline.companion.name))
        if section is not None and section.version is not None:
            yield part.image
