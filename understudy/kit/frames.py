"""Frames on a link between two nodes, and the handshake that opens it.

A frame is four bytes of length and a JSON object. The handshake proves, in both directions and without
sending it, that the two sides hold the same secret; a cluster name that differs is refused as well.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import socket
import struct
from collections.abc import Mapping
from typing import Any

from understudy.kit.errors import LinkError, LinkRefused

MAXIMUM_FRAME = 4 * 1024 * 1024
_LENGTH = struct.Struct("!I")

Frame = Mapping[str, Any]


def send_frame(link: socket.socket, frame: Frame) -> None:
    """Send one frame in full.

    Raises:
        LinkError: the link is broken, or the frame is too long to send.
    """
    body = json.dumps(frame, separators=(",", ":")).encode()
    if len(body) > MAXIMUM_FRAME:
        raise LinkError(f"a frame of {len(body)} bytes is too long")
    try:
        link.sendall(_LENGTH.pack(len(body)) + body)
    except OSError as error:
        raise LinkError(f"cannot send: {error}") from error


def receive_frame(link: socket.socket) -> dict[str, Any]:
    """Receive one frame in full, within the time limit of the socket.

    Raises:
        LinkError: the link is broken or silent, or what came is no frame.
    """
    (length,) = _LENGTH.unpack(_receive_exactly(link, _LENGTH.size))
    if length > MAXIMUM_FRAME:
        raise LinkError(f"a frame of {length} bytes is too long")
    try:
        frame = json.loads(_receive_exactly(link, length))
    except ValueError as error:
        raise LinkError("what came is not a frame") from error
    if not isinstance(frame, dict):
        raise LinkError("what came is not a frame")
    return frame


def open_as_caller(link: socket.socket, *, cluster: str, secret: bytes, about: Frame) -> dict[str, Any]:
    """Introduce ourselves to the node that was dialled.

    Args:
        link: the connected socket, with a time limit set.
        cluster: name of the cluster; must be the same on both sides.
        secret: the shared secret.
        about: what we say about ourselves.

    Returns:
        What the other side says about itself.

    Raises:
        LinkRefused: another cluster, or another secret.
        LinkError: the link broke.
    """
    nonce = secrets.token_hex(16)
    send_frame(link, {"cluster": cluster, "nonce": nonce})
    challenge = receive_frame(link)
    _raise_if_refused(challenge)
    theirs = str(challenge.get("nonce", ""))
    if not hmac.compare_digest(str(challenge.get("proof", "")), _prove(secret, "callee", (nonce, theirs))):
        raise LinkRefused("cluster authentication failed: the shared secret differs")
    send_frame(link, {"proof": _prove(secret, "caller", (nonce, theirs)), "about": about})
    welcome = receive_frame(link)
    _raise_if_refused(welcome)
    return _about(welcome)


def open_as_callee(link: socket.socket, *, cluster: str, secret: bytes, about: Frame) -> dict[str, Any]:
    """Answer the introduction of a node that dialled us; see :func:`open_as_caller`."""
    hello = receive_frame(link)
    if hello.get("cluster") != cluster:
        send_frame(link, {"refused": "this is another cluster"})
        raise LinkRefused("a node of another cluster has called")
    theirs, nonce = str(hello.get("nonce", "")), secrets.token_hex(16)
    send_frame(link, {"nonce": nonce, "proof": _prove(secret, "callee", (theirs, nonce))})
    answer = receive_frame(link)
    if not hmac.compare_digest(str(answer.get("proof", "")), _prove(secret, "caller", (theirs, nonce))):
        send_frame(link, {"refused": "cluster authentication failed: the shared secret differs"})
        raise LinkRefused("cluster authentication failed: the shared secret differs")
    send_frame(link, {"about": about})
    return _about(answer)


def _about(frame: Frame) -> dict[str, Any]:
    about = frame.get("about")
    if not isinstance(about, dict):
        raise LinkError("the other node says nothing about itself")
    return about


def _raise_if_refused(frame: Frame) -> None:
    if "refused" in frame:
        raise LinkRefused(str(frame["refused"])[:200])


def _prove(secret: bytes, side: str, nonces: tuple[str, str]) -> str:
    """The nonces are those of the caller and of the callee, in this order."""
    text = "|".join((side, *nonces)).encode()
    return hmac.new(secret, text, hashlib.sha256).hexdigest()


def _receive_exactly(link: socket.socket, count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        try:
            part = link.recv(min(count, 65536))
        except OSError as error:
            raise LinkError(f"cannot receive: {error}") from error
        if not part:
            raise LinkError("the other node closed the link")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
