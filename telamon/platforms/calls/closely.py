"""A close look at one node: its cluster, its index, its health, as its own REST tells them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from telamon.desired.calls import WorkloadProbe
from telamon.errors import TelamonError
from telamon.platforms.rest import Credential, perform
from telamon.products.base import (
    CopiesReport,
    Flow,
    HealthReport,
    Identity,
    IndexKeeper,
    IndexReport,
    NodeSeen,
    Workload,
)
from telamon.products.notes import LOGIN_REFUSED

T = TypeVar("T")


def _no_note(_text: str) -> None:
    """Looking changes nothing, so there is nothing to remember."""


@dataclass(frozen=True)
class Findings:
    """What a close look found; ``None`` says nothing either way.

    Attributes:
        nodes: the cluster as this node sees it.
        index: its search index.
        copies: of the cluster's data.
        database: whether it reaches its database.
        refused: whether the node did not believe who asks.
        trouble: why something could not be found out, or "".
    """

    nodes: tuple[NodeSeen, ...] | None = None
    index: IndexReport | None = None
    copies: CopiesReport | None = None
    database: bool | None = None
    refused: bool = False
    trouble: str = ""


def look(workload: Workload, *, probe: WorkloadProbe, credentials: Mapping[Identity, Credential]) -> Findings:
    """Ask a node everything. Nothing is raised: what cannot be found out stays unknown."""
    troubles: list[str] = []
    refusals: list[str] = []

    def note(text: str) -> None:
        if text.startswith(LOGIN_REFUSED):
            refusals.append(text)

    def find(flow: Flow[T]) -> T | None:
        if refusals:
            # Every further question would be a further refused log-in, and three of them raise a CAPTCHA.
            flow.close()
            return None
        try:
            return perform_flow(flow, probe, credentials=credentials, on_note=note)
        except TelamonError as error:
            troubles.append(str(error))
            return None

    nodes = find(workload.membership()) if workload.clustered else None
    index = find(workload.index_report()) if workload.index is IndexKeeper.NODE else None
    copies = find(workload.copies()) if workload.keeps_copies else None
    concerning = [report for report in find(workload.health_checks()) or () if report.concerns_database]
    database = all(report.healthy for report in concerning) if concerning else None
    return Findings(nodes, index, copies, database, bool(refusals), "; ".join(troubles))


def health(
    workload: Workload,
    *,
    probe: WorkloadProbe,
    credentials: Mapping[Identity, Credential],
    authority: str | None = None,
) -> tuple[HealthReport, ...]:
    """The product's own health checks, of a node or, where the probe leads there, through the front door.

    Args:
        workload: says how to ask.
        probe: where.
        credentials: as whom.
        authority: whom to trust (PEM), where the front door speaks TLS.

    Raises:
        TelamonError: they could not be asked for.
    """
    return perform_flow(workload.health_checks(), probe, credentials=credentials, authority=authority)


def perform_flow(
    flow: Flow[T],
    probe: WorkloadProbe,
    *,
    credentials: Mapping[Identity, Credential],
    authority: str | None = None,
    on_note: Callable[[str], None] = _no_note,
) -> T:
    """Ask a node something that changes nothing.

    Args:
        flow: what to ask.
        probe: where.
        credentials: as whom.
        authority: whom to trust (PEM), where TLS is spoken there.
        on_note: is told what must be remembered.

    Raises:
        TelamonError: it could not be asked for.
    """
    secured = probe.secured
    return perform(
        flow,
        authority=authority if secured is None else secured.authority,
        name="" if secured is None else secured.name,
        endpoint=probe.endpoint,
        front=probe.front,
        credentials=credentials,
        on_note=on_note,
        cancelled=_never,
    )


def _never() -> bool:
    return False
