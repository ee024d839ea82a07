"""Commits of tantivy: ``meta.json`` names segments, and the files of a segment begin with its id.

Sources: tantivy 0.27, ``src/index/index_meta.rs`` (``relative_path``), ``src/index/segment_component.rs``,
``src/directory/managed_directory.rs``; ``doc/src/index-fileformats.md``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from telamon.indexfiles.commits import Commit, Damaged, Folder, Half

NAME = "tantivy"
COMMIT = "meta.json"
MANAGED = ".managed.json"
"""Lists what the library may delete once no commit needs it."""

COMPONENTS = (".fast", ".fieldnorm", ".idx", ".pos", ".store", ".term")
"""Files that every segment has."""

SEGMENT = re.compile(r"[0-9a-f]{32}")


def newest(folder: Folder) -> Commit | None:
    """The newest commit of a folder, or ``None`` where it holds none.

    Raises:
        Half: the folder changed meanwhile.
        Damaged: the commit cannot be read.
    """
    names = folder.names()
    if COMMIT not in names:
        return None
    try:
        content = folder.read(COMMIT)
    except FileNotFoundError as error:
        raise Half(COMMIT) from error
    files = frozenset(_files(content))
    # Listed before the commit was read, a folder may lack what the commit names: then another look is due.
    if not files <= folder.names():
        raise Half(COMMIT)
    return Commit(NAME, COMMIT, content, files, beside={MANAGED: _managed(files)})


def _managed(files: Iterable[str]) -> bytes:
    """The list of managed files that belongs to a commit of these."""
    return json.dumps(sorted([*files, COMMIT])).encode()


def _files(content: bytes) -> Iterator[str]:
    try:
        segments = json.loads(content)["segments"]
        for segment in segments:
            yield from _segment_files(segment)
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{COMMIT} cannot be read") from error


def _segment_files(segment: Any) -> Iterator[str]:
    identity = str(segment["segment_id"]).replace("-", "")
    if SEGMENT.fullmatch(identity) is None:
        raise Damaged(f"{COMMIT} names a segment by {identity[:40]!r}")
    for component in COMPONENTS:
        yield identity + component
    if segment["deletes"] is not None:
        yield f"{identity}.{int(segment['deletes']['opstamp'])}.del"
