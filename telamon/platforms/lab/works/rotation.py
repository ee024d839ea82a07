"""Renews secrets where the nodes of a lab find them when they start."""

from __future__ import annotations

import secrets as randomness

from telamon.naming import secret_name
from telamon.plan.works.rotation import RenewClusterSecret
from telamon.platforms.lab.secrets import PASSWORD_BYTES
from telamon.platforms.lab.works.context import Context


def renew(context: Context, _work: RenewClusterSecret) -> str:
    """Put a new secret where the old one was.

    Raises:
        MachineError: the disk is full or read-only.
    """
    name = secret_name(context.lab.stack, context.part.desired.product, purpose="cluster")
    context.secrets.put(name, {"secret": randomness.token_urlsafe(PASSWORD_BYTES)})
    return "done"
