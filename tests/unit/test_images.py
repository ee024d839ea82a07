"""Images of the testbed: the same content is the same image, whenever and wherever it was written."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from testbed.oci import Entry, Image, Layer, digest, write_archive, write_layer
from testbed.python_root import compiled


def content(folder: Path, *, age: int, text: str = "print('hello')\n") -> list[Entry]:
    """A program in a file of some age, with a link and a folder."""
    folder.mkdir(parents=True)
    file = folder / "hello.py"
    file.write_text(text)
    os.utime(file, (age, age))
    return [
        Entry("opt/hello.py", file, 0o755),
        Entry("opt/again", link="hello.py"),
        Entry("tmp", mode=0o1777),
    ]


def image(*layers: Layer) -> Image:
    """An image of two names."""
    return Image(("acme.example/a:1", "acme.example/b:1"), layers, ("python3", "/opt/hello.py"), {"A": "b"})


def test_neither_age_nor_order_nor_place_of_files_makes_another_layer(tmp_path: Path) -> None:
    old, new = content(tmp_path / "old", age=1), content(tmp_path / "new", age=2_000_000_000)
    first = write_layer(tmp_path / "first.tar", old)
    second = write_layer(tmp_path / "second.tar", list(reversed(new)))
    assert first.digest == second.digest
    assert first.file.read_bytes() == second.file.read_bytes()
    other = write_layer(tmp_path / "other.tar", content(tmp_path / "other", age=1, text="print('bye')\n"))
    assert other.digest != first.digest


def test_a_layer_holds_what_was_said_and_the_folders_on_the_way(tmp_path: Path) -> None:
    layer = write_layer(tmp_path / "layer.tar", content(tmp_path / "content", age=7))
    with tarfile.open(layer.file) as tar:
        found = {each.name: each for each in tar}
    assert {name: each.mode for name, each in found.items()} == {
        "opt": 0o755,
        "opt/again": 0o644,
        "opt/hello.py": 0o755,
        "tmp": 0o1777,
    }
    assert found["opt/again"].linkname == "hello.py"
    assert {(each.uid, each.gid, each.mtime) for each in found.values()} == {(0, 0, 0)}


def read(tar: tarfile.TarFile, name: str) -> Any:
    """A document of an archive."""
    file = tar.extractfile(name)
    assert file is not None
    return json.loads(file.read())


def test_an_archive_leads_from_each_name_to_the_layers_and_has_each_once(tmp_path: Path) -> None:
    layer = write_layer(tmp_path / "layer.tar", content(tmp_path / "content", age=7))
    above = write_layer(tmp_path / "above.tar", [Entry("etc/motd", b"welcome\n")])
    images = [image(layer, above), Image(("acme.example/c:1",), (layer,), ("sh",))]
    write_archive(tmp_path / "images.tar", images, machine="x86_64")
    with tarfile.open(tmp_path / "images.tar") as tar:
        names = tar.getnames()
        index = read(tar, "index.json")
        found = {each["annotations"]["io.containerd.image.name"]: each for each in index["manifests"]}
        tagged = {name for name in found if "@" not in name}
        assert tagged == {"acme.example/a:1", "acme.example/b:1", "acme.example/c:1"}
        # Who asks for the digest gets the same image as who asks for the tag.
        assert {name.replace("@", ":1 ") for name in found if "@" in name} == {
            f"{name} {found[name]['digest']}" for name in tagged
        }
        assert found["acme.example/a:1"]["digest"] == digest(images[0], machine="x86_64")
        manifest = read(tar, f"blobs/{found['acme.example/a:1']['digest'].replace(':', '/')}")
        assert [each["digest"] for each in manifest["layers"]] == [layer.digest, above.digest]
        config = read(tar, f"blobs/{manifest['config']['digest'].replace(':', '/')}")
    assert len(names) == len(set(names))
    assert config["rootfs"]["diff_ids"] == [layer.digest, above.digest]
    assert config["architecture"] == "amd64"
    assert config["config"]["Env"] == ["A=b"]


@pytest.mark.parametrize("text", ["KINDS = {'a', 'b', 'c'}\n\n\ndef f(x):\n    return x in {'a', 'b', 1}\n"])
def test_bytecode_is_the_same_wherever_it_was_made_and_is_not_checked_against_its_source(
    tmp_path: Path, text: str
) -> None:
    made = [
        next(iter(compiled(content(tmp_path / name, age=age, text=text), tmp_path / f"{name}-code")))
        for name, age in (("one", 1), ("two", 2))
    ]
    assert made[0].path == made[1].path
    written = []
    for entry in made:
        assert isinstance(entry.content, Path)
        written.append(entry.content.read_bytes())
    assert written[0] == written[1]
    # PEP 552: found by its hash, and never compared with it.
    assert int.from_bytes(written[0][4:8], "little") == 0b01
