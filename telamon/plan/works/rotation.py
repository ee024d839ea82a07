"""Work that renews what products log in or trust one another with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from telamon.plan.work import Work


@dataclass(frozen=True)
class RenewClusterSecret(Work):
    """Make a new secret for the nodes of a cluster, none of which runs. Made twice, the second one counts."""

    kind: ClassVar[str] = "renew-cluster-secret"


@dataclass(frozen=True)
class EnableLogin(Work):
    """Let a role that nobody uses log in to a product's database, with a new password.

    Made twice, the second password counts.

    Attributes:
        role: that logs in; it is made where it is missing.
    """

    kind: ClassVar[str] = "enable-login"
    role: str


@dataclass(frozen=True)
class DisableLogin(Work):
    """Let a role log in to a product's database no more, and end the sessions that it still has.

    Attributes:
        role: that nobody needs to log in as any more.
    """

    kind: ClassVar[str] = "disable-login"
    role: str


WORKS: Final[tuple[type[Work], ...]] = (RenewClusterSecret, EnableLogin, DisableLogin)
