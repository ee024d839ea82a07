from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.desk import STACK, Desk


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk in a folder with a stack file. Its path is short, for unix sockets are in it."""
    monkeypatch.delenv("TELAMON_STATE", raising=False)
    with tempfile.TemporaryDirectory(prefix="desk") as name:
        folder = Path(name)
        (folder / "work").mkdir()
        (folder / "work" / "stack.yaml").write_text(STACK, encoding="utf-8")
        monkeypatch.chdir(folder / "work")
        found = Desk(folder / "states")
        yield found
        found.controller.end()
