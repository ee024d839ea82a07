"""Secrets of a lab: one file each, mode 0600, in a folder nobody else may enter.

A value goes from here into the environment of the process that needs it, and nowhere else.
"""

from __future__ import annotations

import json
import secrets as randomness
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from telamon.desired.lab.data import SecretDesired, SecretKind
from telamon.errors import PlatformError
from telamon.platforms.files import located, make_folder, write
from telamon.products.base import EnvironmentValue, SecretValue

SUFFIX = ".json"
PASSWORD_BYTES = 24
HAD = "had.list"
"""File with the name and key of every value that there ever was; a value that is in it is never made again."""


class FileSecrets:
    """The secrets in one folder. Fulfils :class:`telamon.ports.Secrets`.

    Args:
        folder: made where it is missing.

    Raises:
        MachineError: the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        make_folder(folder)

    def get(self, name: str, key: str) -> str:
        """The value.

        Raises:
            PlatformError: there is none.
        """
        values = self._read(name)
        if key not in values:
            raise PlatformError(
                f"secret {name} has no {key}",
                remedy=f"Write it into {self._path(name)}, or leave it out of the stack file: the lab then makes one.",
            )
        return values[key]

    def find(self, value: SecretValue) -> str | None:
        """The value, or ``None`` where there is none yet."""
        return self._read(value.secret).get(value.key)

    def put(self, name: str, values: Mapping[str, str]) -> None:
        """Store values; keys not named stay as they are.

        Raises:
            MachineError: the disk is full or read-only.
        """
        with self._lock:
            merged = {**self._read(name), **values}
            write(self._path(name), json.dumps(merged, indent=1, sort_keys=True) + "\n")

    def names(self) -> Sequence[tuple[str, tuple[str, ...]]]:
        """Every secret with its keys, sorted."""
        with located(self._folder):
            found = sorted(path.name.removesuffix(SUFFIX) for path in self._folder.glob(f"*{SUFFIX}"))
        return [(name, tuple(sorted(self._read(name)))) for name in found]

    def ensure(self, wanted: Iterable[SecretDesired]) -> tuple[SecretValue, ...]:
        """Make what is missing, and never the same one twice: products and database know the first value.

        Returns:
            What was made.

        Raises:
            PlatformError: a secret that was there before is gone.
            MachineError: the disk is full or read-only.
        """
        secrets = tuple(wanted)
        missing = [secret for secret in secrets if self.find(secret.value) is None]
        had = self._had()
        lost = sorted({secret.value.secret for secret in missing if _label(secret.value) in had})
        if lost:
            keys = sorted({secret.value.key for secret in missing if secret.value.secret == lost[0]})
            example = json.dumps(dict.fromkeys(keys, "…"), ensure_ascii=False)
            raise PlatformError(
                f"values are lost that the stack goes on using: {', '.join(lost)}",
                remedy=f"Put {self._path(lost[0])} back from a copy, or write the old values into it: {example}",
            )
        for secret in missing:
            self.put(secret.value.secret, {secret.value.key: _make(secret)})
        have = had | {_label(secret.value) for secret in secrets}
        if have != had:
            write(self._folder / HAD, "".join(f"{label}\n" for label in sorted(have)))
        return tuple(secret.value for secret in missing)

    def resolve(self, environment: Mapping[str, EnvironmentValue]) -> Mapping[str, str]:
        """An environment with its secrets put in.

        Raises:
            PlatformError: one of them is missing.
        """
        return {name: self._value(value) for name, value in environment.items()}

    def _value(self, value: EnvironmentValue) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, SecretValue):
            return self.get(value.secret, value.key)
        return "".join(self._value(part) for part in value.parts)

    def _had(self) -> frozenset[str]:
        """Labels of all values that there ever were."""
        path = self._folder / HAD
        with located(path):
            text = path.read_text(encoding="utf-8") if path.exists() else ""
        return frozenset(text.splitlines())

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{SUFFIX}"

    def _read(self, name: str) -> Mapping[str, str]:
        path = self._path(name)
        try:
            with located(path):
                text = path.read_text(encoding="utf-8") if path.exists() else "{}"
            return {str(key): str(value) for key, value in json.loads(text).items()}
        except (ValueError, AttributeError) as error:
            raise PlatformError(
                f"the secret in {path} is damaged", remedy="Put it back from a copy, or write it anew."
            ) from error


def _label(value: SecretValue) -> str:
    return f"{value.secret}/{value.key}"


def _make(secret: SecretDesired) -> str:
    match secret.kind:
        case SecretKind.PASSWORD:
            return randomness.token_urlsafe(PASSWORD_BYTES)
        case SecretKind.LICENSE:
            # A stand-in takes any key; the real product would refuse this one and say so.
            return f"LAB-{randomness.token_hex(24).upper()}"
        case SecretKind.TEXT:
            return secret.text
