"""Fetch files of one transfer, several at a time, and verify each as it comes."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from telamon.errors import MachineError, TelamonError, TemporaryError, brief
from telamon.indexfiles.commits import Damaged
from telamon.indexfiles.delta import lacking
from telamon.indexfiles.manifest import IndexFile, Manifest, decode
from telamon.platforms.disk import located
from telamon.platforms.indexcopy.home import Home, ends
from telamon.platforms.indexcopy.wire import LARGEST_MANIFEST, Broken, Wire, greet_as_target
from telamon.ports import Clock

STREAMS = 3
"""Files that come at a time: while one is waited for on its way to the disk, others come in."""

CHUNK = 1 << 20
"""Bytes that are received, summed and written at once."""

CONNECTS_WITHIN = 10.0
SILENCE = 30.0
"""Seconds for which the source may send nothing before another connection is tried."""

TRIES = 5
"""Connections in a row that may fail without a byte before the transfer is given up for now."""

PAUSE = 0.5
"""Seconds before the second connection; each further pause is twice as long."""

T = TypeVar("T")


@dataclass(frozen=True)
class Moved:
    """How far a transfer is.

    Attributes:
        done: bytes that are there.
        total: bytes that are to come in all.
        path: of the file in hand.
    """

    done: int
    total: int
    path: str


Progress = Callable[[Moved], None]
"""Told every so many bytes; from several threads."""


@dataclass(frozen=True)
class Source:
    """Where a transfer comes from.

    Attributes:
        address: host and port.
        token: of this one transfer.
    """

    address: tuple[str, int]
    token: bytes = field(repr=False)

    def connect(self) -> Wire:
        """Connect, and greet.

        Raises:
            Broken: nobody answers.
            Denied: the other end has another token.
        """
        try:
            connection = socket.create_connection(self.address, timeout=CONNECTS_WITHIN)
        except OSError as error:
            host, port = self.address
            raise Broken(f"the source does not answer on {host}:{port}: {brief(error)}") from error
        connection.settimeout(SILENCE)
        wire = Wire(connection)
        try:
            greet_as_target(wire, self.token)
        except TelamonError:
            wire.close()
            raise
        return wire


class _Line:
    """A connection to the source that is made when it is needed, and again after it broke.

    Args:
        source: of the transfer.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._wire: Wire | None = None

    def wire(self) -> Wire:
        """The connection."""
        if self._wire is None:
            self._wire = self._source.connect()
        return self._wire

    def end(self) -> int:
        """End the connection. Returns the bytes that came over it."""
        wire, self._wire = self._wire, None
        if wire is None:
            return 0
        wire.close()
        return wire.received


