"""What the engine asks of a platform. Protocols only; adapters live under :mod:`telamon.platforms`.

Rules every adapter keeps, and the contract suite checks:

* **Every verb is safe to repeat.** Starting what runs, stopping what is gone, admitting what is admitted: no error, no
  second effect.
* **No verb waits.** It asks, returns, and the effect is observed. A long verb starts a job, named by what it does;
  starting it again while it runs is a no-op. ``drain`` alone is synchronous: when it returns, no new request reaches
  the member.
* **An observation is fresh**: made after the call to :meth:`Platform.observe` began.
* Errors are :class:`telamon.errors.TelamonError`; :class:`telamon.errors.TemporaryError` means: the same verb may work
  later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from telamon.desired.component import ComponentDesired
from telamon.plan.fault import Disturbance, Fault
from telamon.plan.step import Call
from telamon.plan.work import Work
from telamon.state.world import ComponentState


class Clock(Protocol):
    """Time as it is injected: the only source of "now" and the only way to wait."""

    def now(self) -> float:
        """Seconds since an arbitrary start that survives restarts of the controller (wall clock of the platform)."""

    def sleep(self, seconds: float) -> None:
        """Wait; may return early when the host is asked to stop."""


class Objects(Protocol):
    """The files or manifests of a component."""

    def apply(self, desired: ComponentDesired) -> None:
        """Bring them to what is desired. Afterwards ``observe`` reports the fingerprint ``desired.objects``."""

    def withdraw(self, component: str) -> None:
        """Take them away. Data stays."""


class Members(Protocol):
    """The nodes of a component."""

    def start(self, desired: ComponentDesired, member: str) -> None:
        """Start a member with its desired revision."""

    def stop(self, component: str, member: str, *, grace: float) -> None:
        """Ask a member to stop; after ``grace`` seconds the platform kills it. 0 kills at once."""

    def remove(self, component: str, member: str) -> None:
        """Forget a member that does not run. Its data stays."""

    def call(self, call: Call) -> None:
        """Start a product flow against a member as a job named ``call.job``."""


class Traffic(Protocol):
    """The front door."""

    def admit(self, component: str, member: str) -> None:
        """Let new requests reach the member (once its health check passes)."""

    def drain(self, component: str, member: str) -> None:
        """Send no new request to the member; requests under way go on."""

    def hold(self, component: str, *, held: bool) -> None:
        """Answer every user of the component with the maintenance page, or let them in again.

        It is synchronous, like ``drain``: when it returns, no new request reaches a member (or every one does again).
        """


class Database(Protocol):
    """The database server, as far as a product is concerned."""

    def make(self, desired: ComponentDesired) -> None:
        """Make the component's role and database with the vendor's encoding and collation."""

    def establish(self, desired: ComponentDesired, member: str) -> None:
        """Make an empty server on a member, as a primary, unless it has data."""

    def bootstrap(self, desired: ComponentDesired, member: str) -> None:
        """Make the roles that Telamon itself logs in as, or bring them to what this release needs.

        Raises:
            TemporaryError: the server does not answer.
        """

    def fence(self, desired: ComponentDesired, member: str) -> None:
        """End a server for certain. Synchronous: when it returns, nothing of it runs, and no client reaches it.

        Raises:
            TemporaryError: something of it still runs after a few seconds.
        """

    def promote(self, desired: ComponentDesired, member: str) -> None:
        """Let a standby take writes. It takes clients once it was started again.

        Raises:
            TemporaryError: another server could still take writes, or this one does not answer.
        """

    def follow(self, desired: ComponentDesired, member: str, *, primary: str) -> None:
        """Make a server that does not run a standby, as a job called ``follow/<member>``.

        Raises:
            PlatformError: it runs.
        """

    def synchronise(self, desired: ComponentDesired, member: str, *, standby: str, term: int) -> None:
        """Let commits on the primary ``member`` wait for a standby, or for none.

        With a standby it is a job called ``synchronise/<standby>``. Once it has succeeded, no commit goes without that
        standby, and the data attests so under ``term``. Without, the data says so before the first commit goes alone.

        Raises:
            TemporaryError: the primary does not answer.
        """


class Works(Protocol):
    """Long work."""

    def begin(self, component: str, job: str, *, work: Work) -> None:
        """Begin a work as a job of that name. The job outlives the controller; one that runs already goes on.

        A job that has ended is begun anew.
        """

    def end(self, component: str, job: str) -> None:
        """Ask a work to end early. It lets go of what it holds; then its job has failed, as ``interrupted``.

        One that has ended by itself stays as it ended, and one that nobody began is no error.
        """


class StaticNetwork(Protocol):
    """What delivers static files in the place of a product's nodes."""

    def forget(self, distribution: str, *, reference: str) -> str:
        """Have a distribution forget what it keeps; the same reference again begins nothing new. Returns an id."""

    def forgotten(self, distribution: str, invalidation: str) -> bool:
        """Whether it has, everywhere."""


