"""Reading a public key and an SSH signature, so far as needed to say what is wrong with it.

Whether a signature is good is for ``ssh-keygen`` to say; what is read here only chooses the words of a refusal, and
nothing is accepted because of it. Source: OpenSSH, ``PROTOCOL.sshsig``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from telamon.errors import RefusedError

KEY: Final = re.compile(
    r"(ssh-ed25519|sk-ssh-ed25519@openssh\.com|ecdsa-sha2-nistp(?:256|384|521)|sk-ecdsa-sha2-nistp256@openssh\.com"
    r"|ssh-rsa) ([A-Za-z0-9+/]+={0,2})(?: .*)?"
)
ARMOUR: Final = re.compile(
    r"-----BEGIN SSH SIGNATURE-----\n(?P<body>[A-Za-z0-9+/=\n]+)\n-----END SSH SIGNATURE-----\n?"
)
MAGIC: Final = b"SSHSIG"
VERSION: Final = 1


@dataclass(frozen=True)
class Read:
    """What a signature says of itself.

    Attributes:
        key: the public key, in the form :func:`plain_key` gives.
        namespace: what it is good for.
    """

    key: str
    namespace: str


def plain_key(text: str) -> str:
    """A public key without its comment.

    Args:
        text: a line of a ``.pub`` file.

    Raises:
        RefusedError: it is none, or of a sort that OpenSSH no longer signs with.
    """
    found = KEY.fullmatch(text.strip())
    if found is None or "\n" in text.strip():
        raise RefusedError("this is no public key of OpenSSH", guard="readable")
    kind, body = found.group(1), found.group(2)
    try:
        named = _field(base64.b64decode(body, validate=True), 0)[0]
    except (binascii.Error, ValueError):
        named = b""
    if named != kind.encode():
        raise RefusedError("this is no public key of OpenSSH", guard="readable")
    return f"{kind} {body}"


def fingerprint(key: str) -> str:
    """The fingerprint of a public key as ``ssh-keygen -l`` shows it.

    Args:
        key: as :func:`plain_key` gives it.
    """
    hashed = hashlib.sha256(base64.b64decode(key.split(" ")[1])).digest()
    return f"SHA256:{base64.b64encode(hashed).decode().rstrip('=')}"


def read_signature(text: str) -> Read | None:
    """What a signature says of itself, or ``None`` where it is damaged.

    Args:
        text: the armoured signature.
    """
    found = ARMOUR.fullmatch(text)
    if found is None:
        return None
    try:
        return _unpack(base64.b64decode(found["body"].replace("\n", ""), validate=True))
    except (binascii.Error, ValueError):
        return None


def _unpack(blob: bytes) -> Read:
    if not blob.startswith(MAGIC) or int.from_bytes(blob[6:10]) != VERSION:
        raise ValueError("no signature of this version")
    public, at = _field(blob, 10)
    namespace, at = _field(blob, at)
    for _ in ("reserved", "hash algorithm", "signature"):
        _, at = _field(blob, at)
    if at != len(blob):
        raise ValueError("more than a signature")
    kind, _ = _field(public, 0)
    return Read(f"{kind.decode('ascii')} {base64.b64encode(public).decode()}", namespace.decode())


def _field(blob: bytes, at: int) -> tuple[bytes, int]:
    size = int.from_bytes(blob[at : at + 4])
    end = at + 4 + size
    if len(blob) < at + 4 or end > len(blob):
        raise ValueError("cut short")
    return blob[at + 4 : end], end
