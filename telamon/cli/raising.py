"""Bringing a stack into a cluster: what ``up`` does there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from telamon.cli.build import locked_stack
from telamon.cli.clusters import connected
from telamon.cli.documents.changed import Changed
from telamon.cli.install import METRICS, wanted
from telamon.cli.manifests import site_of
from telamon.cli.reading import as_data
from telamon.desired.kubernetes.render import bundles
from telamon.errors import NotReadyError

if TYPE_CHECKING:
    from telamon.cli.reading import FileRead
    from telamon.cli.session import Session
    from telamon.platforms.kubernetes.raising import Raising


@dataclass(frozen=True)
class ClusterWishes:
    """How a person wants a stack brought into a cluster.

    Attributes:
        kubeconfig: file; ``None``: as ``kubectl`` finds it.
        context: of it; ``None`` for the one in use.
        operator: image of the operator, with its digest; ``None`` where one is installed.
        facts: files with what the ground told.
        wait: seconds to wait for everything to be ready; ``None``: not at all.
        downtime: components for which an interruption is agreed to, and by which words.
    """

    kubeconfig: Path | None
    context: str | None
    operator: str | None
    facts: Sequence[Path]
    wait: float | None
    downtime: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A Stack that a cluster has taken.

    Attributes:
        raising: goes on with it.
        written: objects that were written for it.
        changed: whether the Stack itself was among them.
        began: instant at which it was begun with.
    """

    raising: Raising
    written: int
    changed: bool
    began: float


def raise_stack(session: Session, found: FileRead, *, file: Path, wishes: ClusterWishes) -> None:
    """Bring a stack into a cluster, and answer with what came of it; run again, it goes on where things stand.

    Args:
        session: whose terminal shows it.
        found: the stack.
        file: its file, beside which the lock is.
        wishes: how a person wants it done.

    Raises:
        NotReadyError: it waits for something that people bring.
        RefusedError: the operator refuses the stack.
        TimeoutExpired: it is not ready in time.
        TelamonError: something failed; the next run goes on from there.
    """
    with asking(session, found, file=file, wishes=wishes) as asked:
        follow(session, found, asked=asked, wait=wishes.wait)


@contextmanager
def asking(session: Session, found: FileRead, *, file: Path, wishes: ClusterWishes) -> Iterator[Asked]:
    """Write a Stack into a cluster, with all that it needs there; the block may follow what becomes of it.

    Args:
        session: whose terminal shows it.
        found: the stack.
        file: its file, beside which the lock is.
        wishes: how a person wants it done.

    Raises:
        NotReadyError: it waits for something that people bring.
        RefusedError: the operator refuses the stack at once.
        TelamonError: something failed; the next run goes on from there.
    """
    began = session.clock.now()
    site = site_of(found, file=file, facts=wishes.facts)
    document = as_data(locked_stack(session, found.stack, file=file))
    name = found.stack.metadata.name

    def tell(sentence: str) -> None:
        if session.output == "text":
            session.terminal.note(f"{name}: {sentence}")

    with connected(wishes.kubeconfig, wishes.context) as api:
        from telamon.platforms.kubernetes.raising import Raising

        raising = Raising(api, site, bundles(site), session.clock, tell)
        if wishes.operator is None and not raising.has_operator():
            raise NotReadyError(
                "the cluster is there, and no operator is installed in it",
                remedy="Say its image, once: telamon up FILE --operator NAME@sha256:…, or `telamon install`.",
            )
        written = 0
        if wishes.operator is not None:
            written += raising.install(tuple(wanted(session, wishes.operator, metrics=METRICS[0])))
        written += raising.prepare()
        changed = raising.ask(document, downtime=wishes.downtime)
        yield Asked(raising, written + changed, bool(changed), began)


def follow(session: Session, found: FileRead, *, asked: Asked, wait: float | None) -> None:
    """Answer with what came of a Stack that was written.

    Args:
        session: whose terminal shows it.
        found: the stack.
        asked: what was written.
        wait: seconds to wait for everything to be ready; ``None``: not at all.

    Raises:
        RefusedError: the operator refuses the stack.
        TimeoutExpired: it is not ready in time.
    """
    told = asked.raising.look() if wait is None else asked.raising.wait(timeout=wait)
    answer = Changed(
        stack=found.stack.metadata.name,
        generation=told.generation,
        changed=asked.changed,
        changes=asked.written,
        ready=told.ready,
        seconds=round(session.clock.now() - asked.began, 1),
        urls=told.urls,
        notes=(),
        warnings=found.warnings,
        not_rehearsed=found.not_rehearsed,
    )
    session.answer(lambda: answer, lambda: _text(answer))


def _text(answer: Changed) -> str:
    if not answer.ready:
        return f"{answer.stack} is being brought up; run it again to wait for it"
    widest = max(map(len, answer.urls), default=0)
    return "\n".join(
        (f"{answer.stack} is ready", *(f"  {name:{widest}}  {url}" for name, url in answer.urls.items()))
    )
