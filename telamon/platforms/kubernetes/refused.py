"""Verbs that are not performed on a cluster, each with the reason; nothing is touched."""

from __future__ import annotations

from typing import NoReturn

from telamon.desired.component import ComponentDesired
from telamon.errors import PlatformError
from telamon.plan.work import Work


class Refused:
    """What others do on a cluster, and what nobody does there so far."""

    def establish(self, desired: ComponentDesired, member: str) -> None:
        """Making a database server."""
        _refuse_server(member)

    def bootstrap(self, desired: ComponentDesired, member: str) -> None:
        """Making Telamon's own roles."""
        _refuse_server(member)

    def fence(self, desired: ComponentDesired, member: str) -> None:
        """Ending a database server for certain."""
        _refuse_server(member)

    def promote(self, desired: ComponentDesired, member: str) -> None:
        """Letting a standby take writes."""
        _refuse_server(member)

    def follow(self, desired: ComponentDesired, member: str, *, primary: str) -> None:
        """Making a standby."""
        _refuse_server(member)

    def synchronise(self, desired: ComponentDesired, member: str, *, standby: str, term: int) -> None:
        """Letting commits wait for a standby."""
        _refuse_server(member)


def why_not(work: Work) -> str:
    """Why a work is not done on a cluster.

    Args:
        work: any.
    """
    return f"{work.kind} is refused: nobody does such work on a cluster yet"


def _refuse_server(member: str) -> NoReturn:
    _refuse(
        member, "the database server of a cluster is kept by whoever made it: RDS, an operator, its owner"
    )


def _refuse(what: str, why: str) -> NoReturn:
    raise PlatformError(f"{what} is refused: {why}")
