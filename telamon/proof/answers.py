"""What an answer, or the lack of one, says."""

from __future__ import annotations

import base64
import binascii
import errno
import json
import re
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from telamon.proof.record import Cause
from telamon.proof.wire import Answer
from telamon.proof.workload import Kind, Login

MISSING: Final = frozenset({404, 410})
OUT_OF_MEANS: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM}
)
"""What this machine lacks, not the server. Source: connect(2), socket(2)."""
FIRST_FIELD: Final = 0x0A
"""How a protobuf message announces text as its first field. Source: Protocol Buffers, "Encoding"."""
_MEMBER: Final = re.compile(r"[0-9a-fA-F.:\[\]]+:[0-9]+")


def judge(kind: Kind, answer: Answer, *, contains: str) -> Cause:
    """Say whether an answer is right.

    Args:
        kind: what was asked.
        answer: what came.
        contains: what a right answer contains.
    """
    if answer.status in kind.expect:
        return Cause.OK if contains.encode() in answer.body else Cause.CONTRADICTION
    if answer.status >= 500:
        return Cause.SERVER_ERROR
    # A plan reads only what exists: what is missing has been lost, or is not seen yet.
    return Cause.CONTRADICTION if answer.status in MISSING and not kind.write else Cause.UNEXPECTED


def cause_of(error: OSError) -> Cause:
    """Say why there was no answer."""
    if isinstance(error, TimeoutError):
        return Cause.TIMEOUT
    if isinstance(error, ConnectionRefusedError):
        return Cause.REFUSED
    return Cause.LOCAL if error.errno in OUT_OF_MEANS else Cause.RESET


def leads_to_login(answer: Answer, login: Login) -> bool:
    """Whether an answer says that nobody is logged in."""
    if 300 <= answer.status < 400:
        target = answer.header("location")
        return bool(target) and urlsplit(urljoin(login.page, target)).path == urlsplit(login.page).path
    return answer.status == 401


def member_of(cookie: str) -> str:
    """Read the balancer's cookie.

    Args:
        cookie: its value. Source: Envoy 1.40, ``extensions.http.stateful_session.cookie.v3``: base64 of a protobuf
            message whose first field is the member's address and port.

    Returns:
        ``address:port``, or "" where it says nothing of the kind.
    """
    try:
        message = base64.b64decode(cookie.strip('"'), validate=True)
        address = message[2 : 2 + message[1]].decode("ascii")
    except (binascii.Error, IndexError, UnicodeDecodeError):
        return ""
    return address if message[0] == FIRST_FIELD and _MEMBER.fullmatch(address) else ""


def pointed(text: str, pointer: str) -> str:
    """Look a value up in JSON.

    Args:
        text: the document.
        pointer: where. Source: RFC 6901.

    Returns:
        The value as text, or "" where there is none.
    """
    try:
        found: Any = json.loads(text)
    except ValueError:
        return ""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(name)
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            return ""
    return "" if found is None else str(found)
