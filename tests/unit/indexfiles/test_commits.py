"""Which files belong to a commit, and how a file proves itself whole, on folders that the libraries themselves wrote.

The archives under ``data`` are folders written by Apache Lucene 7.3.1 (compound files) and 9.12.3 (plain files): three
commits with deletions and an updated value, found clean by Lucene's own CheckIndex.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest
import tantivy

from telamon.indexfiles import footers
from telamon.indexfiles.commits import Damaged, Half
from telamon.indexfiles.library import known, newest

DATA = Path(__file__).with_name("data")
LUCENE = ("lucene-7.3", "lucene-9.12")


class Held:
    """A folder in memory."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)

    @classmethod
    def of(cls, path: Path) -> "Held":
        """What a folder holds now."""
        return cls({file.name: file.read_bytes() for file in path.iterdir()})

    @classmethod
    def unpacked(cls, name: str) -> "Held":
        """What an archive holds."""
        with zipfile.ZipFile(DATA / f"{name}.zip") as archive:
            return cls({member: archive.read(member) for member in archive.namelist()})

    def names(self) -> frozenset[str]:
        """Names of its files."""
        return frozenset(self.files)

    def read(self, name: str) -> bytes:
        """One file."""
        if name not in self.files:
            raise FileNotFoundError(name)
        return self.files[name]


def small_tantivy(path: Path, *, commits: int = 3) -> Held:
    """An index of tantivy with a deletion."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("key", stored=True, tokenizer_name="raw")
    index = tantivy.Index(builder.build(), path=str(path), reuse=False)
    writer = index.writer(heap_size=15_000_000, num_threads=1)
    for number in range(commits):
        for key in range(5):
            document = tantivy.Document()
            document.add_text("key", f"{number}-{key}")
            writer.add_document(document)
        writer.delete_documents_by_term("key", f"{number - 1}-0")
        writer.commit()
    writer.wait_merging_threads()
    return Held.of(path)


@pytest.mark.parametrize("name", LUCENE)
def test_a_lucene_commit_names_every_file_of_its_folder_and_no_other(name: str) -> None:
    folder = Held.unpacked(name)
    commit = newest(folder)
    assert commit is not None
    assert commit.name == "segments_3"
    assert commit.files | {commit.name} == folder.names()


@pytest.mark.parametrize("name", LUCENE)
def test_every_lucene_file_ends_in_the_checksum_of_its_content(name: str) -> None:
    for file, content in Held.unpacked(name).files.items():
        found = footers.lucene(content, len(content))
        assert found is not None, file
        assert zlib.crc32(content[: found.covered]) == found.crc, file


@pytest.mark.parametrize("name", LUCENE)
def test_locks_and_commits_under_way_are_no_part_of_a_lucene_commit(name: str) -> None:
    folder = Held.unpacked(name)
    before = newest(folder)
    folder.files |= {"write.lock": b"", "pending_segments_4": b"half", "_7_Lucene90_0.dvd": b"half"}
    assert newest(folder) == before


@pytest.mark.parametrize("name", LUCENE)
@pytest.mark.parametrize("file", ["segments_3", "_0.si"])
def test_a_torn_lucene_commit_is_refused(name: str, file: str) -> None:
    folder = Held.unpacked(name)
    for content in (folder.files[file][:-1], folder.files[file][:40], b"", bytes(len(folder.files[file]))):
        torn = Held({**folder.files, file: content})
        with pytest.raises(Damaged):
            newest(torn)


@pytest.mark.parametrize("name", LUCENE)
def test_any_flipped_bit_of_a_lucene_commit_is_noticed(name: str) -> None:
    folder = Held.unpacked(name)
    whole = folder.files["segments_3"]
    for at in range(len(whole)):
        flipped = bytearray(whole)
        flipped[at] ^= 0x10
        with pytest.raises(Damaged):
            newest(Held({**folder.files, "segments_3": bytes(flipped)}))


@pytest.mark.parametrize("name", LUCENE)
def test_a_lucene_commit_whose_segment_has_just_gone_is_half(name: str) -> None:
    folder = Held.unpacked(name)
    del folder.files["_1.si"]
    with pytest.raises(Half):
        newest(folder)


def test_the_newest_lucene_commit_is_the_one_of_the_highest_number() -> None:
    folder = Held.unpacked("lucene-9.12")
    folder.files["segments_a"] = b"torn"
    with pytest.raises(Damaged, match="segments_a"):
        newest(folder)


def test_a_tantivy_commit_names_its_files_and_brings_the_list_that_the_library_keeps(tmp_path: Path) -> None:
    folder = small_tantivy(tmp_path)
    commit = newest(folder)
    assert commit is not None
    named = set(json.loads(folder.files[".managed.json"])) - {"meta.json"}
    assert commit.files <= named
    assert any(name.endswith(".del") for name in commit.files)
    assert set(json.loads(commit.beside[".managed.json"])) == commit.files | {"meta.json"}


def test_every_tantivy_file_ends_in_the_checksum_of_its_content(tmp_path: Path) -> None:
    folder = small_tantivy(tmp_path)
    commit = newest(folder)
    assert commit is not None
    for file in commit.files:
        content = folder.files[file]
        found = known(commit.library).footer(content[-footers.TAIL :], len(content))
        assert found is not None
        assert zlib.crc32(content[: found.covered]) == found.crc
        assert footers.tantivy(content[:-1], len(content) - 1) is None


def test_a_tantivy_commit_whose_file_has_just_gone_is_half(tmp_path: Path) -> None:
    folder = small_tantivy(tmp_path)
    commit = newest(folder)
    assert commit is not None
    del folder.files[min(commit.files)]
    with pytest.raises(Half):
        newest(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"segments": [{}]}',
        b'{"segments": [{"segment_id": "../../etc", "deletes": null}]}',
        b'{"segments": [{"segment_id": "00000000-0000-0000-0000-000000000000", "deletes": 7}]}',
    ],
)
def test_a_tantivy_commit_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(Damaged):
        newest(Held({"meta.json": content}))


def test_a_folder_without_an_index_has_no_commit() -> None:
    assert newest(Held({"readme.txt": b"nothing"})) is None
