"""What an answer, or the lack of one, says."""

from __future__ import annotations

import base64
import binascii
import errno
import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from telamon.products.traffic import Act, Kind, Login, Meaning
from telamon.proof.meaning import Seen, digest_of
from telamon.proof.record import Cause
from telamon.proof.wire import Answer

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
    if answer.status in kind.refuses:
        return Cause.OK
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
        pointer: where. Source: RFC 6901; ``*`` stands for every member of a list.

    Returns:
        The first value as text, or "" where there is none.
    """
    return next(_values(_document(text), pointer.split("/")[1:]), "")


def seen_in(kind: Kind, answer: Answer, *, tokens: re.Pattern[str]) -> Seen | None:
    """Say what an answer showed of the thing that it is about.

    Args:
        kind: what was asked.
        answer: what came.
        tokens: finds the tokens of this run.

    Returns:
        What was shown; ``None`` where the answer says nothing of the thing.
    """
    meaning = kind.meaning
    if meaning is None:
        return None
    if meaning.act in {Act.READ, Act.OPEN} and answer.status in MISSING:
        return Seen(missing=True)
    if answer.status not in kind.expect:
        return None
    if meaning.act is Act.OPEN:
        return Seen(size=len(answer.body), digest=digest_of(answer.body))
    text = answer.text()
    version = _version(text, meaning)
    if meaning.act is not Act.READ:
        return Seen(version=version) if version else None
    return Seen(tuple(_tokens(text, meaning, tokens=tokens)), version)


def _version(text: str, meaning: Meaning) -> int:
    told = pointed(text, meaning.version) if meaning.version else ""
    return int(told) if told.isdigit() else 0


def _tokens(text: str, meaning: Meaning, *, tokens: re.Pattern[str]) -> Iterator[str]:
    if not meaning.sees:
        yield from tokens.findall(text)
        return
    document = _document(text)
    for pointer in meaning.sees:
        for value in _values(document, pointer.split("/")[1:]):
            yield from tokens.findall(value)


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _values(found: Any, parts: list[str]) -> Iterator[str]:
    """The values at a pointer, as texts."""
    if not parts:
        if found is not None:
            yield str(found)
        return
    name, rest = parts[0].replace("~1", "/").replace("~0", "~"), parts[1:]
    if isinstance(found, dict):
        yield from _values(found.get(name), rest)
    elif isinstance(found, list) and name == "*":
        for member in found:
            yield from _values(member, rest)
    elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
        yield from _values(found[int(name)], rest)
