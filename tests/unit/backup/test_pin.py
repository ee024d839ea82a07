"""What is listed before an instant and after it adds up to what the rows of that instant may need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telamon.platforms.backup.pin import merge, pin, pin_file, size
from telamon.products.backup import BackupRules, matcher
from telamon.products.registry import registry

RULES = BackupRules(
    skipped=("cache", "*.lock"), written_once=("kept/**",), units=("repos/*",), last=("repos/*/objects",)
)


def write(folder: Path, path: str, text: str = "x") -> Path:
    """Write a file as the products do: beside its place, then renamed into it."""
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f".{place.name}.new")
    beside.write_text(text)
    beside.rename(place)
    return place


def listed(folder: Path) -> dict[str, str]:
    """Every file with its content."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def pinned(home: Path, target: Path) -> Path:
    """Pin a home."""
    pin(home, target, rules=RULES)
    return target


def test_pinned_file_keeps_its_content_when_another_takes_its_place(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write(home, "page", "old")
    target = pinned(home, tmp_path / "pin")
    write(home, "page", "new")
    assert listed(target) == {"page": "old"}


def test_what_is_made_anew_by_itself_is_left_out(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for path in ("cache/deep/file", "a.lock", "kept/cache"):
        write(home, path)
    assert set(listed(pinned(home, tmp_path / "pin"))) == {"kept/cache"}


def test_file_that_never_changes_is_kept_though_it_is_gone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    gone, changed = write(home, "kept/1"), write(home, "other")
    earlier = pinned(home, tmp_path / "earlier")
    gone.unlink()
    changed.unlink()
    later = pinned(home, tmp_path / "later")
    assert merge(earlier, later, rules=RULES) == 1
    assert set(listed(later)) == {"kept/1"}


def test_newer_content_wins(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write(home, "kept/1", "old")
    earlier = pinned(home, tmp_path / "earlier")
    write(home, "kept/1", "new")
    later = pinned(home, tmp_path / "later")
    merge(earlier, later, rules=RULES)
    assert listed(later) == {"kept/1": "new"}


def test_repository_that_is_gone_is_kept_whole_and_one_that_stayed_keeps_no_old_ref(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for repository in ("1", "2"):
        write(home, f"repos/{repository}/refs/a")
        write(home, f"repos/{repository}/objects/ab")
    earlier = pinned(home, tmp_path / "earlier")
    for path in sorted((home / "repos/1").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (home / "repos/1").rmdir()
    (home / "repos/2/refs/a").unlink()
    later = pinned(home, tmp_path / "later")
    merge(earlier, later, rules=RULES)
    assert set(listed(later)) == {"repos/1/refs/a", "repos/1/objects/ab", "repos/2/objects/ab"}


def test_objects_are_listed_after_every_ref(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, order = tmp_path / "home", []
    for repository in ("1", "2"):
        write(home, f"repos/{repository}/objects/ab")
        write(home, f"repos/{repository}/refs/a")
        write(home, f"repos/{repository}/packed-refs")
    real = os.scandir

    def noted(path: Path) -> object:
        order.append(str(Path(path).relative_to(home)))
        return real(path)

    monkeypatch.setattr(os, "scandir", noted)
    pin(home, tmp_path / "pin", rules=RULES)
    assert order[-2:] == ["repos/1/objects", "repos/2/objects"]


def test_loose_ref_is_pinned_before_the_packed_ones_it_may_move_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, order = tmp_path / "home", []
    write(home, "repos/1/refs/heads/a")
    write(home, "repos/1/packed-refs")
    real = os.link

    def noted(source: Path, place: Path, *, follow_symlinks: bool) -> None:
        order.append(Path(source).name)
        real(source, place, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "link", noted)
    pin(home, tmp_path / "pin", rules=RULES)
    assert order == ["a", "packed-refs"]


def test_file_that_vanishes_while_its_folder_is_listed_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    loose = write(home, "objects/loose")
    moved: list[Path] = []
    real = os.link

    def moving(source: Path, place: Path, *, follow_symlinks: bool) -> None:
        if not moved:
            moved.append(loose)
            loose.unlink()
            write(home, "objects/pack")
        real(source, place, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "link", moving)
    assert set(listed(pinned(home, tmp_path / "pin"))) == {"objects/pack"}


def test_where_no_second_name_can_be_given_files_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    write(home, "kept/1", "text")

    def refused(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    target = pinned(home, tmp_path / "pin")
    assert listed(target) == {"kept/1": "text"}
    assert (target / "kept/1").stat().st_mtime_ns == (home / "kept/1").stat().st_mtime_ns


def test_what_was_copied_before_and_has_not_changed_is_not_copied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, real = tmp_path / "home", os.link
    for path in ("same", "longer", "later", "gone"):
        write(home, path, "text")

    def elsewhere(source: Path, place: Path, *, follow_symlinks: bool = True) -> None:
        if source.is_relative_to(home):
            raise OSError(18, "Invalid cross-device link")
        real(source, place, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "link", elsewhere)
    earlier, later = pinned(home, tmp_path / "earlier"), tmp_path / "later"
    (home / "longer").write_text("a longer text")
    (home / "later").write_text("TEXT")
    os.utime(home / "later", ns=(0, 0))
    (home / "gone").unlink()
    write(home, "new", "text")
    pin(home, later, rules=RULES, earlier=earlier)
    assert listed(later) == {"same": "text", "longer": "a longer text", "later": "TEXT", "new": "text"}
    shared = [path.name for path in later.iterdir() if path.stat().st_nlink == 2]
    assert shared == ["same"]
    assert listed(earlier)["longer"] == "text"


def test_single_file_is_pinned_where_it_is_there(tmp_path: Path) -> None:
    home, target = tmp_path / "home", tmp_path / "pin"
    write(home, "kept/1")
    for path in ("kept/1", "kept/1", "kept/2"):
        pin_file(home, target, path=path)
    assert set(listed(target)) == {"kept/1"}
    assert size(target).files == 1


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        ("a/*", "a/b", "a/b/c"),
        ("a/**", "a/b/c", "b/a/c"),
        ("**/x", "x", "x/y"),
        ("a/**/x", "a/b/c/x", "a/b/c/y"),
        ("a.b", "a.b", "axb"),
        ("a/*.lock", "a/.lock", "a/b/c.lock"),
    ],
)
def test_pattern(pattern: str, fits: str, does_not: str) -> None:
    assert matcher((pattern,))(fits)
    assert not matcher((pattern,))(does_not)


@given(st.lists(st.text("ab/*.", min_size=1), max_size=4), st.text("ab/.", max_size=12))
def test_patterns_add_up(patterns: list[str], path: str) -> None:
    assert matcher(patterns)(path) == any(matcher((pattern,))(path) for pattern in patterns)


@pytest.mark.parametrize("product", sorted(registry()))
def test_rules_of_a_product_take_in_what_its_rows_need(product: str) -> None:
    rules = registry()[product].backup
    assert rules.rows
    assert all(not matcher(rules.skipped)(path) for path in rules.written_once)
