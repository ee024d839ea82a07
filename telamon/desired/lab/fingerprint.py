"""Fingerprints: the same data gives the same text on every machine and in every run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from telamon.desired.lab.data import FileDesired
from telamon.products.base import EnvironmentValue

LENGTH = 16


def process_revision(
    argv: Iterable[str],
    environment: Mapping[str, EnvironmentValue],
    *,
    cwd: str,
    files: Iterable[FileDesired] = (),
) -> str:
    """Fingerprint of everything that only a restart changes; of secrets, the reference and not the value.

    Args:
        argv: command line.
        environment: name to value.
        cwd: working folder.
        files: files that the process reads once.
    """
    told = {
        name: value if isinstance(value, str) else [type(value).__name__, asdict(value)]
        for name, value in environment.items()
    }
    read = {file.path: file.content for file in files}
    return digest({"argv": list(argv), "environment": told, "cwd": cwd, "files": read})


def files_fingerprint(files: Iterable[FileDesired], contents: Mapping[str, str]) -> str:
    """Fingerprint of files with the given contents; of a file that others write to, only that it is there.

    Args:
        files: what is desired.
        contents: path to content: the desired one, or what was found on the disk.
    """
    seen = {
        file.path: [oct(file.mode), "" if file.once else contents[file.path]]
        for file in files
        if file.path in contents
    }
    return digest(seen)


def desired_fingerprint(files: Iterable[FileDesired]) -> str:
    """Fingerprint of files as they are desired."""
    kept = tuple(files)
    return files_fingerprint(kept, {file.path: file.content for file in kept})


def digest(data: object) -> str:
    """A short fingerprint of JSON data."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]
