"""The conversation of a copy: frames of JSON and of bytes on one TCP connection.

Both ends prove that they know the transfer's token before anything else is said, without saying it. The bytes
themselves are not encrypted: they go where the nodes' own traffic goes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import socket
import struct
from typing import Any

from telamon.errors import PlatformError

VERSION = 1
LARGEST_WORD = 64 << 10
"""Bytes of a frame that holds a request or an answer."""
LARGEST_MANIFEST = 64 << 20
NONCE = 32


class Broken(PlatformError):
    """The connection ended, or went silent; another one may do better."""


class Denied(PlatformError):
    """The other end does not know the token of this transfer."""


class Wire:
    """One end of a connection.

    Args:
        connection: connected; its timeout decides how long the other end may be silent.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = 0

    def send(self, payload: bytes) -> None:
        """Send one frame.

        Raises:
            Broken: the connection is gone.
        """
        try:
            self.connection.sendall(struct.pack(">I", len(payload)) + payload)
        except OSError as error:
            raise Broken(f"the other end of the copy is gone: {error}") from error

    def say(self, **words: Any) -> None:
        """Send words."""
        self.send(json.dumps(words).encode())

    def receive(self, *, limit: int = LARGEST_WORD) -> bytes:
        """Receive one frame.

        Args:
            limit: bytes it may have.

        Raises:
            Broken: the connection is gone, or what comes is no frame.
        """
        (length,) = struct.unpack(">I", self._exactly(4))
        if length > limit:
            raise Broken("the other end of the copy sends what is no frame")
        return self._exactly(length)

    def hear(self) -> dict[str, Any]:
        """Receive words; an error that the other end tells of is raised here."""
        try:
            words = json.loads(self.receive())
        except ValueError as error:
            raise Broken("the other end of the copy sends what is no frame") from error
        if not isinstance(words, dict):
            raise Broken("the other end of the copy sends what is no frame")
        if "error" in words:
            raise PlatformError(f"the source of the copy refuses: {str(words['error'])[:200]}")
        return words

    def into(self, buffer: memoryview) -> int:
        """Receive some bytes into a buffer. Returns how many.

        Raises:
            Broken: the connection is gone.
        """
        try:
            count = self.connection.recv_into(buffer)
        except OSError as error:
            raise Broken(f"the other end of the copy is gone: {error}") from error
        if not count:
            raise Broken("the other end of the copy ended the connection")
        self.received += count
        return count

    def close(self) -> None:
        """End the connection."""
        self.connection.close()

    def _exactly(self, count: int) -> bytes:
        buffer = bytearray(count)
        view = memoryview(buffer)
        while view:
            view = view[self.into(view) :]
        return bytes(buffer)


def greet_as_source(wire: Wire, token: bytes) -> None:
    """Prove to know the token, and see the same of the other end.

    Raises:
        Denied: it does not know the token.
        Broken: the connection is gone.
    """
    nonce = secrets.token_bytes(NONCE)
    wire.say(version=VERSION, nonce=nonce.hex())
    answer = wire.hear()
    if not _is_proof(answer.get("proof"), token, b"target", nonce=nonce):
        wire.say(error="the token is not that of this copy")
        raise Denied("somebody without the token of this copy wanted its files")
    wire.say(proof=_proof(token, b"source", nonce=_nonce(answer)))


def greet_as_target(wire: Wire, token: bytes) -> None:
    """Prove to know the token, and see the same of the other end.

    Raises:
        Denied: it does not know the token, or says so of us.
        Broken: the connection is gone.
    """
    hello = wire.hear()
    if hello.get("version") != VERSION:
        raise PlatformError(
            "the source speaks another version of the copy", remedy="Run the same release on both sides."
        )
    nonce = secrets.token_bytes(NONCE)
    wire.say(proof=_proof(token, b"target", nonce=_nonce(hello)), nonce=nonce.hex())
    if not _is_proof(wire.hear().get("proof"), token, b"source", nonce=nonce):
        raise Denied("the source does not know the token of this copy")


def _proof(token: bytes, role: bytes, *, nonce: bytes) -> str:
    return hmac.new(token, role + b":" + nonce, hashlib.sha256).hexdigest()


def _is_proof(found: object, token: bytes, role: bytes, *, nonce: bytes) -> bool:
    return isinstance(found, str) and hmac.compare_digest(
        found.encode(), _proof(token, role, nonce=nonce).encode()
    )


def _nonce(words: dict[str, Any]) -> bytes:
    try:
        return bytes.fromhex(words["nonce"])
    except (KeyError, TypeError, ValueError) as error:
        raise Broken("the other end of the copy sends what is no frame") from error
