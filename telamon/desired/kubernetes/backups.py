"""Where the backups of a product go on a cluster, and what is needed to take one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from telamon.desired.kubernetes.database import database
from telamon.desired.kubernetes.environment import database_link
from telamon.desired.kubernetes.site import Part, Site, database_spec
from telamon.desired.kubernetes.storage import shared_claim
from telamon.model.care import ClaimDestination
from telamon.model.database import GROWS_BY, ExternalDatabase, RdsDatabase
from telamon.naming import API_VERSION, STACK_KIND, secret_name
from telamon.products.base import DatabaseLink, SecretValue


@dataclass(frozen=True)
class SavingDesired:
    """How the data of a product are saved.

    Attributes:
        claim: of the backups, in the namespace of the product.
        vault: password of what lies there.
        shared: claim of the shared home; ``None`` where the product has none.
        database: where it is, and as whom its nodes log in.
        authorities: those that the server's certificate is checked against; ``None`` for those of the image.
        keep: seconds for which a backup is kept.
        disk: bytes that the disk of the database's server can come to; ``None`` where others keep it.
        stack_file: the flattened Stack.
    """

    claim: str
    vault: SecretValue
    shared: str | None
    database: DatabaseLink
    authorities: SecretValue | None
    keep: float
    disk: int | None
    stack_file: Mapping[str, Any]


def saving_of(part: Part, site: Site) -> SavingDesired | None:
    """How a product's data are saved; ``None`` where the file names no claim, or there are no data.

    Args:
        part: the product's own nodes.
        site: the stack.
    """
    destination = site.spec.backup.destination
    has_data = part.is_product and part.workload.needs_database
    if not has_data or not isinstance(destination, ClaimDestination):
        return None
    authorities = site.spec.security.authorities
    return SavingDesired(
        claim=destination.claim,
        vault=vault_secret(site, part.outline.product_name),
        shared=shared_claim(part, site) if part.container.shared_home else None,
        database=database_link(part, database(site)),
        authorities=None
        if authorities is None
        else SecretValue(authorities.secret, authorities.key or "authorities"),
        keep=site.spec.backup.keep.seconds,
        disk=_disk(part, site),
        stack_file={
            "apiVersion": API_VERSION,
            "kind": STACK_KIND,
            "metadata": {"name": site.stack},
            "spec": site.spec.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True),
        },
    )


def _disk(part: Part, site: Site) -> int | None:
    """How large the disk of a product's database server can come to be, in bytes."""
    chosen = database_spec(site.spec)
    if part.spec.database is not None or isinstance(chosen, ExternalDatabase):
        return None
    grown = GROWS_BY if isinstance(chosen, RdsDatabase) else 1
    return chosen.storage.count * grown


def vault_secret(site: Site, product: str) -> SecretValue:
    """The password of a product's backups; who has lost it has lost them.

    Args:
        site: the stack.
        product: name of the product.
    """
    return SecretValue(secret_name(site.stack, product, purpose="backup"), "password")
