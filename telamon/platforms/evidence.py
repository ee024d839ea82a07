"""What tells later why something went wrong, gathered without a secret in it, as one archive."""

from __future__ import annotations

import io
import json
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, Final

from telamon.errors import PlatformError, TelamonError, brief
from telamon.platforms.redaction import Redactor

MANIFEST: Final = "manifest.json"
"""Says what an archive is of, and what is not in it."""


@dataclass
class Gathering:
    """What goes into an archive; whatever is taken in is cleared of secrets first.

    Attributes:
        redactor: knows the secrets.
        contents: texts by the name of their file.
        left_out: what could not be read, and why.
    """

    redactor: Redactor
    contents: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def add(self, name: str, read: Callable[[], str]) -> None:
        """Take a text in; what cannot be read is noted instead.

        Args:
            name: of its file.
            read: gives the text.
        """
        try:
            self.contents[name] = self.redactor.text(read())
        except (OSError, TelamonError) as error:
            self.left_out.append(f"{name}: {brief(error)}")

    def add_document(self, name: str, document: Any) -> None:
        """Take JSON data in.

        Args:
            name: of its file.
            document: the data.
        """
        cleared = self.redactor.document(document)
        self.contents[name] = json.dumps(cleared, indent=1, ensure_ascii=False, default=str) + "\n"


def whole_lines(text: str) -> str:
    """A text that was cut at its beginning, without its first line: half a secret is not found.

    Args:
        text: that was cut.
    """
    return text.partition("\n")[2]


def write_archive(file: IO[bytes], contents: Mapping[str, str], *, top: str, at: datetime) -> None:
    """Write an archive, ``tar`` within ``gzip``; its files are for their owner alone.

    Args:
        file: into which it is written.
        contents: texts by name.
        top: folder in which its files are.
        at: time of its files.
    """
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, text in sorted(contents.items()):
            content = text.encode()
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size, info.mtime, info.mode = len(content), int(at.timestamp()), 0o600
            archive.addfile(info, io.BytesIO(content))


@dataclass(frozen=True)
class Told:
    """What an archive tells of itself.

    Attributes:
        files: what is in it.
        redacted: how many secrets were taken out.
        left_out: what could not be read, and why.
    """

    files: tuple[str, ...]
    redacted: int
    left_out: tuple[str, ...]


def told_by(archive: bytes) -> Told:
    """What an archive tells of itself.

    Args:
        archive: its bytes.

    Raises:
        PlatformError: it is damaged.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
            files = {member.name.partition("/")[2]: member for member in opened.getmembers()}
            content = opened.extractfile(files[MANIFEST])
            manifest = {} if content is None else json.load(content)
        left_out = tuple(str(line) for line in manifest["leftOut"])
        return Told(tuple(sorted(files)), int(manifest["redacted"]), left_out)
    except (tarfile.TarError, OSError, EOFError, zlib.error, KeyError, TypeError, ValueError) as error:
        raise PlatformError(f"the archive is damaged: {brief(error)}") from error
