"""The packet lines of git's protocol, as far as a server between client and git has to read them.

Source: git's protocol documentation, gitprotocol-common(5) and gitprotocol-pack(5).
"""

from __future__ import annotations

from dataclasses import dataclass

MAXIMUM_COMMANDS_BYTES = 16 * 1024 * 1024
ABSENT = "0" * 40
_REPORT_BAND = 1


@dataclass(frozen=True)
class RefCommand:
    """One change a push asks for; :data:`ABSENT` (or its longer form) stands for no commit."""

    old: str
    new: str
    ref: str


class MalformedPacket(ValueError):
    """What came is not the protocol."""


def packet(payload: bytes) -> bytes:
    """One packet line."""
    return b"%04x" % (len(payload) + 4) + payload


def read_packet(buffer: bytes, start: int) -> tuple[bytes | None, int] | None:
    """Read one packet.

    Returns:
        The payload (``None`` for a flush) and where the next packet begins; ``None`` if more bytes are needed.

    Raises:
        MalformedPacket: the length is no length.
    """
    if len(buffer) < start + 4:
        return None
    try:
        length = int(buffer[start : start + 4], 16)
    except ValueError as error:
        raise MalformedPacket("a packet has no length") from error
    if length < 4:
        return None if length else (None, start + 4)
    if len(buffer) < start + length:
        return None
    return buffer[start + 4 : start + length], start + length


class CommandReader:
    """Reads the commands at the head of a push while its bytes pass by."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._place = 0
        self.commands: list[RefCommand] = []
        self.capabilities: frozenset[str] = frozenset()
        self.complete = False

    def feed(self, data: bytes) -> bool:
        """Take more bytes.

        Returns:
            Whether all commands have been read.

        Raises:
            MalformedPacket: this is not a push, or its list of commands has no end.
        """
        if self.complete:
            return True
        self._buffer += data
        while (found := read_packet(bytes(self._buffer), self._place)) is not None:
            payload, self._place = found
            if payload is None:
                self.complete = True
                self._buffer.clear()
                return True
            self._read(payload)
        if len(self._buffer) > MAXIMUM_COMMANDS_BYTES:
            raise MalformedPacket("the list of commands is too long")
        return False

    def _read(self, payload: bytes) -> None:
        if payload.startswith(b"shallow "):
            return
        line, _, capabilities = payload.partition(b"\0")
        if capabilities:
            self.capabilities = frozenset(capabilities.decode(errors="replace").split())
        parts = line.decode(errors="replace").rstrip("\n").split(" ", 2)
        if len(parts) != 3 or len(parts[0]) not in {40, 64}:
            raise MalformedPacket("a command is malformed")
        self.commands.append(RefCommand(*parts))

    @property
    def multiplexed(self) -> bool:
        """Whether the answer comes in bands, so that progress can be told from the report."""
        return bool(self.capabilities & {"side-band", "side-band-64k"})


class ReportHolder:
    """Lets progress through and keeps the report of a push back, until what it reports is recorded.

    Args:
        multiplexed: whether the answer comes in bands; one that does not is kept back entirely.
    """

    def __init__(self, multiplexed: bool) -> None:
        self._multiplexed = multiplexed
        self._pending = bytearray()
        self._held = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Take output of git; gives what may go to the client now."""
        if not self._multiplexed or self._held:
            self._held += data
            return b""
        self._pending += data
        passed, place, buffer = bytearray(), 0, bytes(self._pending)
        while (found := read_packet(buffer, place)) is not None:
            payload, following = found
            if payload is None or payload[:1] == bytes([_REPORT_BAND]):
                self._held += buffer[place:]
                place = len(buffer)
                break
            passed += buffer[place:following]
            place = following
        del self._pending[:place]
        return bytes(passed)

    def release(self) -> bytes:
        """Everything kept back."""
        return bytes(self._held + self._pending)
