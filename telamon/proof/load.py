"""``python -m telamon.proof.load --plan FILE --record FILE``: open-loop load, from a process of its own.

It logs every session in, writes the record's header, waits a moment, and then sends each request of the plan at the
instant it is due, whatever became of the ones before. SIGTERM ends it early and in order.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from telamon.errors import PlatformError, ProductError, TelamonError, UsageError, brief
from telamon.products.traffic import Kind
from telamon.proof import pushing, sockets
from telamon.proof.auditing import audit, audited, sessions_of
from telamon.proof.browser import Browser, Run
from telamon.proof.clockwork import Clockwork
from telamon.proof.meaning import Sense
from telamon.proof.pushing import GitWorkers
from telamon.proof.record import KindFacts, RecordWriter
from telamon.proof.schedule import schedule
from telamon.proof.sockets import SocketKeeper
from telamon.proof.workload import LoadPlan, is_forgetful, read_plan, typed_fields

LOGINS_AT_A_TIME: Final = 4
HEAD_START: Final = 0.25
"""Seconds between the header and the first request, so that whoever reads the header comes in time."""
FURTHER_SESSIONS: Final = 1000
"""Sockets are numbered from here on after the sessions, beyond those of the audit and of git."""
OPEN_FILES: Final = 16_384


def main(arguments: Sequence[str]) -> int:
    """Run a plan.

    Args:
        arguments: command line without the program's name.

    Returns:
        Exit code: 0, or that of the error's branch.
    """
    parser = argparse.ArgumentParser(
        prog="python -m telamon.proof.load", description="Send load, and record it."
    )
    parser.add_argument("--plan", type=Path, required=True, help="what to send; a JSON file")
    parser.add_argument("--record", type=Path, required=True, help="where to write what happened")
    options = parser.parse_args(arguments)
    try:
        plan = read_plan(options.plan)
        _raise_file_limit()
        with (
            tempfile.TemporaryDirectory(prefix="telamon-load-") as folder,
            RecordWriter(options.record) as record,
        ):
            asyncio.run(_Generator(plan, os.environ, record=record, folder=Path(folder)).run())
    except TelamonError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


class _Generator:
    """One run of a plan."""

    def __init__(
        self, plan: LoadPlan, environment: Mapping[str, str], *, record: RecordWriter, folder: Path
    ) -> None:
        self._plan = plan
        self._environment = environment
        self._workers = _git_workers(plan, environment, folder=folder)
        self._record = record
        self._asked_to_end = asyncio.Event()

    async def run(self) -> None:
        """Send everything that is due, and wait for the last answer."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_end.set)
        sessions = [self._session(number) for number in range(self._plan.sessions)]
        readers = [
            self._browser(self._plan.sessions + number, remembered=True)
            for number in range(sessions_of(self._plan.audit))
        ]
        try:
            if self._workers is not None:
                await self._workers.prepare()
            await self._log_in(sessions)
            await self._measure(sessions, readers)
        finally:
            gc.unfreeze()
            for session in (*sessions, *readers):
                session.close()

    def _session(self, number: int) -> Browser:
        return self._browser(number, remembered=not is_forgetful(number, self._plan.forgetful))

    def _browser(self, number: int, *, remembered: bool) -> Browser:
        login = self._plan.login
        typed = (
            {}
            if login is None
            else typed_fields(login, self._environment, session=number, remembered=remembered)
        )
        return Browser(self._plan, typed, number=number)

    async def _measure(self, sessions: Sequence[Browser], readers: Sequence[Browser]) -> None:
        loop = asyncio.get_running_loop()
        # What exists by now stays: looking through it again and again would only make requests late.
        gc.collect()
        gc.freeze()
        epoch = loop.time() + HEAD_START
        self._record.header(self._header(epoch))
        cpu, began = _cpu_seconds(), loop.time()
        run = Run(self._plan, uuid.uuid4().hex[:8], epoch, self._record.sample)
        clockwork = Clockwork(run.name, epoch, self._plan.seconds, self._asked_to_end, self._record.sample)
        try:
            async with asyncio.TaskGroup() as clients:
                # Every request ends by itself, at the latest when its time is over.
                for client in self._others(clockwork):
                    clients.create_task(client)
                await self._send(sessions, run, clients)
        except* UsageError as errors:
            raise errors.exceptions[0] from None
        used, lasted = _cpu_seconds() - cpu, loop.time() - began
        await audit(self._plan, run, readers=readers)
        if self._plan.audit is not None and self._workers is not None:
            await self._workers.audit(clockwork)
        self._record.trailer(cpu=used, seconds=lasted)

    def _others(self, clockwork: Clockwork) -> Iterator[Coroutine[Any, Any, None]]:
        """The clients that do not ask by HTTP."""
        plan = self._plan
        if self._workers is not None:
            yield self._workers.work(clockwork)
        if plan.sockets is not None:
            # The numbers of audit and git come right after those of the sessions.
            first = plan.sessions + FURTHER_SESSIONS
            for number in range(plan.sockets.connections):
                yield SocketKeeper(plan, plan.sockets, first + number).work(clockwork)

    async def _log_in(self, sessions: Sequence[Browser]) -> None:
        turn = asyncio.Semaphore(LOGINS_AT_A_TIME)

        async def enter(session: Browser) -> None:
            async with turn:
                await session.log_in()

        try:
            async with asyncio.TaskGroup() as group:
                for session in sessions:
                    group.create_task(enter(session))
        except* OSError as errors:
            first = errors.exceptions[0]
            raise PlatformError(f"a session cannot log in: {type(first).__name__}: {brief(first)}") from None
        except* (ProductError, UsageError) as errors:
            raise errors.exceptions[0] from None

    async def _send(self, sessions: Sequence[Browser], run: Run, requests: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        for planned in schedule(self._plan):
            wait = run.epoch + planned.due - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            if self._asked_to_end.is_set():
                return
            if planned.kind.fresh:
                session = Browser(self._plan, {}, number=planned.session, lasting=False)
            else:
                session = sessions[planned.session]
            requests.create_task(session.request(planned, run))

    def _header(self, epoch: float) -> Mapping[str, Any]:
        plan = self._plan
        return {
            "name": plan.name,
            "epoch": epoch,
            "began": time.time() + HEAD_START,
            "seed": plan.seed,
            "rate": plan.rate,
            "sessions": plan.sessions,
            "forgetful": plan.forgetful,
            "kinds": {
                **{kind.name: _facts(kind, audit=False).document() for kind in plan.kinds},
                **{kind.name: _facts(kind, audit=True).document() for kind in audited(plan)},
                **{name: facts.document() for name, facts in _further_kinds(plan).items()},
            },
        }


def _further_kinds(plan: LoadPlan) -> Mapping[str, KindFacts]:
    git = {} if plan.git is None else pushing.kinds_of(plan.git, audited=plan.audit is not None)
    return {**git, **({} if plan.sockets is None else sockets.kinds_of())}


def _git_workers(plan: LoadPlan, environment: Mapping[str, str], *, folder: Path) -> GitWorkers | None:
    git = plan.git
    if git is None:
        return None
    password = environment.get(git.password_variable)
    if password is None:
        raise UsageError(
            f"git needs the environment variable {git.password_variable}", remedy="Set it for the generator."
        )
    return GitWorkers(plan, git=git, password=password, folder=folder)


def _facts(kind: Kind, *, audit: bool) -> KindFacts:
    meaning = kind.meaning
    sense = None if meaning is None else Sense(meaning.act, meaning.shape, meaning.promise, meaning.copies)
    return KindFacts(kind.method, kind.write, audit=audit, refuses=frozenset(kind.refuses), sense=sense)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
