"""Faults of links: what the relays are told to do, and that they do it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from telamon.desired.lab.relays import FAULTS, LINKS, SOCKET
from telamon.errors import InternalError, TemporaryError, brief
from telamon.plan.fault import BlackHoleLink, CutLink, DelayLink, Fault, LinkFault, touches
from telamon.platforms.files import write
from telamon.platforms.lab.faults.records import Record, Records
from telamon.platforms.lab.faults.relay import digest
from telamon.state.phase import Phase

CONFIRMED_WITHIN: Final = 2.0
"""Seconds in which the relays must go by a new file; they look twenty times a second."""
ANSWERS_WITHIN: Final = 0.5


class Links:
    """Makes :class:`CutLink`, :class:`BlackHoleLink` and :class:`DelayLink`.

    Args:
        root: state root.
        records: of all faults: together they say what the relays do.
    """

    def __init__(self, root: Path, records: Records) -> None:
        self._root = root
        self._records = records

    def lacks(self, fault: Fault) -> str:
        """A relay must be in the link."""
        found = _of_links(fault)
        known = relayed(self._root)
        if not known:
            return "no relays stand in the links of this stack: set platform.disturbable in its file"
        if any(touches(found, source=source, target=target) for source, target in known):
            return ""
        return f"nothing connects {found.source} to {found.target}"

    def prepare(self, fault: Fault) -> Mapping[str, Any]:
        """Nothing is needed but the record itself."""
        _of_links(fault)
        return {}

    def begin(self, record: Record) -> None:
        """Have the relays go by it."""
        self._tell(self._records.all())

    def end(self, record: Record) -> None:
        """Have the relays no longer go by it."""
        self._tell(other for other in self._records.all() if other.name != record.name)

    def _tell(self, records: Iterable[Record]) -> None:
        lines = [line for record in records if not record.over for line in _lines(record)]
        text = json.dumps(lines, indent=1, sort_keys=True) + "\n"
        path = self._root / FAULTS
        if path.parent.is_dir():
            write(path, text)
            _confirm(self._root / SOCKET, digest(text.encode()))


def relayed(root: Path) -> frozenset[tuple[str, str]]:
    """Every pair of members between which a relay stands: who connects, who listens.

    Args:
        root: state root.
    """
    try:
        lines = json.loads((root / LINKS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return frozenset()
    return frozenset(
        (source, line["target"])
        for line in lines
        for source in ([line["source"]] if line["source"] else line["sources"].values())
    )


def phase(path: str) -> Phase:
    """How the relays say they are.

    Args:
        path: of their socket.
    """
    try:
        return Phase.RUNNING if _ask(path) else Phase.STARTING
    except OSError:
        return Phase.UNREACHABLE


def _lines(record: Record) -> Iterable[Mapping[str, Any]]:
    fault = record.disturbance.fault
    if not isinstance(fault, CutLink | BlackHoleLink | DelayLink):
        return
    mode = {CutLink: "cut", BlackHoleLink: "swallow", DelayLink: "delay"}[type(fault)]
    yield {
        "source": fault.source,
        "target": fault.target,
        "mode": mode,
        "delay": fault.delay if isinstance(fault, DelayLink) else 0.0,
        "until": record.disturbance.until,
    }


def _confirm(path: Path, applied: str) -> None:
    """Wait until the relays go by a file of faults. Those that do not run read it when they start."""
    end = time.monotonic() + CONFIRMED_WITHIN
    while time.monotonic() < end:
        try:
            if _ask(str(path)).get("faults") == applied:
                return
        except (FileNotFoundError, ConnectionRefusedError):
            return
        except OSError as error:
            raise TemporaryError(f"the relays do not answer: {brief(error)}", delay=0.5) from error
        time.sleep(0.01)
    raise TemporaryError("the relays still go by an old file of faults", delay=0.5)


def _ask(path: str) -> Mapping[str, Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(ANSWERS_WITHIN)
        asking.connect(path)
        with asking.makefile("rb") as answer:
            line = answer.readline()
    try:
        found: Mapping[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return found


def _of_links(fault: Fault) -> LinkFault:
    if isinstance(fault, CutLink | BlackHoleLink | DelayLink):
        return fault
    raise InternalError(f"{type(fault).__name__} is not about a link")
