"""Work that renews what products log in or trust one another with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from telamon.plan.work import Work


@dataclass(frozen=True)
class RenewClusterSecret(Work):
    """Make a new secret for the nodes of a cluster, none of which runs. Made twice, the second one counts."""

    kind: ClassVar[str] = "renew-cluster-secret"
