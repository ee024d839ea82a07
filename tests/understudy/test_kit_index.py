"""The index of a stand-in on a disk that fails for a while."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.confluence.wikiindex import FIELDS
from understudy.kit.errors import IndexBroken
from understudy.kit.index import Document, SearchIndex


def test_what_is_written_after_a_disk_has_failed_is_there(tmp_path: Path) -> None:
    # The library's writer takes documents after it has failed, commits, and drops them without a word.
    index = SearchIndex.create(tmp_path / "index", FIELDS)
    index.apply(_documents("a", 5))
    for number in range(3):
        segments, away = tmp_path / "index" / "segments", tmp_path / "away"
        segments.rename(away)
        with pytest.raises(IndexBroken):
            index.apply(_documents(f"lost{number}", 1))
        away.rename(segments)
        index.apply(_documents(f"b{number}", 3))
        assert index.count == 5 + 3 * (number + 1)
    index.close()
    assert SearchIndex.open(tmp_path / "index", FIELDS).count == 14


def _documents(prefix: str, count: int) -> list[Document]:
    return [
        Document(key, {"id": key, "title": key, "text": "lanterns"})
        for key in (f"{prefix}-{number}" for number in range(count))
    ]
