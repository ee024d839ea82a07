"""The record of a load run: one line a request, written as it ends.

The file is JSON lines. The first line is the header, written when load begins; the last one is the trailer. Between
them each line is an array in the order of :data:`COLUMNS`; instants are whole microseconds after the header's
``epoch``, which is the system's monotonic clock in seconds.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from telamon.errors import MachineError, UsageError, brief

FORMAT: Final = 1
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
    """What the record says of a kind."""

    method: str
    write: bool


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
        UsageError: it is no record.
    """
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    lines = [line for line in text.splitlines(keepends=True) if line.endswith("\n")]
    header = _document(lines[0]) if lines else {}
    if header.get("record") != FORMAT:
        raise UsageError(f"{path.name} is not a record of format {FORMAT}")
    trailer = _document(lines[-1])
    complete = trailer.get("end") is True
    return Record(
        name=header["name"],
        epoch=header["epoch"],
        began=header["began"],
        seed=header["seed"],
        rate=header["rate"],
        sessions=header["sessions"],
        kinds={name: KindFacts(**facts) for name, facts in header["kinds"].items()},
        samples=tuple(_sample(json.loads(line)) for line in lines[1 : -1 if complete else None]),
        complete=complete,
        cpu=trailer["cpu"] if complete else 0.0,
        seconds=trailer["seconds"] if complete else 0.0,
    )


def _sample(values: Sequence[Any]) -> Sample:
    session, kind, due, begun, sent, answered, status, cause, member, token, logins = values
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
    )


def _document(line: str) -> Mapping[str, Any]:
    found = json.loads(line)
    return found if isinstance(found, dict) else {}
