"""The work by which a copy of another stack begins, for the lab that is installed."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from telamon.errors import PlatformError
from telamon.plan.works.clone import SeedClone
from telamon.platforms.backup.catalogue import Catalogue
from telamon.platforms.backup.taking import Shelf
from telamon.platforms.backup.workplace import WORKPLACE
from telamon.platforms.lab.backup.cloning import Making, seed
from telamon.platforms.lab.installed import installed
from telamon.platforms.lab.secrets import FileSecrets
from telamon.platforms.lab.works.backup import manager_of, place_of, progress_of, reader_of
from telamon.platforms.lab.works.context import Context
from telamon.products.base import SecretValue
from telamon.products.clone import SALT_BYTES, CloneInputs

MARKS: Final = "clone"
"""Folder of a state root with a file for every product whose copy is made."""
SECRET_BYTES: Final = 32


def begin(context: Context, work: SeedClone) -> str:
    """Put the data of a backup of the original in place."""
    product, clone = context.part.product, context.lab.clone
    if product is None or product.clone is None or clone is None:
        raise PlatformError(f"{context.component} does not begin as a copy")
    shelf = _shelf(context, Path(clone.source))
    entry = shelf.catalogue.get(work.name)
    release = context.part.desired.members[0].release
    if (entry.product, entry.release) != (context.part.desired.product, release):
        raise PlatformError(
            f"{entry.name} is of {entry.product} {entry.release}, and {context.component} is of {release}",
            remedy="Write the release of the backup into the stack file of the copy.",
        )
    making = Making(
        place=place_of(context),
        manager=manager_of(context),
        shelf=shelf,
        backup=product.backup,
        rules=product.clone,
        inputs=_inputs(context),
        mark=context.root / MARKS / f"{context.part.desired.product}.json",
    )
    seed(entry, making, progress=progress_of(context))
    return entry.name


def _shelf(context: Context, source: Path) -> Shelf:
    """Where the original keeps its backups; of the original, nothing but its own words about them is read."""
    _, original = installed(source)
    if original.backup is None:
        raise PlatformError(f"the stack in {source} keeps its backups where the lab cannot read them")
    value = original.backup.password
    password = FileSecrets(source / "secrets").get(value.secret, value.key)
    return Shelf(
        Catalogue(Path(original.backup.folder)), password, context.root / WORKPLACE, reader_of(context)
    )


def _inputs(context: Context) -> CloneInputs:
    part = context.part
    if part.set_up is None or part.database is None:
        raise PlatformError(f"{context.component} has neither accounts nor a database")

    def value(of: SecretValue) -> str:
        return context.secrets.get(of.secret, of.key)

    database = part.database
    return CloneInputs(
        base_url=part.set_up.base_url,
        banner=part.banner,
        admin=value(part.set_up.admin_username),
        admin_password=value(part.set_up.admin_password),
        account=value(part.set_up.account_username),
        account_password=value(part.set_up.account_password),
        jdbc_url=f"jdbc:postgresql://{database.endpoint}/{database.name}",
        database_user=database.user,
        database_password=value(database.password),
        fresh_secret=randomness.token_urlsafe(SECRET_BYTES),
        salts=(randomness.token_bytes(SALT_BYTES), randomness.token_bytes(SALT_BYTES)),
    )


DOERS: Final[Mapping[str, Callable[[Context, Any], str]]] = MappingProxyType({SeedClone.kind: begin})
"""By kind."""
