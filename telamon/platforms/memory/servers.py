"""Database servers as lists of writes: what replication, crashes and cut links do to data, and nothing else.

A server's log is its data; it survives a crash, and a standby's is always the begin of its primary's. A write is
acknowledged as PostgreSQL would: at once where commits wait for nobody, otherwise once the standby has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from telamon.errors import PlatformError, TemporaryError
from telamon.state.world import Replication, Role


@dataclass(frozen=True)
class Note:
    """What the data itself says of its standby; ``mark`` is the length of the log when it was written."""

    standby: str
    term: int
    mark: int


@dataclass
class _Server:
    role: Role
    log: list[str] = field(default_factory=list)
    note: Note | None = None
    waits: str = ""
    writer: bool = False
    roles: bool = False


@dataclass
class Servers:
    """The data of every server of one database.

    Args:
        now: instant, seconds.
        answers: whether a server runs and can be spoken to.
        lives: whether a server's process exists at all.
    """

    now: Callable[[], float]
    answers: Callable[[str], bool]
    lives: Callable[[str], bool]
    cut: set[str] = field(default_factory=set)
    """Standbys whose link to any primary is cut."""
    acknowledged: list[str] = field(default_factory=list)
    """What clients were told is kept."""
    _servers: dict[str, _Server] = field(default_factory=dict)
    _waiting: dict[str, list[str]] = field(default_factory=dict)
    _lost: dict[str, float] = field(default_factory=dict)

    # ---------------------------------------------------------------------------------------------------- the verbs

    def establish(self, member: str) -> None:
        """Make an empty server, unless there is one."""
        self._servers.setdefault(member, _Server(Role.PRIMARY))

    def bootstrap(self, member: str) -> None:
        """Make the roles that Telamon itself logs in as; a standby has its primary's.

        Raises:
            TemporaryError: it does not answer.
        """
        self._must_answer(member)
        server = self._servers[member]
        server.roles = server.roles or server.role is Role.PRIMARY

    def started(self, member: str) -> None:
        """A server begins to run: a primary takes the writer's address, if nobody has it.

        Raises:
            PlatformError: it has no data.
            TemporaryError: the address is taken.
        """
        server = self._servers.get(member)
        if server is None:
            raise PlatformError(f"{member} has no data to start with")
        holder = self._holder()
        if server.role is Role.PRIMARY and holder not in {None, member}:
            raise TemporaryError("something still listens on the writer's address", delay=0.1)
        # Who waited for an answer of its former life never learns one.
        self._waiting.pop(member, None)
        server.writer = server.role is Role.PRIMARY
        if server.role is Role.STANDBY:
            server.waits = ""

    def promote(self, member: str) -> None:
        """Let a standby take writes; it does not get clients before it is started again.

        Raises:
            TemporaryError: it does not answer, or another server could still take writes.
        """
        self._must_answer(member)
        for name, server in self._servers.items():
            if name != member and server.role is Role.PRIMARY and self.lives(name):
                raise TemporaryError(f"{name} still lives and could take writes", delay=0.2)
        self._servers[member].role = Role.PRIMARY

    def follow(self, member: str, primary: str) -> bool:
        """Give a server that does not run a copy of the primary's data. Returns whether that worked."""
        source = self._servers.get(primary)
        if source is None or not self.answers(primary) or member in self.cut or self.lives(member):
            return False
        self._servers[member] = _Server(Role.STANDBY, list(source.log), source.note, roles=source.roles)
        return True

    def synchronise(self, member: str, *, standby: str, term: int) -> None:
        """Let commits wait for a standby, or for none; the data says so first.

        Raises:
            TemporaryError: the primary does not answer.
        """
        self._must_answer(member)
        server = self._servers[member]
        if standby:
            server.waits = standby
            server.note = Note(standby, term, len(server.log))
        else:
            server.note = Note("", term, len(server.log))
            server.waits = ""
            self.acknowledged += self._waiting.pop(member, [])
        self.flow()

    # ------------------------------------------------------------------------------------------- clients and the world

    def write(self, token: str) -> bool:
        """A client writes to the writer's address. Returns whether the write was acknowledged by now."""
        holder = self._holder()
        if holder is None or not self.answers(holder):
            return False
        server = self._servers[holder]
        server.log.append(token)
        if not server.waits:
            self.acknowledged.append(token)
            return True
        self._waiting.setdefault(holder, []).append(token)
        self.flow()
        return token in self.acknowledged

    def flow(self) -> None:
        """Let standbys receive what they can reach, and primaries acknowledge what that settles."""
        primary = self._streaming()
        if primary is None:
            return
        source = self._servers[primary]
        for name, server in self._servers.items():
            if name == primary:
                continue
            if self._is_in_touch(name, primary):
                server.log, server.note, server.roles = list(source.log), source.note, source.roles
                self._lost.pop(name, None)
                if source.waits == name:
                    self.acknowledged += self._waiting.pop(primary, [])
            else:
                self._lost.setdefault(name, self.now())

    def destroy(self, member: str) -> None:
        """Lose a server's data."""
        self._servers.pop(member, None)

    def forget_roles(self) -> None:
        """Be the servers of an earlier release, which had the superuser alone."""
        for server in self._servers.values():
            server.roles = False

    def diverge(self, member: str) -> None:
        """Give a server data that its primary cannot go on from."""
        self._servers[member].log.append("a write of another life")

    def writers(self) -> tuple[str, ...]:
        """Servers that take writes of clients now."""
        return tuple(
            name
            for name, server in self._servers.items()
            if server.role is Role.PRIMARY and server.writer and self.lives(name)
        )

    def kept(self, member: str) -> tuple[str, ...]:
        """The writes that a server has."""
        server = self._servers.get(member)
        return tuple(server.log) if server is not None else ()

    # ------------------------------------------------------------------------------------------------------ the eyes

    def part(self, member: str) -> Replication | None:
        """A server's part in replication, as it can be seen; ``None`` where it has no data."""
        server = self._servers.get(member)
        if server is None:
            return None
        self.flow()
        found = Replication(server.role, admits=server.roles if self.answers(member) else None)
        if server.role is Role.PRIMARY:
            seen = self.answers(member)
            holds = server.writer and self.lives(member)
            return replace(found, writer=holds, demands=server.waits if seen else "")
        primary = self._streaming()
        source = self._servers[primary] if primary is not None else None
        touched = primary is not None and self._is_in_touch(member, primary)
        note = source.note if source is not None else None
        in_sync = (
            source is not None
            and note is not None
            and touched
            and source.waits == member == note.standby
            and len(server.log) >= note.mark
        )
        own = server.note if self.answers(member) else None
        return replace(
            found,
            in_sync=in_sync if source is not None and self.lives(member) else None,
            lag=len(source.log) - len(server.log) if source is not None and touched else None,
            lost_since=self._lost.get(member),
            attested=own.term if own is not None and own.standby == member else None,
        )

    # -------------------------------------------------------------------------------------------------------- inside

    def _holder(self) -> str | None:
        return next(iter(self.writers()), None)

    def _streaming(self) -> str | None:
        """The primary that standbys follow: one that runs and answers."""
        return next(
            (
                name
                for name, server in self._servers.items()
                if server.role is Role.PRIMARY and self.answers(name)
            ),
            None,
        )

    def _is_in_touch(self, member: str, primary: str) -> bool:
        server, source = self._servers[member], self._servers[primary]
        begins_it = source.log[: len(server.log)] == server.log
        return server.role is Role.STANDBY and self.answers(member) and member not in self.cut and begins_it

    def _must_answer(self, member: str) -> None:
        if member not in self._servers or not self.answers(member):
            raise TemporaryError(f"{member} takes no session", delay=0.5)