@dataclass
class Transfer:
    """Files on their way from one source to one home.

    Args:
        source: of the files.
        home: whose parts they become.
        clock: injected time.
        progress: told how far it is.
    """

    source: Source
    home: Home
    clock: Clock
    progress: Progress
    moved: int = 0
    """Bytes that came over the network, manifest and conversation included."""
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _waiting: deque[IndexFile] = field(init=False, default_factory=deque)
    _error: Exception | None = field(init=False, default=None)
    _there: int = field(init=False, default=0)
    _total: int = field(init=False, default=0)

    def manifest(self) -> Manifest:
        """Ask for the manifest.

        Raises:
            TemporaryError: the source does not answer.
            PlatformError: what it sends is none.
        """
        return decode(self._patiently(self._ask_manifest))

    def fetch(self, files: Sequence[IndexFile], *, done: Callable[[IndexFile, Path], None]) -> None:
        """Fetch files.

        Args:
            files: in the order in which they are begun.
            done: called for each with its verified part, which is on the disk; from several threads.

        Raises:
            Damaged: a file of the source is not what its own footer says.
            MachineError: there is no room left.
            TemporaryError: the source does not answer any more.
        """
        self._waiting = deque(files)
        self._total = sum(file.length for file in files)
        threads = [
            threading.Thread(target=self._work, args=(done,), name=f"index-fetch-{number}", daemon=True)
            for number in range(min(STREAMS, len(files)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._error is not None:
            raise self._error

    # ---------------------------------------------------------------------------------------------------- the threads

    def _work(self, done: Callable[[IndexFile, Path], None]) -> None:
        line = _Line(self.source)
        try:
            while (file := self._next()) is not None:
                self._fetch(file, line)
                done(file, part_of(self.home, file))
        except Exception as error:  # noqa: BLE001 - whoever waits for the files raises it
            with self._lock:
                self._error = self._error or error
        finally:
            self._count(line.end())

    def _next(self) -> IndexFile | None:
        with self._lock:
            return None if self._error is not None or not self._waiting else self._waiting.popleft()

    def _fetch(self, file: IndexFile, line: _Line) -> None:
        """Fetch one file, over as many connections as that takes."""
        part = part_of(self.home, file)

        def bring() -> None:
            try:
                self._receive(line.wire(), file, part)
            except TelamonError:
                self._count(line.end())
                raise

        for _ in range(2):
            self._patiently(bring)
            if verified(part, file):
                return
            # A part of an earlier run may have suffered with the machine: once more, from the beginning.
            with located(part):
                part.unlink()
        raise Damaged(f"{file.key.path} of the source is not what its checksum says")

    def _receive(self, wire: Wire, file: IndexFile, part: Path) -> None:
        with located(part):
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with located(part):
                there = os.lseek(descriptor, 0, os.SEEK_END)
                if there > file.length:
                    os.ftruncate(descriptor, 0)
                    there = os.lseek(descriptor, 0, os.SEEK_SET)
                self._demand_room(file.length - there)
            wire.say(folder=file.key.folder, name=file.key.name, offset=there)
            if wire.hear().get("length") != file.length - there:
                raise Broken("the source offers another length than before")
            self._write(wire, descriptor, file, there=there)
            with located(part):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _write(self, wire: Wire, descriptor: int, file: IndexFile, *, there: int) -> None:
        view = memoryview(bytearray(CHUNK))
        while there < file.length:
            count = wire.into(view[: min(CHUNK, file.length - there)])
            written = 0
            with located(self.home.parts):
                while written < count:
                    written += os.write(descriptor, view[written:count])
            there += count
            with self._lock:
                self._there += count
                told = self._there
            self.progress(Moved(told, self._total, file.key.path))

    def _demand_room(self, need: int) -> None:
        lacks = lacking(need, free=free_bytes(self.home))
        if lacks:
            raise no_room(self.home, lacks)

    # ------------------------------------------------------------------------------------------------------ patience

    def _ask_manifest(self) -> bytes:
        line = _Line(self.source)
        try:
            wire = line.wire()
            wire.say(want="manifest")
            return wire.receive(limit=LARGEST_MANIFEST)
        finally:
            self._count(line.end())

    def _patiently(self, act: Callable[[], T]) -> T:
        """Do something over a connection, and over another where it broke; bytes of files make patience new."""
        failed, before = 0, self._there
        while True:
            try:
                return act()
            except Broken as error:
                failed = 1 if self._there > before else failed + 1
                before = self._there
                if failed >= TRIES or self._error is not None:
                    raise TemporaryError(f"the copy broke off: {error}", delay=PAUSE) from error
            self.clock.sleep(PAUSE * 2 ** (failed - 1))

    def _count(self, received: int) -> None:
        with self._lock:
            self.moved += received


def part_of(home: Home, file: IndexFile) -> Path:
    """Where a file is while it comes; another content under the same name has another part."""
    told = f"{file.key.path}\0{file.length}\0{file.crc}\0{file.ends}"
    return home.parts / hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def verified(path: Path, file: IndexFile) -> bool:
    """Read a file whole, and say whether it is the one meant.

    Raises:
        MachineError: it cannot be read.
    """
    with located(path), path.open("rb", buffering=0) as opened:
        if os.fstat(opened.fileno()).st_size != file.length:
            return False
        crc, left = 0, file.covered
        buffer = memoryview(bytearray(CHUNK))
        while left and (count := opened.readinto(buffer[: min(CHUNK, left)])):
            crc = zlib.crc32(buffer[:count], crc)
            left -= count
        return not left and crc == file.crc and ends(opened.fileno(), file.length) == file.ends


def free_bytes(home: Home) -> int:
    """Bytes that the disk of a home has left for us."""
    with located(home.index.parent):
        found = os.statvfs(home.index.parent)
    return found.f_bavail * found.f_frsize


def no_room(home: Home, lacks: int) -> MachineError:
    """What is said where the disk is too small."""
    return MachineError(
        f"the disk of {home.root.name} has no room for the index: {lacks / (1 << 20):.0f} MiB are missing",
        remedy="Free some space there; what was copied so far was removed again.",
    )
