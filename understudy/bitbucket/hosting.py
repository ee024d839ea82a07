"""A fetch or a push, whatever carries it: HTTP and SSH give bytes and take bytes, the rest is here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from understudy.bitbucket.betrayal import Betrayal
from understudy.bitbucket.errors import GitBusy, Refusal
from understudy.bitbucket.git import PIPE_BYTES, Git, end_process
from understudy.bitbucket.permissions import Level, Permissions
from understudy.bitbucket.pktline import CommandReader, ReportHolder
from understudy.bitbucket.projects import Projects, Repository
from understudy.bitbucket.refs import Refs
from understudy.kit.accounts import Principal
from understudy.kit.errors import UnderstudyError

_LOG = logging.getLogger("understudy.hosting")

_TIDY_SECONDS = 5.0

Sink = Callable[[bytes], Awaitable[None]]


class Service(StrEnum):
    """What a client wants of a repository."""

    FETCH = "git-upload-pack"
    PUSH = "git-receive-pack"

    @property
    def command(self) -> str:
        """The git command that serves it."""
        return self.value.removeprefix("git-")

    @property
    def level(self) -> Level:
        """The permission it needs."""
        return Level.READ if self is Service.FETCH else Level.WRITE


@dataclass(frozen=True)
class Exchange:
    """One conversation between a client and git.

    Attributes:
        repository: what it is about.
        service: fetch or push.
        stateless: whether this is one round of HTTP, not a connection of its own.
        protocol: what the client sent as its protocol version, empty for none.
    """

    repository: Repository
    service: Service
    stateless: bool
    protocol: str


class Hosting:
    """Runs exchanges.

    Args:
        git: runs git.
        projects: finds repositories.
        permissions: says who may.
        refs: records pushes.
        patience: seconds to wait for a hosting ticket.
        betrayal: what is done to pushes, where the node is to betray its users.
    """

    def __init__(
        self,
        git: Git,
        projects: Projects,
        *,
        permissions: Permissions,
        refs: Refs,
        patience: float,
        betrayal: Betrayal,
    ) -> None:
        self._betrayal = betrayal
        self._git = git
        self._projects = projects
        self._permissions = permissions
        self._refs = refs
        self._patience = patience

    def open(self, principal: Principal | None, service: Service, *, key: str, slug: str) -> Repository:
        """The repository a client names, if it may do what it wants. Blocks.

        Raises:
            Refusal: no such repository, or not permitted; one that may not be read does not exist.
        """
        repository = self._projects.repository(key, slug)
        level = self._permissions.level(principal, repository.place)
        if level is Level.NONE and principal is not None:
            raise Refusal(
                f"Repository {key}/{slug} does not exist.",
                status=404,
                exception="repository.NoSuchRepositoryException",
            )
        if level < service.level:
            raise Refusal(
                "You are not permitted to access this repository.",
                status=403,
                exception="AuthorisationException",
            )
        if service is Service.PUSH and repository.archived:
            raise Refusal(
                "The repository is archived.", status=403, exception="repository.RepositoryArchivedException"
            )
        return repository

    async def advertise(self, exchange: Exchange) -> bytes:
        """What git says first over HTTP: refs and abilities."""
        words = [exchange.service.command, "--stateless-rpc", "--advertise-refs"]
        folder = str(self._projects.folder(exchange.repository.id))
        async with self._git.stream(
            *words, folder, patience=self._patience, extra=_protocol(exchange)
        ) as process:
            output, trouble = await process.communicate()
        if process.returncode != 0:
            _LOG.warning("%s: %s", exchange.service, trouble.decode(errors="replace")[-300:])
            raise GitBusy("git cannot read the repository")
        return output

    async def run(
        self, exchange: Exchange, source: AsyncIterator[bytes], *, sink: Sink, trouble: Sink, user: str
    ) -> int:
        """Let client and git talk until git is done.

        Args:
            exchange: what is wanted.
            source: what the client sends.
            sink: takes what git answers; called first when git has a place.
            trouble: takes what git says besides.
            user: who it is, for the record of a push.

        Returns:
            Git's exit code.

        Raises:
            GitBusy: no place became free.
            MalformedPacket: the client does not speak the protocol.
        """
        words = [exchange.service.command, *(["--stateless-rpc"] if exchange.stateless else [])]
        folder = str(self._projects.folder(exchange.repository.id))
        async with self._git.stream(
            *words, folder, patience=self._patience, extra=_protocol(exchange)
        ) as process:
            talk = _Talk(process, source, sink=sink, trouble=trouble)
            if exchange.service is Service.FETCH:
                return await talk.run()
            push = _Push(
                exchange.repository, self._refs, user=user, folder=Path(folder), betrayal=self._betrayal
            )
            try:
                status = await talk.run(push)
            except BaseException:
                # Git may have moved refs although nobody hears of it: ended first, then recorded.
                await asyncio.shield(push.abandon(process))
                raise
            await push.record()
            await sink(push.report)
            return status


def _protocol(exchange: Exchange) -> dict[str, str]:
    return {"GIT_PROTOCOL": exchange.protocol} if exchange.protocol else {}


class _Push:
    """Follows a push: notes it before git hears of it, and keeps the report back until it is recorded."""

    def __init__(
        self, repository: Repository, refs: Refs, *, user: str, folder: Path, betrayal: Betrayal
    ) -> None:
        self._repository = repository
        self._refs = refs
        self._folder = folder
        self._betrayal = betrayal
        self._user = user
        self._commands = CommandReader()
        self._head = bytearray()
        self._holder: ReportHolder | None = None
        self._intent: int | None = None

    async def incoming(self, data: bytes) -> bytes:
        """Take what the client sent; gives what may go to git now."""
        if self._commands.complete:
            return data
        self._head += data
        if not self._commands.feed(data):
            return b""
        if self._commands.commands:
            wanted = list(self._commands.commands)
            self._intent = await asyncio.to_thread(
                self._refs.intend, self._repository, wanted, user=self._user
            )
        self._holder = ReportHolder(self._commands.multiplexed)
        head, self._head = bytes(self._head), bytearray()
        return head

    def outgoing(self, data: bytes) -> bytes:
        """Take what git answers; gives what may go to the client now."""
        return data if self._holder is None else self._holder.feed(data)

    @property
    def report(self) -> bytes:
        """What was kept back."""
        return b"" if self._holder is None else self._holder.release()

    async def record(self) -> None:
        """Bring the rows in step with the refs."""
        if self._intent is not None:
            await asyncio.to_thread(self._record, self._intent)

    def _record(self, intent: int) -> None:
        pushed = self._commands.commands
        self._betrayal.undo(self._folder, pushed)
        self._refs.record(self._repository, intent=intent, user=self._user)
        self._betrayal.lose(self._folder, pushed)

    async def abandon(self, process: asyncio.subprocess.Process) -> None:
        """Record what a push left behind that did not end well; the sweeper does it if the database is away."""
        await end_process(process, patience=_TIDY_SECONDS)
        try:
            await self.record()
        except UnderstudyError as error:
            _LOG.warning("a broken push is recorded later: %s", error)


class _Talk:
    """Moves bytes both ways until git ends."""

    def __init__(
        self, process: asyncio.subprocess.Process, source: AsyncIterator[bytes], *, sink: Sink, trouble: Sink
    ) -> None:
        self._process = process
        self._source = source
        self._sink = sink
        self._trouble = trouble

    async def run(self, push: _Push | None = None) -> int:
        """Talk; gives git's exit code."""
        feeding = asyncio.create_task(self._feed(push))
        draining = asyncio.create_task(self._drain(push))
        complaining = asyncio.create_task(self._complain())
        tasks = (feeding, draining, complaining)
        try:
            # Git's answer ends the talk: a client over SSH may keep its side open for longer.
            done, _ = await asyncio.wait((feeding, draining), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await draining
            await complaining
            return await self._process.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _feed(self, push: _Push | None) -> None:
        target = self._process.stdin
        if target is None:
            return
        with suppress(BrokenPipeError, ConnectionResetError):
            async for data in self._source:
                target.write(data if push is None else await push.incoming(data))
                await target.drain()
        target.close()

    async def _drain(self, push: _Push | None) -> None:
        origin = self._process.stdout
        while origin is not None and (data := await origin.read(PIPE_BYTES)):
            passed = data if push is None else push.outgoing(data)
            if passed:
                await self._sink(passed)

    async def _complain(self) -> None:
        origin = self._process.stderr
        while origin is not None and (data := await origin.read(PIPE_BYTES)):
            await self._trouble(data)
