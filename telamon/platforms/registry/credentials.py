"""Who logs in to which registry, from the file that container tools keep it in.

Source: Docker documentation, "docker login" (``config.json``: ``auths``, ``credsStore``, ``credHelpers``); Kubernetes,
"Pull an Image from a Private Registry" (a secret of type ``kubernetes.io/dockerconfigjson`` holds the same).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from telamon.errors import MachineError, UsageError, brief

_MOST = 1 << 20
"""Bytes of such a file that are read."""


@dataclass(frozen=True)
class Login:
    """A user of a registry. ``repr`` hides the password."""

    username: str
    password: str = field(repr=False)


def read_logins(path: Path, *, required: bool) -> Mapping[str, Login]:
    """Logins by the host of the registry.

    Args:
        path: of the file.
        required: whether its absence is an error; else nobody logs in.

    Raises:
        UsageError: it is required and not there, or is no such file.
        MachineError: it cannot be read.
    """
    try:
        with path.open("rb") as opened:
            content = opened.read(_MOST)
    except FileNotFoundError as error:
        if not required:
            return {}
        raise UsageError(f"there is no file {path}", remedy="Name it with --auth.") from error
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {brief(error)}", remedy="Check its rights.") from error
    try:
        entries = json.loads(content).get("auths", {})
        return {_host(name): login for name, entry in entries.items() if (login := _login(entry)) is not None}
    except (ValueError, AttributeError, binascii.Error) as error:
        # The text of the error may hold a part of a password, so it is not told.
        remedy = "It is to look as `docker login` writes it."
        raise UsageError(f"{path} is no file of logins", remedy=remedy) from error


def _host(name: str) -> str:
    host = urlsplit(name if "//" in name else f"//{name}").netloc
    return "docker.io" if host in {"index.docker.io", "registry-1.docker.io"} else host


def _login(entry: Mapping[str, Any]) -> Login | None:
    """A login where the file itself holds it; one that a helper keeps is nobody's here."""
    if entry.get("auth"):
        user, colon, password = base64.b64decode(entry["auth"], validate=True).decode().partition(":")
        if not colon:
            raise ValueError("no colon")
        return Login(user, password)
    if entry.get("username"):
        return Login(str(entry["username"]), str(entry.get("password", "")))
    return None