class Platform(Objects, Members, Traffic, Database, Works, Protocol):
    """One platform: the verbs, and the eyes."""

    def observe(self, desired: ComponentDesired) -> ComponentState:
        """Look at one component now: its members (desired or left over), objects, database, jobs."""

    def leftovers(self) -> tuple[str, ...]:
        """Components of which something runs though nothing that was installed asks for it."""


class Faults(Protocol):
    """What hurts a stack on purpose, and makes it good again.

    Every fault is recorded before it is made. It ends when it is calmed, when its time is over, or when whoever made
    it is gone: :meth:`tidy` sees to the last two, and controllers call it when they start and again and again.
    """

    def lacks(self, fault: Fault) -> str:
        """Why this fault cannot be made here (a right, a tool, a relay that is not there); "" where it can."""

    def disturb(self, fault: Fault, *, name: str, seconds: float) -> None:
        """Make a fault. When it returns, the fault is in force. Making the same one again changes nothing.

        Args:
            fault: what.
            name: by which it is ended.
            seconds: after which it ends by itself, at most :data:`telamon.plan.fault.LONGEST`.

        Raises:
            MachineError: it cannot be made here.
            NotReadyError: what it should hurt is not there.
            ConflictError: another fault has that name.
        """

    def calm(self, name: str | None = None) -> None:
        """End one fault, or all; one that is over already is no error."""

    def active(self) -> tuple[Disturbance, ...]:
        """What is in force, by name."""

    def tidy(self) -> tuple[str, ...]:
        """End what is over: faults whose time is up, or whose maker is gone. Returns their names."""


class Secrets(Protocol):
    """Secret values by reference. Values never reach logs, arguments, state or reports."""

    def get(self, name: str, key: str) -> str:
        """The value. Raises :class:`telamon.errors.PlatformError` naming the reference where it is missing."""

    def put(self, name: str, values: Mapping[str, str]) -> None:
        """Store values; keys not named stay as they are."""

    def names(self) -> Sequence[tuple[str, tuple[str, ...]]]:
        """Every secret with its keys, sorted."""


@dataclass(frozen=True)
class Stored:
    """An object in the store.

    Attributes:
        kind: e.g. ``Stack``, ``Operation``.
        name: unique within the kind.
        version: changes with every write; what a conditional write names.
        generation: changes when ``spec`` changes.
        spec: what is wanted (JSON data).
        status: what is reported (JSON data).
    """

    kind: str
    name: str
    version: int
    generation: int
    spec: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)


class Store(Protocol):
    """Where intent and reports are kept. Writes are compare-and-swap; nobody writes blindly."""

    def get(self, kind: str, name: str) -> Stored | None:
        """The object, or ``None``."""

    def list(self, kind: str) -> tuple[Stored, ...]:
        """Every object of a kind, by name."""

    def watch(self, kind: str, *, since: int) -> Iterator[Stored]:
        """Objects of a kind written after version ``since``, oldest first; ends when there is no more for now."""

    def put(self, stored: Stored) -> Stored:
        """Write if nobody wrote since ``stored.version`` (0: if it does not exist).

        Returns:
            The object as stored, with its new version and, where ``spec`` changed, the next generation.

        Raises:
            ConflictError: somebody else wrote in between.
        """

    def delete(self, kind: str, name: str, *, version: int) -> None:
        """Delete if nobody wrote since. Raises :class:`telamon.errors.ConflictError`; absent is no error."""


@dataclass(frozen=True)
class Entry:
    """One line of the journal.

    Attributes:
        sequence: position, 1, 2, 3 … (0: not written yet).
        at: instant.
        component: whose.
        kind: ``intent``, ``outcome``, ``failure``, ``healed``, ``fact``, ``forgotten``, ``ended`` (an operation),
            ``retry``, ``purge`` or ``note``.
        subject: the step in words, the fact, or the member that failed.
        detail: the reason, the outcome, the error; never a secret.
        member: the member concerned, or "".
    """

    sequence: int
    at: float
    component: str
    kind: str
    subject: str
    detail: str = ""
    member: str = ""


class Journal(Protocol):
    """What was intended and what came of it, in order, kept over restarts."""

    def append(self, entry: Entry) -> Entry:
        """Write one line durably; returns it with its sequence."""

    def read(
        self, component: str | None = None, *, since: int = 0, last: int | None = None
    ) -> tuple[Entry, ...]:
        """Lines after ``since``, oldest first, of one component or of all; of them only the ``last`` so many."""
