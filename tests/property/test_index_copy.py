"""What a target is told to do always adds up to what the source offers; and a manifest survives its journey."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telamon.errors import PlatformError
from telamon.indexfiles.delta import Looks, compare, lacking
from telamon.indexfiles.manifest import IndexCommit, IndexFile, Key, Manifest, decode, encode

FOLDERS = st.sampled_from(["", "issues", "issues/segments", "change"])
NAMES = st.from_regex(r"_[a-z0-9]{1,4}\.(cfs|si|liv)", fullmatch=True)


@st.composite
def files(draw: st.DrawFn) -> IndexFile:
    length = draw(st.integers(0, 1 << 40))
    return IndexFile(
        Key(draw(FOLDERS), draw(NAMES)),
        length,
        draw(st.integers(0, length)),
        draw(st.integers(0, (1 << 32) - 1)),
        draw(st.sampled_from(["aa", "bb", "cc"])),
    )


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    found = draw(st.lists(files(), max_size=12, unique_by=lambda file: file.key))
    commits = [
        IndexCommit(folder, "lucene", "segments_1", draw(st.binary(max_size=20)), {".managed.json": b"[]"})
        for folder in sorted({file.key.folder for file in found} | {""})
    ]
    positions = draw(st.dictionaries(st.sampled_from(["journal/main", "position"]), st.binary(max_size=8)))
    return Manifest(tuple(found), tuple(commits), positions)


def like(file: IndexFile) -> Looks:
    return Looks(file.length, file.ends)


@given(manifests())
def test_a_manifest_arrives_as_it_was_sent(manifest: Manifest) -> None:
    assert decode(encode(manifest)) == manifest


@given(st.binary(max_size=200))
def test_what_is_no_manifest_is_refused_and_nothing_else(content: bytes) -> None:
    for sent in (content, zlib.compress(content)):
        with pytest.raises(PlatformError):
            decode(sent)


@pytest.mark.parametrize(
    "change",
    [
        {"files": [["", "../../passwd", 1, 1, 1, "aa"]]},
        {"files": [["", "/etc/passwd", 1, 1, 1, "aa"]]},
        {"files": [["other", "_1.si", 1, 1, 1, "aa"]]},
        {"files": [["", "_1.si", -1, 1, 1, "aa"]]},
        {"files": [["", "_1.si", 1, 2, 1, "aa"]]},
        {"files": [["", "_1.si", 1, 1, True, "aa"]]},
        {"files": [["", "_1.si", 1, 1, 1, "aa"], ["", "_1.si", 2, 1, 1, "aa"]]},
        {"files": [[[], {}, 1, 1, 1, "aa"]]},
        {"positions": {"../position": ""}},
        {"positions": {"journal/../../position": ""}},
        {"commits": [{"folder": "..", "library": "lucene", "name": "s", "content": "", "beside": {}}]},
        {
            "commits": [
                {"folder": "", "library": "lucene", "name": "s", "content": "", "beside": {"../x": ""}}
            ]
        },
        {"version": 2},
    ],
)
def test_a_manifest_that_reaches_out_of_the_index_is_refused(change: dict[str, Any]) -> None:
    commit = {"folder": "", "library": "lucene", "name": "segments_1", "content": "", "beside": {}}
    document = {"version": 1, "files": [], "commits": [commit], "positions": {}}
    decode(zlib.compress(json.dumps(document).encode()))
    with pytest.raises(PlatformError):
        decode(zlib.compress(json.dumps({**document, **change}).encode()))


@given(manifests(), st.lists(files()), st.lists(files()))
def test_every_file_is_kept_reused_or_fetched_and_exactly_one_of_it(
    manifest: Manifest, staged: list[IndexFile], own: list[IndexFile]
) -> None:
    delta = compare(
        manifest,
        staged={file.key: like(file) for file in staged},
        own={file.key: like(file) for file in own},
    )
    assert sorted(file.key for file in (*delta.kept, *delta.reusable, *delta.fetch)) == sorted(
        file.key for file in manifest.files
    )
    # What is staged is kept or dropped, never left to mix with a commit that it is no part of.
    staged_keys = {file.key for file in staged}
    assert staged_keys == {file.key for file in delta.kept} | set(delta.drop)
    lengths = [file.length for file in delta.fetch]
    assert lengths == sorted(lengths, reverse=True)


@given(manifests())
def test_a_target_that_holds_everything_fetches_nothing(manifest: Manifest) -> None:
    own = {file.key: like(file) for file in manifest.files}
    assert compare(manifest, staged={}, own=own).missing == 0
    assert compare(manifest, staged=own, own={}).missing == 0
    assert compare(manifest, staged={}, own={}).missing == manifest.size


@given(manifests(), st.sampled_from(["length", "ends"]))
def test_a_file_of_the_same_name_and_another_content_is_fetched(manifest: Manifest, what: str) -> None:
    other: dict[str, Any] = {"length": 1 << 41} if what == "length" else {"ends": "dd"}
    own = {file.key: like(replace(file, **other)) for file in manifest.files}
    assert {file.key for file in compare(manifest, staged={}, own=own).fetch} == {
        file.key for file in manifest.files
    }


@given(st.integers(0, 1 << 50), st.integers(0, 1 << 50))
def test_a_copy_never_fills_a_disk(need: int, free: int) -> None:
    if lacking(need, free=free) == 0:
        assert need == 0 or free - need >= 64 << 20
