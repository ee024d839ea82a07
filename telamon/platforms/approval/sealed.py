"""Plans that leave the machine: encrypted to the SSH keys of those who shall read them, in the format of age.

Nobody exchanges a password, and whoever is on the list of approvers can open the plan with the key they sign with.
Source: age, ``age-encryption.org/v1``, "The ssh-ed25519 recipient type".
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from telamon.errors import MachineError, RefusedError, brief
from telamon.infra.canonical import canonical_json, read_object

READERS: Final = ("ssh-ed25519 ", "ssh-rsa ")
"""Sorts of keys to which age encrypts; a key on a token only signs."""
KIND: Final = "telamon sealed plan v1"


def seal(files: Mapping[str, bytes], keys: Iterable[str]) -> bytes:
    """Encrypt files.

    Args:
        files: content by name.
        keys: public keys of those who shall read them.

    Raises:
        RefusedError: none of the keys can be encrypted to.
        MachineError: the library is missing.
    """
    pyrage = _library()
    able = [key for key in keys if key.startswith(READERS)]
    if not able:
        raise RefusedError(
            "the list of approvers has no key that can be encrypted to",
            guard="sealed",
            remedy="Add an ssh-ed25519 or ssh-rsa key that is kept in a file.",
        )
    packed = {name: base64.b64encode(content).decode() for name, content in files.items()}
    recipients = [pyrage.ssh.Recipient.from_str(key) for key in able]
    return bytes(pyrage.encrypt(canonical_json({"kind": KIND, "files": packed}), recipients))


def unseal(content: bytes, key: Path) -> Mapping[str, bytes]:
    """Decrypt what :func:`seal` made.

    Args:
        content: the sealed file.
        key: a private key file without a passphrase.

    Raises:
        RefusedError: it is not for this key, or is damaged.
        MachineError: the library or the key is missing.
    """
    pyrage = _library()
    try:
        identity = pyrage.ssh.Identity.from_buffer(key.read_bytes())
        document = read_object(pyrage.decrypt(content, [identity]), what="the sealed plan")
    except OSError as error:
        raise MachineError(
            f"{key} cannot be read: {brief(error)}", remedy="Name a key with --key."
        ) from error
    except (pyrage.DecryptError, pyrage.IdentityError) as error:
        raise RefusedError(
            f"the sealed plan does not open with {key}: {brief(error)}",
            guard="sealed",
            remedy="Take the private key file of one who is on the list of approvers, without a passphrase.",
        ) from error
    match document:
        case {"kind": kind, "files": dict(packed)} if kind == KIND:
            return {name: _unpacked(text) for name, text in packed.items()}
        case _:
            raise RefusedError("this is no sealed plan", guard="sealed")


def is_sealed(content: bytes) -> bool:
    """Whether a file is one of these."""
    return content.startswith(b"age-encryption.org/")


def _unpacked(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError) as error:
        raise RefusedError("the sealed plan is damaged", guard="sealed") from error


def _library() -> Any:
    try:
        import pyrage  # noqa: PLC0415 - it comes with an extra.
    except ImportError as error:
        raise MachineError(
            "the library for sealed plans is missing", remedy="Install telamon[aws], which brings pyrage."
        ) from error
    return pyrage
