"""What a shared home holds changes places with what waits in it, whoever dies at whichever step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from telamon.errors import PlatformError
from telamon.platforms.backup.contents import FOLDER, Contents

STEPS = 16
"""More renames than any of these takes."""


class Killed(BaseException):
    """Whoever was at work is no more."""


def held(folder: Path) -> dict[str, str]:
    """Every file of a folder by its path, without what is ours."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path): (folder / path).read_text() for path in paths if path.parts[0] != FOLDER}


def fill(folder: Path, word: str, *names: str) -> None:
    """Write files that hold a word."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(word)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A shared home in which something waits."""
    found = tmp_path / "home"
    fill(found, "old", "data/attachments/1", "data/attachments/2", "export/a", "settings")
    fill(Contents(found).incoming / "files", "new", "data/attachments/1", "plugins/b", "settings")
    (found / "lost+found").mkdir()
    return found


OLD = dict.fromkeys(("data/attachments/1", "data/attachments/2", "export/a", "settings"), "old")
NEW = dict.fromkeys(("data/attachments/1", "plugins/b", "settings"), "new")


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None], int], bool]:
    """Do something, and die before the rename of that number; says whether it came so far."""
    rename = Path.rename

    def run(act: Callable[[], None], at: int) -> bool:
        left = iter(range(at))

        def counted(path: Path, target: Path) -> Path:
            if next(left, None) is None:
                raise Killed
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", counted)
        try:
            act()
        except Killed:
            return True
        finally:
            monkeypatch.setattr(Path, "rename", rename)
        return False

    return run


def test_they_change_places_and_back(home: Path) -> None:
    contents = Contents(home)
    contents.put_back()
    assert held(home) == OLD
    for _ in range(2):
        contents.put_in_force()
        assert held(home) == NEW
        assert held(contents.outgoing) == OLD
    for _ in range(2):
        contents.put_back()
        assert held(home) == OLD
    assert not contents.kept
    assert held(contents.incoming / "files") == NEW
    contents.abandon()
    assert sorted(path.name for path in home.iterdir()) == ["data", "export", "lost+found", "settings"]


@pytest.mark.parametrize("at", range(STEPS))
def test_whoever_comes_after_goes_on_or_back(
    home: Path, killed: Callable[[Callable[[], None], int], bool], at: int
) -> None:
    contents = Contents(home)
    came = killed(contents.put_in_force, at)
    assert came is (at < 7)
    assert contents.kept
    # Nothing is ever lost: each file is in one of the three places.
    assert sorted([*held(home / FOLDER).values(), *held(home).values()]) == ["new"] * 3 + ["old"] * 4
    if at % 2:
        contents.put_in_force()
        assert (held(home), held(contents.outgoing)) == (NEW, OLD)
    for again in range(STEPS):
        if not killed(contents.put_back, again):
            break
    assert held(home) == OLD
    assert not contents.kept


def test_what_was_is_removed_when_nobody_needs_it(home: Path) -> None:
    contents = Contents(home)
    contents.put_in_force()
    contents.forget()
    contents.abandon()
    assert not contents.kept
    assert not (home / FOLDER).exists()
    assert held(home) == NEW


def test_nothing_is_written_over(home: Path) -> None:
    contents = Contents(home)
    contents.put_in_force()
    fill(home, "a stranger's", "export/a")
    (contents.incoming / "files").mkdir(parents=True)
    fill(contents.incoming / "files", "newer", "export/a")
    with pytest.raises(PlatformError, match="bars the way"):
        contents.put_in_force()
    assert held(home)["export/a"] == "a stranger's"


def test_without_anything_that_waits_nothing_is_touched(home: Path) -> None:
    contents = Contents(home)
    contents.abandon()
    with pytest.raises(PlatformError, match="nothing waits"):
        contents.put_in_force()
    assert held(home) == OLD
