"""What can be asked of a component once: every verb there is, in the ways that differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from telamon.desired.component import Saving
from telamon.indexfiles.place import IndexPlace
from telamon.naming import DATABASE
from telamon.platforms.memory.parts import Behaviour
from telamon.products.indexing import IndexStrategy, IndexWays
from telamon.products.release import Way
from tests.support.stacks import World

COMPONENT = "tracker"
MEMBER = f"{COMPONENT}-1"
NEW = "1.1.0"
COPY = IndexWays(IndexPlace("index"), (IndexStrategy.COPY,))
SHARED = IndexWays(IndexPlace("index"), (IndexStrategy.SNAPSHOT, IndexStrategy.COPY), shares=True)

SAVED = Saving(asked=True, possible=True, recent=3_600.0)


@dataclass(frozen=True)
class Act:
    """One operation.

    Attributes:
        verb: what is done.
        member: to whom.
        first: what must have been done before.
        component: to what.
        params: how.
        cancelled: whether somebody cancels it while its first work runs.
        way: of the release that is asked for with it; ``None`` where it leaves the release as it is.
        index: what can be done about the index of a node of the component.
        saving: what must be saved before an upgrade.
    """

    verb: str
    member: str = ""
    first: str = ""
    component: str = COMPONENT
    params: Mapping[str, str] = field(default_factory=dict)
    cancelled: bool = False
    way: Way | None = None
    index: IndexWays | None = None
    saving: Saving | None = None

    def __str__(self) -> str:
        ways = [strategy.value for strategy in self.index.strategies] if self.index else []
        saved = f"saved {self.first}".strip() if self.saving else ""
        told = (self.verb, self.member, *self.params, *ways, saved, "cancelled" if self.cancelled else "")
        return " ".join(word for word in told if word)

    @property
    def ending(self) -> str:
        """How it is to end where nobody fails."""
        return "Cancelled" if self.cancelled else "Succeeded"

    def prepare(self, made: World) -> None:
        """Have a running world as the operation needs it, but for what must have been done before."""
        made.desired[COMPONENT] = replace(made.desired[COMPONENT], index=self.index, saving=self.saving)

    def precede(self, made: World) -> None:
        """Have accepted what must have been done before; an upgrade is one whose final tasks fail for good."""
        if self.first == "upgrade":
            made.platform.behave(COMPONENT, Behaviour(stuck_tasks=4))
            made.ask_for_release(COMPONENT, NEW)
            made.operate(COMPONENT, self.first, to=NEW)
        elif self.first:
            made.operate(self.component, self.first, member=self.member, **self.params)

    def ask(self, made: World) -> None:
        """Have the operation accepted."""
        if self.way is not None:
            made.ask_for_release(self.component, NEW, way=self.way)
        made.operate(self.component, self.verb, member=self.member, **self.params)


ACTS = (
    Act("restart"),
    Act("restart", MEMBER),
    Act("backup"),
    Act("verify-backup", params={"from": "b"}),
    Act("restore", params={"from": "b"}),
    Act("restore", params={"from": "b", "time": "2026-01-01T00:00:00+00:00"}),
    Act("prune-backups"),
    Act("tidy-restore"),
    Act("tidy-restore", params={"discard": "yes"}),
    Act("finish-upgrade", first="upgrade"),
    Act("backup", cancelled=True),
    Act("restore", params={"from": "b"}, cancelled=True),
    Act("maintenance-on"),
    Act("maintenance-off", first="maintenance-on"),
    Act("pause"),
    Act("resume", first="pause"),
    Act("quarantine", MEMBER),
    Act("release", MEMBER, first="quarantine"),
    Act("quarantine", MEMBER, params={"replace": "yes"}),
    Act("release", MEMBER, first="quarantine", params={"replace": "yes"}),
    Act("switchover", component=DATABASE),
    Act("rotate-cluster-secret", params={"downtime": "yes"}),
    Act("rotate-database-password"),
    Act("index-rebuild"),
    Act("index-rebuild", MEMBER, cancelled=True),
    Act("index-sync", MEMBER, params={"source": f"{COMPONENT}-0"}, index=COPY),
    Act("index-sync", MEMBER, params={"source": f"{COMPONENT}-0"}, index=SHARED),
    Act("index-sync", MEMBER, params={"source": f"{COMPONENT}-0"}, index=COPY, cancelled=True),
)
"""Operations that leave the release as it is."""

SILENT = frozenset({"pause", "resume"})
"""Verbs that ask nothing of the platform: they are recorded, and that is all."""

RELEASES = (
    Act("upgrade", params={"to": NEW}, way=Way.ROLLING),
    Act("upgrade", first="backup", params={"to": NEW}, way=Way.ROLLING, saving=SAVED),
    Act("upgrade", params={"to": NEW}, way=Way.ROLLING, saving=SAVED),
    Act("major-upgrade", params={"to": NEW}, way=Way.DOWNTIME),
)
"""Operations that change it."""
