"""The record of a load run: one line a request, written as it ends.

The file is JSON lines. The first line is the header, written when load begins; the last one is the trailer. Between
them each line is an array in the order of :data:`COLUMNS`; instants are whole microseconds after the header's
``epoch``, which is the system's monotonic clock in seconds. What a kind of request means stands in the header, so that
:mod:`telamon.proof.history` needs nothing but the record.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from telamon.errors import MachineError, UsageError, brief
from telamon.products.traffic import Act, Promise, Shape
from telamon.proof.meaning import Seen, Sense

FORMAT: Final = 2
COLUMNS: Final = (
    "session",
    "kind",
    "due",
    "begun",
    "sent",
    "answered",
    "status",
    "cause",
    "member",
    "token",
    "logins",
    "thing",
    "element",
    "aim",
    "seen",
)
MICRO: Final = 1_000_000


class Cause(StrEnum):
    """How a request ended. Everything but OK and LOCAL is a failure that a client sees."""

    OK = ""
    SERVER_ERROR = "5xx"
    RESET = "reset"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    CONTRADICTION = "contradiction"
    """The answer denies what was acknowledged: what was written is not there, or is something else."""
    UNEXPECTED = "unexpected"
    """Another status than the plan expects."""
    LOCAL = "local"
    """The generator itself could not send, for want of ports, memory or open files; it voids the run."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One request. Instants are seconds after the beginning of the run.

    Attributes:
        session: number of the session, -1 for none.
        kind: name of the plan's kind.
        due: when it should have been sent.
        begun: when the generator came to it.
        sent: when it was written to a connection; equals ``answered`` where that never happened.
        answered: when the answer was complete, or the failure known.
        status: HTTP status; 0 where there was none.
        cause: how it ended.
        member: who answered, as ``address:port``, according to the balancer's cookie; "" where it is not known.
        token: of a write, "" for any other.
        logins: how often the session had to log in anew for this request.
        thing: name of the thing it is about; "" where its kind means nothing to the history.
        element: token of the element that it removes or opens.
        aim: version that it was to make; 0 where it named none.
        seen: what the answer showed, or what a write was made of; ``None`` for nothing.
    """

    session: int
    kind: str
    due: float
    begun: float
    sent: float
    answered: float
    status: int
    cause: Cause
    member: str = ""
    token: str = ""
    logins: int = 0
    thing: str = ""
    element: str = ""
    aim: int = 0
    seen: Seen | None = None

    @property
    def ok(self) -> bool:
        """Whether it was answered as it should."""
        return self.cause is Cause.OK

    @property
    def latency(self) -> float:
        """Seconds from the instant it was due."""
        return self.answered - self.due

    @property
    def lag(self) -> float:
        """Seconds by which the generator was late."""
        return max(self.begun - self.due, 0.0)


@dataclass(frozen=True)
class KindFacts:
    """What the record says of a kind.

    Attributes:
        method: HTTP method, or the protocol of what is not HTTP.
        write: whether it writes.
        audit: whether its requests are those of the audit.
        refuses: statuses that are right, and say that the write was not done.
        sense: what its requests mean to the history; ``None`` for nothing.
    """

    method: str
    write: bool
    audit: bool = False
    refuses: frozenset[int] = frozenset()
    sense: Sense | None = None

    def document(self) -> Mapping[str, Any]:
        """As it stands in the header."""
        sense = self.sense
        meaning = (
            {}
            if sense is None
            else {"act": sense.act, "shape": sense.shape, "promise": sense.promise, "copies": sense.copies}
        )
        plain = {"method": self.method, "write": self.write, "audit": self.audit}
        return {**plain, "refuses": sorted(self.refuses), **meaning}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> KindFacts:
        """Read what :meth:`document` made."""
        sense = None
        if "act" in document:
            sense = Sense(
                Act(document["act"]),
                Shape(document["shape"]),
                Promise(document["promise"]),
                document["copies"],
            )
        return cls(
            document["method"],
            document["write"],
            audit=document["audit"],
            refuses=frozenset(document["refuses"]),
            sense=sense,
        )


@dataclass(frozen=True)
class Record:
    """A whole run.

    Attributes:
        name: of the plan.
        epoch: monotonic clock at the beginning, in seconds.
        began: wall clock at the same instant, in seconds since 1970.
        seed: of the plan.
        rate: requests per second.
        sessions: how many.
        kinds: by name.
        samples: in the order in which they ended.
        complete: whether the generator ended in order.
        cpu: processor seconds the generator used while it sent.
        seconds: how long it sent.
        audits: the requests by which everything written was read at the end, likewise; nobody waited for them, so
            no measure counts them.
        forgetful: share of the sessions that did not ask to be remembered.
    """

    name: str
    epoch: float
    began: float
    seed: int
    rate: float
    sessions: int
    kinds: Mapping[str, KindFacts]
    samples: tuple[Sample, ...]
    complete: bool
    cpu: float
    seconds: float
    audits: tuple[Sample, ...] = ()
    forgetful: float = 0.0


class RecordWriter:
    """Writes a record.

    Args:
        path: the file; an older one is replaced. Only its owner may read it.

    Raises:
        MachineError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
            path.touch(mode=0o600)
            self._file: IO[str] = path.open("w", encoding="utf-8")
        except OSError as error:
            raise MachineError(f"the record {path} cannot be written: {brief(error)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def header(self, document: Mapping[str, Any]) -> None:
        """Write the first line, so that others see at once that load begins."""
        self._line({"record": FORMAT, **document, "columns": COLUMNS})
        self._file.flush()

    def sample(self, sample: Sample) -> None:
        """Write one request."""
        instants = (round(at * MICRO) for at in (sample.due, sample.begun, sample.sent, sample.answered))
        self._line(
            [
                sample.session,
                sample.kind,
                *instants,
                sample.status,
                sample.cause.value,
                sample.member,
                sample.token,
                sample.logins,
                sample.thing,
                sample.element,
                sample.aim,
                None if sample.seen is None else sample.seen.packed(),
            ]
        )

    def trailer(self, *, cpu: float, seconds: float) -> None:
        """Write the last line.

        Args:
            cpu: processor seconds used while sending.
            seconds: how long the generator sent.
        """
        self._line({"end": True, "cpu": round(cpu, 3), "seconds": round(seconds, 6)})
        self._file.flush()

    def _line(self, value: Mapping[str, Any] | Sequence[Any]) -> None:
        self._file.write(json.dumps(value, separators=(",", ":")) + "\n")


def read_header(path: Path) -> Mapping[str, Any] | None:
    """The header, or ``None`` while it is not there yet.

    Args:
        path: of a record that may be being written.
    """
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline()
    except FileNotFoundError:
        return None
    return _document(first) if first.endswith("\n") else None


def read_record(path: Path) -> Record:
    """Read a record, also one that was cut short because its generator was killed.

    Args:
        path: the file; one whose name ends in ``.gz`` is unpacked.

    Raises:
        UsageError: it cannot be read, or is no record.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UsageError(f"the record {path} cannot be read: {brief(error)}") from error
    lines = [line for line in text.splitlines(keepends=True) if line.endswith("\n")]
    try:
        return _record(lines, path)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UsageError(f"the record {path} is damaged: {brief(error)}") from error


def _record(lines: Sequence[str], path: Path) -> Record:
    header = _document(lines[0]) if lines else {}
    if header.get("record") != FORMAT:
        raise UsageError(f"{path.name} is not a record of format {FORMAT}")
    trailer = _document(lines[-1])
    complete = trailer.get("end") is True
    kinds = {name: KindFacts.read(facts) for name, facts in header["kinds"].items()}
    samples = [_sample(json.loads(line)) for line in lines[1 : -1 if complete else None]]
    return Record(
        name=header["name"],
        epoch=header["epoch"],
        began=header["began"],
        seed=header["seed"],
        rate=header["rate"],
        sessions=header["sessions"],
        forgetful=header.get("forgetful", 0.0),
        kinds=kinds,
        samples=tuple(sample for sample in samples if not kinds[sample.kind].audit),
        audits=tuple(sample for sample in samples if kinds[sample.kind].audit),
        complete=complete,
        cpu=trailer["cpu"] if complete else 0.0,
        seconds=trailer["seconds"] if complete else 0.0,
    )


def _sample(values: Sequence[Any]) -> Sample:
    session, kind, due, begun, sent, answered, status, cause, *rest = values
    member, token, logins, thing, element, aim, seen = rest
    return Sample(
        session,
        kind,
        due / MICRO,
        begun / MICRO,
        sent / MICRO,
        answered / MICRO,
        status,
        Cause(cause),
        member,
        token,
        logins,
        thing,
        element,
        aim,
        Seen.unpacked(seen),
    )


def _document(line: str) -> Mapping[str, Any]:
    found = json.loads(line)
    return found if isinstance(found, dict) else {}
