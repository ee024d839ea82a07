"""What git does in a load run: workers that fetch a branch, commit on it, and push, as people do who share branches.

A branch is a ref of the history. The message of each commit holds the token of the push and the number of pushes that
the branch has seen with it, so that every fetch tells which push it sees, and a push that overwrote another shows.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from telamon.errors import MachineError
from telamon.products.traffic import Act, Promise, Shape
from telamon.proof.clockwork import Clockwork
from telamon.proof.meaning import Seen, Sense
from telamon.proof.record import Cause, KindFacts, Sample
from telamon.proof.repository import Account, Ended, Folder, Remote
from telamon.proof.workload import GitLoad, LoadPlan

GIT: Final = "GIT"
REFUSED: Final = 409
"""Stands in the record for a push that the server refused because the branch had moved."""
OK: Final = 200
FAILED: Final = 500
"""Stands in the record for a command that failed in another way."""
GIT_FROM: Final = 1_000_000_000
"""Numbers of git's tokens begin here, where no request's number comes."""
PUSHES: Final = 0.5
"""Share of the turns that push after fetching."""
_NUMBER: Final = re.compile(r"^(\S+) ([0-9]+)$")
_MOVED: Final = re.compile(r"\[rejected\]|\[remote rejected\]|non-fast-forward|fetch first|cannot lock ref")
_BROKEN: Final = re.compile(
    r"not our ref|bad object|missing (blob|tree|commit)|unable to read|did not send all"
)
"""What git says where a branch points to something that is not there. Source: git's own messages."""


def kinds_of(git: GitLoad, *, audited: bool) -> Mapping[str, KindFacts]:
    """The kinds of sample that git leaves in a record.

    Args:
        git: of the plan.
        audited: whether branches are fetched once more at the end.
    """
    found: dict[str, KindFacts] = {}
    for way in _ways(git):
        found[f"git-fetch-{way}"] = _facts(Act.READ, Promise.SESSION)
        found[f"git-push-{way}"] = _facts(Act.SET, Promise.SESSION)
        found[f"git-objects-{way}"] = _facts(Act.OPEN, Promise.SESSION)
        if audited:
            found[f"audit-git-fetch-{way}"] = replace(_facts(Act.READ, Promise.STRICT), audit=True)
            found[f"audit-git-objects-{way}"] = replace(_facts(Act.OPEN, Promise.STRICT), audit=True)
    return found


def _facts(act: Act, promise: Promise) -> KindFacts:
    refuses = frozenset({REFUSED}) if act is Act.SET else frozenset()
    return KindFacts(GIT, act is Act.SET, refuses=refuses, sense=Sense(act, Shape.REF, promise))


def _ways(git: GitLoad) -> Sequence[str]:
    return ("http", "ssh") if git.ssh_url else ("http",)


class GitWorkers:
    """The workers of a plan.

    Args:
        plan: with what git does.
        password: of the account.
        folder: for their copies of the repository.
    """

    def __init__(self, plan: LoadPlan, *, git: GitLoad, password: str, folder: Path) -> None:
        self._git = git
        self._dice = random.Random(plan.seed)  # noqa: S311 - a run must be repeatable.
        first = plan.sessions + (plan.audit.sessions if plan.audit else 0)
        ways = _ways(git)
        self._workers = [
            _Worker(
                _folder(
                    plan, git, way=ways[number % len(ways)], path=folder / f"git-{number}", password=password
                ),
                number=first + number,
                way=ways[number % len(ways)],
                patience=plan.timeout,
            )
            for number in range(git.workers)
        ]

    async def prepare(self) -> None:
        """Make the workers' copies; nothing is asked of the server.

        Raises:
            ProductError: git failed.
        """
        for worker in self._workers:
            await worker.prepare()

    async def work(self, clockwork: Clockwork) -> None:
        """Fetch and push at the plan's rate, whatever became of the turns before.

        Args:
            clockwork: of the run.
        """
        async with asyncio.TaskGroup() as group:
            for turn in range(int(clockwork.seconds * self._git.rate)):
                due = turn / self._git.rate
                if not await clockwork.comes(due):
                    return
                worker = self._workers[turn % len(self._workers)]
                branch = self._dice.choice(self._git.branches)
                token = f"{clockwork.run}-{GIT_FROM + turn}" if self._dice.random() < PUSHES else ""
                group.create_task(worker.turn(clockwork, due, branch=branch, token=token))

    async def audit(self, clockwork: Clockwork) -> None:
        """Fetch every branch as two workers, and once more as the first."""
        for worker in (*self._workers[:2], self._workers[0]):
            for branch in self._git.branches:
                await worker.turn(clockwork, clockwork.now(), branch=branch, token="", prefix="audit-")


