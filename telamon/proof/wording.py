"""From a kind of request to a request: its templates filled in with what the session knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template
from typing import Final

from telamon.products.traffic import Act, Kind
from telamon.proof.meaning import Seen, digest_of, payload_of
from telamon.proof.schedule import Planned
from telamon.proof.wire import Call
from telamon.proof.workload import LoadPlan

MARKS_VERSION: Final = "next_version"


@dataclass(frozen=True)
class Kept:
    """An acknowledged write: what the server calls it, its token, and where it was written to."""

    identity: str
    token: str
    picks: Mapping[str, str]


@dataclass(frozen=True)
class Query:
    """A request with its templates filled in.

    Attributes:
        kind: what is asked.
        call: the request.
        contains: text of a right answer.
        token: of a write; "" for any other.
        picks: pool name to value.
        thing: name of the thing it is about; "" for none.
        element: token of what it removes or opens.
        aim: version that it is to make; 0 for none.
        sent: what a write is made of, where it carries a payload.
    """

    kind: Kind
    call: Call
    contains: str
    token: str
    picks: Mapping[str, str]
    thing: str = ""
    element: str = ""
    aim: int = 0
    sent: Seen | None = None


@dataclass
class Memory:
    """What a session knows: its latest writes, and the versions it has seen.

    Attributes:
        kept: its latest acknowledged write, by kind.
        versions: the latest version it knows of a thing.
    """

    kept: dict[str, Kept] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def learn(self, thing: str, version: int) -> None:
        """A version of a thing was shown or acknowledged."""
        if version > self.versions.get(thing, 0):
            self.versions[thing] = version


def worded(
    planned: Planned, plan: LoadPlan, *, memory: Memory, run: str, session: int, about: Kept | None = None
) -> Query:
    """Fill in what is due, or what stands for it where the session does not know enough yet.

    Args:
        planned: what is due.
        plan: of the run.
        memory: of the session; what is to be removed is taken out of it.
        run: unique text with which every token begins.
        session: number of the session.
        about: the write that it follows, where it is not the session's latest.
    """
    kind = planned.kind
    kept = about or memory.kept.get(kind.follows)
    if kind.follows and kept is None:
        kind = plan.kinds[0]
    # The kind that is sent instead of one that follows may name pools that nothing was picked from.
    first = {name: values[0] for name, values in plan.pools.items()}
    picks = {**first, **planned.picks, **(kept.picks if kept else {})}
    words = {**picks, "session": str(session)}
    if kept is not None:
        words |= {"kept_id": kept.identity, "kept_token": kept.token}
    aim = 0
    if MARKS_VERSION in kind.body or MARKS_VERSION in kind.path:
        version = memory.versions.get(_thing(kind, words), 0)
        reader = plan.reader_of(kind)
        if version or reader is None:
            aim = version + 1
            words[MARKS_VERSION] = str(aim)
        else:
            kind = reader
    if kind.removes:
        memory.kept.pop(kind.follows, None)
    return _filled(kind, words, picks, token=f"{run}-{planned.number}" if kind.write else "", aim=aim)


def _filled(kind: Kind, words: Mapping[str, str], picks: Mapping[str, str], *, token: str, aim: int) -> Query:
    payload = payload_of(token, kind.payload) if kind.payload else ""
    words = {**words, "token": token, "payload": payload}
    call = Call(
        kind.method,
        Template(kind.path).substitute(words),
        tuple(kind.headers.items()),
        Template(kind.body).substitute(words).encode(),
    )
    meaning = kind.meaning
    kept = words.get("kept_token", "") if kind.follows else ""
    return Query(
        kind,
        call,
        Template(kind.contains).substitute(words),
        "" if kind.removes else token,
        picks,
        thing=_thing(kind, words),
        element=kept if meaning is not None and meaning.act in {Act.REMOVE, Act.OPEN} else "",
        aim=aim,
        sent=Seen(size=len(payload), digest=digest_of(payload.encode())) if payload else None,
    )


def _thing(kind: Kind, words: Mapping[str, str]) -> str:
    return "" if kind.meaning is None else Template(kind.meaning.thing).safe_substitute(words)
