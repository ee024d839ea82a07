"""Files that verbs write for people."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from telamon.cli.files import replace_text
from telamon.errors import MachineError


def test_a_new_file_can_be_read_by_everybody(tmp_path: Path) -> None:
    replace_text(tmp_path / "stack.lock.yaml", "images: {}\n")
    assert (tmp_path / "stack.lock.yaml").read_text() == "images: {}\n"
    assert stat.S_IMODE((tmp_path / "stack.lock.yaml").stat().st_mode) == 0o644


def test_one_that_is_there_keeps_its_rights(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text("old")
    (tmp_path / "stack.yaml").chmod(0o600)
    replace_text(tmp_path / "stack.yaml", "new")
    assert (tmp_path / "stack.yaml").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "stack.yaml").stat().st_mode) == 0o600


def test_where_it_cannot_be_written_the_old_one_stays_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stack.yaml").write_text("old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError, match=r"stack\.yaml cannot be written") as raised:
        replace_text(tmp_path / "stack.yaml", "new", remedy="Use --print.")
    assert raised.value.remedy == "Use --print."
    assert [path.name for path in tmp_path.iterdir()] == ["stack.yaml"]
    assert (tmp_path / "stack.yaml").read_text() == "old"