def _folder(plan: LoadPlan, git: GitLoad, *, way: str, path: Path, password: str) -> Folder:
    path.mkdir(mode=0o700, exist_ok=True)
    if way == "ssh":
        return Folder(path, Remote(git.ssh_url, key=git.ssh_key))
    return Folder(path, Remote(git.url, plan.target.resolve, Account(git.username, password)))


class _Worker:
    """One copy of the repository; its turns are taken one at a time."""

    def __init__(self, folder: Folder, *, number: int, way: str, patience: float) -> None:
        self._folder = folder
        self._number = number
        self._way = way
        self._patience = patience
        self._turn = asyncio.Lock()

    async def prepare(self) -> None:
        await self._folder.demand("init", "--quiet", "--bare")

    async def turn(
        self, clockwork: Clockwork, due: float, *, branch: str, token: str, prefix: str = ""
    ) -> None:
        """Fetch a branch, and push to it where there is a token."""
        blank = Sample(self._number, "", due, clockwork.now(), 0.0, 0.0, 0, Cause.OK, thing=f"ref/{branch}")
        async with self._turn:
            version = await self._fetch(clockwork, blank, branch=branch, prefix=prefix)
            if token and version is not None:
                begun = clockwork.now()
                push = replace(blank, due=begun, begun=begun, token=token, aim=version + 1)
                await self._push(clockwork, push, branch=branch)

    async def _fetch(self, clockwork: Clockwork, blank: Sample, *, branch: str, prefix: str) -> int | None:
        """Fetch a branch; returns how many pushes it has seen, or ``None`` where that is not known."""
        ref = f"refs/heads/{branch}"
        sent = clockwork.now()
        ended = await self._run("fetch", "--quiet", "--force", self._folder.url, f"{ref}:{ref}")
        told = "" if ended is None or ended.code else await self._message(ref)
        sample = self._ended(
            clockwork, replace(blank, kind=f"{prefix}git-fetch-{self._way}"), ended, sent=sent
        )
        if ended is None or ended.code:
            clockwork.record(sample)
            if ended is not None and _BROKEN.search(ended.trouble):
                kind = f"{prefix}git-objects-{self._way}"
                clockwork.record(replace(sample, kind=kind, seen=Seen(missing=True)))
            return None
        found = _NUMBER.match(told)
        token, version = (found[1], int(found[2])) if found else ("", 0)
        tokens = (token,) if token.startswith(f"{clockwork.run}-") else ()
        clockwork.record(replace(sample, seen=Seen(tokens, version)))
        return version

    async def _push(self, clockwork: Clockwork, push: Sample, *, branch: str) -> None:
        ref = f"refs/heads/{branch}"
        message = f"{push.token} {push.aim}"
        made = await self._run("commit-tree", f"{ref}^{{tree}}", "-p", ref, "-m", message)
        if made is None or made.code:
            return
        sent = clockwork.now()
        ended = await self._run("push", "--quiet", self._folder.url, f"{made.output.strip()}:{ref}")
        sample = self._ended(clockwork, replace(push, kind=f"git-push-{self._way}"), ended, sent=sent)
        if ended is not None and ended.code and _MOVED.search(ended.trouble):
            sample = replace(sample, status=REFUSED, cause=Cause.OK)
        clockwork.record(sample)

    async def _message(self, ref: str) -> str:
        ended = await self._run("log", "-1", "--format=%s", ref)
        return "" if ended is None or ended.code else ended.output.strip()

    async def _run(self, *arguments: str) -> Ended | None:
        """How a command ended; ``None`` where it took too long."""
        try:
            return await self._folder.run(*arguments, patience=self._patience)
        except TimeoutError:
            return None
        except MachineError:
            # What this machine lacks is no failure of the server.
            return Ended(-1, "", "")

    def _ended(self, clockwork: Clockwork, sample: Sample, ended: Ended | None, *, sent: float) -> Sample:
        if ended is None:
            status, cause = 0, Cause.TIMEOUT
        elif ended.code < 0:
            status, cause = 0, Cause.LOCAL
        elif ended.code:
            status, cause = FAILED, _cause(ended.trouble)
        else:
            status, cause = OK, Cause.OK
        return replace(sample, sent=sent, answered=clockwork.now(), status=status, cause=cause)


def _cause(trouble: str) -> Cause:
    """Why a command failed, by what git or its transport complained of."""
    if "refused" in trouble:
        return Cause.REFUSED
    if re.search(r"error: 5\d\d|HTTP 5\d\d", trouble):
        return Cause.SERVER_ERROR
    return Cause.RESET
