"""What the nodes of a workload tell of the copies that they hold of one another's data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CopiesReport:
    """What one node says of its cluster.

    Attributes:
        nodes: that the cluster counts.
        whole: whether every copy of its data that there should be is there.
        detail: what is missing, for people; "" where nothing is.
    """

    nodes: int
    whole: bool
    detail: str = ""


@dataclass(frozen=True)
class KnownUser:
    """A user that nodes know from their environment, so that nobody makes an account.

    Attributes:
        name: of it.
        purpose: of the secret with its password, as a key of ``NodeContext.secrets``.
    """

    name: str
    purpose: str
