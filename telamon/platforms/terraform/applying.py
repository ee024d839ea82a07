"""An apply that outlives whoever started it.

Terraform writes down what it made when it ends, and now and then before. Whoever kills it loses what was made since,
and the next apply would make it again. So it runs in a session of its own, writes to a file and not to a pipe, and
holds a lock while it lives: Telamon may be killed at any line, terraform goes on, and the next run finds it by its lock
and waits for it.

Sources: Terraform documentation, "Machine-Readable UI" (the messages of ``apply -json``); Linux, ``flock(2)``: a lock
belongs to the open file, so it is let go of when the last process that inherited it has ended, however it ended.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from telamon.errors import MachineError, PlatformError, brief
from telamon.platforms.terraform.failures import lock_in, translate

Tell = Callable[[str], None]
"""Is told a sentence for each thing that is done."""

LOOKS_EVERY: Final = 0.25
"""Seconds between two looks at what terraform said."""
PRIVATE: Final = 0o600
DONE: Final[Mapping[str, str]] = {"create": "made", "update": "changed", "delete": "destroyed"}


class WasEnded(PlatformError):
    """Terraform was ended before it was done: what it made last may be in no state."""


@dataclass(frozen=True)
class Made:
    """Something that an apply finished.

    Attributes:
        address: as Terraform names it.
        action: ``create``, ``update``, ``delete``.
        id: by which AWS knows it, or "".
        seconds: it took.
    """

    address: str
    action: str
    id: str
    seconds: float

    def __str__(self) -> str:
        known = f" ({self.id})" if self.id else ""
        return f"{self.address} {DONE.get(self.action, self.action)}{known} in {self.seconds:g} s"


@dataclass(frozen=True)
class Outcome:
    """What an apply came to, as far as it said so; no value of a resource is in it.

    Attributes:
        succeeded: whether it said that it had come to its end.
        made: what it finished.
        unfinished: addresses of what it had begun and did not finish.
        errors: headlines of what went wrong.
    """

    succeeded: bool
    made: tuple[Made, ...]
    unfinished: tuple[str, ...]
    errors: tuple[str, ...]

    @property
    def cut_off(self) -> bool:
        """Whether it was ended before it was done, so that nobody wrote down what it had made last."""
        return not self.succeeded and not self.errors

    def enforce(self, *, doing: str, since: str = "") -> None:
        """Raise what went wrong.

        Args:
            doing: what was done, e.g. ``terraform apply of network``.
            since: what was done about an end that came too early, as the rest of a sentence.

        Raises:
            WasEnded: it was ended before it was done.
            TelamonError: it failed.
        """
        if self.errors:
            raise translate("Error: " + "; ".join(self.errors), doing=doing)
        if not self.succeeded:
            begun = f" while it worked on {', '.join(self.unfinished[:3])}" if self.unfinished else ""
            raise WasEnded(
                f"{doing} was ended{begun}{since}",
                remedy="Run it again: what it had made is taken into the state before anything is planned.",
            )


@dataclass(frozen=True)
class Applying:
    """One apply, by the folder of what it leaves; nobody but its owner can read it.

    Attributes:
        folder: of this apply alone.
    """

    folder: Path

    @property
    def begun(self) -> bool:
        """Whether terraform was started and nobody has looked at what came of it."""
        return self._said.exists()

    @property
    def running(self) -> bool:
        """Whether terraform, or a provider of it, still lives."""
        if not self._lock.exists():
            return False
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start terraform so that it outlives this process.

        Args:
            command: with ``-json``.
            environment: of the process.

        Raises:
            MachineError: it cannot be run, or the folder cannot be written.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            lock = os.open(self._lock, flags, PRIVATE)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                said = os.open(self._said, flags | os.O_TRUNC, PRIVATE)
                with os.fdopen(said, "wb") as output:
                    return subprocess.Popen(
                        command,
                        env=dict(environment),
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                        pass_fds=(lock,),
                    )
            finally:
                os.close(lock)
        except OSError as error:
            raise MachineError(
                f"cannot run {command[0]}: {brief(error)}",
                remedy="Install Terraform 1.10 or newer, and see that there is room on the disk.",
            ) from error

    def follow(self, ended: Callable[[], bool], *, tell: Tell) -> None:
        """Tell of what is done until the end.

        Args:
            ended: waits a moment, and says whether terraform has ended.
            tell: is told.
        """
        told = 0
        over = False
        while not over:
            over = ended()
            made = [_made(event) for event in self._events() if event.get("type") == "apply_complete"]
            for each in made[told:]:
                tell(str(each))
            told = len(made)

    def settle(self) -> Outcome:
        """Keep what came of it, without what terraform said word for word; looking twice gives the same."""
        if not self._said.exists():
            return self._kept()
        outcome = read_outcome(self._events())
        draft = self._outcome.with_suffix(".new")
        draft.touch(mode=PRIVATE)
        draft.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
        draft.replace(self._outcome)
        self._said.unlink()
        return outcome

    def _kept(self) -> Outcome:
        if not self._outcome.exists():
            return Outcome(succeeded=False, made=(), unfinished=(), errors=())
        found = json.loads(self._outcome.read_text(encoding="utf-8"))
        made = tuple(Made(**each) for each in found.pop("made"))
        return Outcome(made=made, **{name: _tuple(value) for name, value in found.items()})

    def _events(self) -> Iterator[Mapping[str, Any]]:
        for line in self._said.read_bytes().splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                # A crash of the provider is told in plain text, and the last line may be half written.
                continue
            if isinstance(event, dict):
                yield event

    @property
    def _lock(self) -> Path:
        return self.folder / "running"

    @property
    def _said(self) -> Path:
        return self.folder / "said.jsonl"

    @property
    def _outcome(self) -> Path:
        return self.folder / "outcome.json"


def read_outcome(events: Iterator[Mapping[str, Any]]) -> Outcome:
    """What the messages of an apply amount to.

    Args:
        events: in the order in which terraform gave them.
    """
    made: list[Made] = []
    begun: dict[str, None] = {}
    errors: list[str] = []
    succeeded = False
    for event in events:
        kind = event.get("type")
        if kind == "apply_start":
            begun[_address(event)] = None
        elif kind in {"apply_complete", "apply_errored"}:
            begun.pop(_address(event), None)
            if kind == "apply_complete":
                made.append(_made(event))
        elif kind == "diagnostic" and event.get("@level") == "error":
            errors.append(_headline(event["diagnostic"]))
        elif kind == "change_summary" and event["changes"].get("operation") == "apply":
            succeeded = True
    return Outcome(succeeded and not errors, tuple(made), tuple(begun), tuple(errors))


def _address(event: Mapping[str, Any]) -> str:
    return str(event["hook"]["resource"]["addr"])


def _made(event: Mapping[str, Any]) -> Made:
    hook = event["hook"]
    return Made(
        _address(event),
        str(hook.get("action", "")),
        str(hook.get("id_value", "")),
        hook.get("elapsed_seconds", 0),
    )


def _headline(diagnostic: Mapping[str, Any]) -> str:
    """What failed, and why, in the first words: enough to know the failure by, and no value of a resource.

    Who holds a lock stands in later lines, and without it nobody knows whom to wait for.
    """
    summary, detail = str(diagnostic.get("summary", "")), str(diagnostic.get("detail", ""))
    lock = lock_in(detail)
    why = lock.words if lock else brief(PlatformError(detail), limit=300) if detail else ""
    return f"{summary}: {why}" if why else summary


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
