"""A folder of rendered files is brought to what is meant, and what others put there stays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from telamon.desired.terraform.render import WRITTEN
from telamon.errors import MachineError
from telamon.platforms import folder

FILES = {
    "network/vpc.tf.json": f'{{"//": "{WRITTEN}"}}\n',
    "network/routes.tf.json": f'{{"//": "{WRITTEN}", "a": 1}}\n',
}


def write(place: Path, files: Mapping[str, str]) -> folder.Written:
    return folder.write(place, files, mark=WRITTEN, ending=".tf.json")


def test_a_folder_that_is_no_longer_meant_is_cleared_of_ours(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    other = f'{{"//": "{WRITTEN}"}}\n'
    done = write(tmp_path, {"data/database.tf.json": other})
    assert set(done.removed) == set(FILES)


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    first = write(tmp_path / "ground", FILES)
    assert set(first.written) == set(FILES)
    second = write(tmp_path / "ground", FILES)
    assert (second.written, set(second.same), second.removed) == ((), set(FILES), ())


def test_what_is_no_longer_meant_goes_and_what_others_put_there_stays(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    own = tmp_path / "network" / "mine.tf.json"
    own.write_text("{}", encoding="utf-8")
    state = tmp_path / "network" / "terraform.tfstate"
    state.write_text("{}", encoding="utf-8")
    done = write(tmp_path, {"network/vpc.tf.json": FILES["network/vpc.tf.json"]})
    assert done.removed == ("network/routes.tf.json",)
    assert own.exists()
    assert state.exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "ground").write_text("in the way", encoding="utf-8")
    with pytest.raises(MachineError, match="cannot write"):
        write(tmp_path / "ground", FILES)
