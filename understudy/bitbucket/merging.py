"""Merges two commits in a bare repository, with git's own three-way merge.

The merge happens in a temporary index and folder; the repository gets objects only, and its ref moves in one step
that fails if somebody was faster. Source: git-read-tree(1), "3-Way Merge", and git-merge-index(1), which every git
has; the newer ``git merge-tree --write-tree`` needs 2.38.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from understudy.bitbucket.errors import GitFailed
from understudy.bitbucket.git import Git
from understudy.bitbucket.reading import Reader
from understudy.kit.accounts import Principal
from understudy.kit.errors import UnderstudyError


class MergeConflict(UnderstudyError):
    """Both sides changed the same lines: a person has to decide."""


class RefMoved(UnderstudyError):
    """The branch is not where it was when the merge began."""


@dataclass(frozen=True)
class Sides:
    """What is merged into what: two commits."""

    target: str
    source: str


class Merger:
    """Merges in one repository.

    Args:
        git: runs git.
        folder: of the bare repository.
        reader: reads it.
    """

    def __init__(self, git: Git, folder: Path, reader: Reader) -> None:
        self._git = git
        self._folder = folder
        self._reader = reader

    def tree(self, sides: Sides) -> str:
        """The tree of the merge.

        Raises:
            MergeConflict: git cannot merge the sides by itself, or they share no history.
        """
        base = self._reader.merge_base(sides.target, sides.source)
        if base is None:
            raise MergeConflict("The branches share no history.")
        with tempfile.TemporaryDirectory(prefix="merge-") as scratch:
            work = Path(scratch) / "work"
            work.mkdir()
            extra = {"GIT_INDEX_FILE": str(Path(scratch) / "index"), "GIT_WORK_TREE": str(work)}
            commits = (base, sides.target, sides.source)
            self._git.run(self._folder, "read-tree", "-i", "-m", "--aggressive", *commits, extra=extra)
            try:
                words = ("-C", str(work), "merge-index", "-o", "-q", "git-merge-one-file", "-a")
                self._git.run(self._folder, *words, extra=extra)
            except GitFailed as error:
                raise MergeConflict("The branches change the same lines.") from error
            return self._git.run(self._folder, "write-tree", extra=extra).decode().strip()

    def commit(self, sides: Sides, *, message: str, who: Principal) -> str:
        """Make the merge commit; no ref moves yet.

        Args:
            sides: where the branch is now, and what is merged into it.
            message: of the merge commit.
            who: its author and committer.

        Raises:
            MergeConflict: a person has to decide.
        """
        tree = self.tree(sides)
        names = {
            "GIT_AUTHOR_NAME": who.display_name,
            "GIT_AUTHOR_EMAIL": who.email,
            "GIT_COMMITTER_NAME": who.display_name,
            "GIT_COMMITTER_EMAIL": who.email,
        }
        words = ("commit-tree", tree, "-p", sides.target, "-p", sides.source)
        return self._git.run(self._folder, *words, feed=message.encode(), extra=names).decode().strip()


def move_ref(git: Git, folder: Path, *, ref: str, new: str, old: str) -> None:
    """Move a ref from one commit to another in one step; all zeroes stand for no commit.

    Raises:
        RefMoved: it is not where it was said to be.
    """
    try:
        if new.strip("0"):
            git.run(folder, "update-ref", ref, new, old)
        else:
            git.run(folder, "update-ref", "-d", ref, old)
    except GitFailed as error:
        raise RefMoved(f"{ref} has moved meanwhile.") from error
