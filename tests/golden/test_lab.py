"""The lab's data, held against files that people read: `python -m tests.golden.lab_inputs` writes them anew."""

from __future__ import annotations

import pytest

from tests.golden.lab_inputs import FOLDER, texts

NAMES = sorted(path.name for path in FOLDER.iterdir())


def test_every_text_has_its_file() -> None:
    assert sorted(texts()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_text_is_as_it_was_read(name: str) -> None:
    assert texts()[name] == (FOLDER / name).read_text(encoding="utf-8")
