"""``telamon upgrade`` in a cluster: the file and its lock are changed, and the Stack is written as ``up`` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.cli.version_change import VersionChange


@dataclass(frozen=True)
class ClusterUpgrade:
    """How a person wants a product of a cluster upgraded.

    Attributes:
        kubeconfig: file; ``None``: as ``kubectl`` finds it.
        context: of it; ``None`` for the one in use.
        auth: file with logins to registries; ``None`` for the usual one.
        state: state folder; ``None`` for the usual one. On aws it holds what the ground has told.
        downtime: whether an interruption is agreed to.
        wait: seconds to wait for everything to be ready; ``None``: not at all.
    """

    kubeconfig: Path | None
    context: str | None
    auth: Path | None
    state: Path | None
    downtime: bool
    wait: float | None


def upgrade_in_cluster(
    session: Session, change: VersionChange, *, product: str, file: Path, wishes: ClusterUpgrade
) -> None:
    """Write another version into the file, lock its images, write the Stack, and follow what becomes of it.

    Args:
        session: whose terminal shows it.
        change: of the file.
        product: whose version it is.
        file: the stack file, beside which the lock is.
        wishes: how a person wants it done.

    Raises:
        TelamonError: it was not taken: file and lock are as they were.
        RefusedError: the operator refuses it once it has looked, or what it brought is held.
        TimeoutExpired: it is not ready in time; it goes on.
    """
    from telamon.cli.ground import facts_beside
    from telamon.cli.lock import lock
    from telamon.cli.raising import ClusterWishes, asking, follow
    from telamon.cli.reading import note_doubts, read_file
    from telamon.naming import ProductName, component_name

    words = f"{datetime.fromtimestamp(session.clock.now(), UTC):%Y%m%dT%H%M%SZ}"
    # Words that were never said before: the same ones agree to no other try of what has failed.
    downtime = {str(component_name(ProductName(product))): words} if wishes.downtime else {}
    with ExitStack() as until_done:
        with change.written(), _lock_as_it_was(file):
            found = read_file(session, file)
            note_doubts(session, found)
            if found.stack.spec.environment != "dev":
                # Outside of dev no image without a digest is taken.
                lock(session, found.stack, file=file, auth=wishes.auth)
            facts = facts_beside(session, found.stack, state=wishes.state)
            wanted = ClusterWishes(wishes.kubeconfig, wishes.context, None, facts, wishes.wait, downtime)
            asked = until_done.enter_context(asking(session, found, file=file, wishes=wanted))
        if session.output == "text":
            session.terminal.note(change.patch())
        follow(session, found, asked=asked, wait=wishes.wait)


@contextmanager
def _lock_as_it_was(file: Path) -> Iterator[None]:
    """Where the block fails, the lock is as it was."""
    from telamon.cli.files import replace_text
    from telamon.cli.locking import lock_path

    lock = lock_path(file)
    try:
        before = lock.read_text(encoding="utf-8")
    except FileNotFoundError:
        before = None
    try:
        yield
    except BaseException:
        if before is None:
            lock.unlink(missing_ok=True)
        else:
            replace_text(lock, before)
        raise
