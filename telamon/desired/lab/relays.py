"""The relays: one process that stands in every link between two parts, where a stack is there to be disturbed.

Every pair of members has an address of its own, on which the relay takes what the one says to the other, on the ports
of the one that listens. A product whose nodes find one another by what each tells of itself is told the address of a
relay to tell; who connects there is known by the address that the connection comes from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from telamon.desired.component import ComponentDesired, MemberDesired, Policy
from telamon.desired.lab.data import (
    FileDesired,
    FolderDesired,
    LabComponent,
    Link,
    ProcessDesired,
    RelayProbe,
)
from telamon.desired.lab.facts import LabFacts
from telamon.desired.lab.fingerprint import desired_fingerprint, process_revision
from telamon.desired.lab.needs import ANYBODY
from telamon.desired.outline import Outline
from telamon.naming import RELAYS, member_name
from telamon.state.classify import Patience
from telamon.state.world import ComponentKind

RELEASE = "1"
MEMBER = member_name(RELAYS, 0)
MODULE = "telamon.platforms.lab.faults.relay"
LINKS = "relays/links.json"
FAULTS = "relays/faults.json"
SOCKET = f"run/{MEMBER}.sock"
CLOCK_RIGHT = "+0\n"
WAITS = "5"
"""Milliseconds of every wait on a condition with an end, in a process whose clock can be moved."""


def clock_file(member: str) -> str:
    """The file that says how far off the clock of a member is, below the state root."""
    return f"relays/{member}.clock"


def movable_clock(facts: LabFacts, member: str) -> Mapping[str, str]:
    """The environment in which a member's clock can be moved while it runs.

    Args:
        facts: of the machine.
        member: whose clock.
    """
    return clock_environment(facts.faketime, facts.path(clock_file(member)))


def clock_environment(library: str, file: str) -> Mapping[str, str]:
    """The environment in which the clock of a program can be moved while it runs.

    Source: libfaketime, README: an offset in the file is looked at again after the given number of seconds; the
    monotonic clock, by which programs wait, is left alone; nothing is kept in shared memory, which whoever is killed
    leaves behind.

    Up to 0.9.12 the monotonic clock is moved in one place all the same, also where the offset is nothing:
    ``pthread_cond_timedwait`` (commit a2e406c of libfaketime, "Fix MONOTONIC pthread_cond_timedwait when REALTIME is
    set"). A thread of Python that waits for the interpreter's lock by it never sleeps then: with eight threads that
    compute, a twelfth of the work gets done. ``FAKETIME_WAIT_MS`` says how long such a wait is instead; what is said
    is the interval of CPython (``sys.getswitchinterval``), whose other locks wait by something else.

    Args:
        library: path of libfaketime's.
        file: that says how far off the clock is.
    """
    return {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": file,
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DISABLE_SHM": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_WAIT_MS": WAITS,
    }


def relays_component(parts: Sequence[Outline], facts: LabFacts, *, links: Iterable[Link]) -> LabComponent:
    """The relays as a component of one member.

    Args:
        parts: every component of the products.
        facts: of the machine.
        links: between them.
    """
    clocks = _members(parts) if facts.faketime else ()
    files = (
        FileDesired(LINKS, json.dumps(_lines(links, facts), indent=1) + "\n"),
        *(FileDesired(clock_file(member), CLOCK_RIGHT, mode=0o644, once=True) for member in clocks),
    )
    argv = (
        *(facts.python, "-P", "-m", MODULE),
        *("--links", facts.path(LINKS), "--faults", facts.path(FAULTS), "--socket", facts.path(SOCKET)),
    )
    process = ProcessDesired(
        member=MEMBER,
        component=RELAYS,
        ordinal=0,
        release=RELEASE,
        argv=argv,
        environment={},
        cwd=facts.path("relays"),
        address=f"127.{facts.network}.{facts.slots[RELAYS]}.0/24",
        probe=RelayProbe(facts.path(SOCKET)),
        folders=(FolderDesired("run", 0o711), FolderDesired("relays")),
    )
    desired = ComponentDesired(
        name=RELAYS,
        kind=ComponentKind.RELAYS,
        product=RELAYS,
        # The list of links is read again when it changes, so it is no ground for a restart.
        members=(MemberDesired(MEMBER, 0, process_revision(argv, {}, cwd=process.cwd), RELEASE),),
        objects=desired_fingerprint(files),
        required_by=tuple(part.component for part in parts),
        rotates=False,
        patience=Patience(hang=3.0, start=30.0),
        policy=Policy(stop_grace=5.0),
    )
    return LabComponent(desired, (process,), files=files)


def _lines(links: Iterable[Link], facts: LabFacts) -> list[Mapping[str, Any]]:
    """Everything that the relay takes: a line for each address and port."""
    found = tuple(links)
    lines = [_line(link, host=link.endpoint.host, source=link.source) for link in found if _is_relayed(link)]
    told: dict[tuple[str, str], Mapping[str, Any]] = {}
    for link in found:
        host = facts.relay(ANYBODY, link.target)
        if host is not None:
            callers = {
                facts.address(*_place(other.source)): other.source
                for other in found
                if other.target == link.target and _is_relayed(other)
            }
            told[(link.target, link.port)] = {**_line(link, host=host, source=""), "sources": callers}
    return [*lines, *told.values()]


def _line(link: Link, *, host: str, source: str) -> Mapping[str, Any]:
    return {
        "listen": {"host": host, "port": link.beyond.port},
        "beyond": {"host": link.beyond.host, "port": link.beyond.port},
        "target": link.target,
        "source": source,
        "sources": {},
    }


def _is_relayed(link: Link) -> bool:
    return link.endpoint != link.beyond


def _members(parts: Sequence[Outline]) -> tuple[str, ...]:
    return tuple(member_name(part.component, ordinal) for part in parts for ordinal in range(part.nodes))


def _place(member: str) -> tuple[str, int]:
    component, _, ordinal = member.rpartition("-")
    return component, int(ordinal)
