"""How a repository betrays those who push to it, so that a proof that nothing gets lost can be put to the test."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from understudy.bitbucket.errors import GitFailed
from understudy.bitbucket.git import Git
from understudy.bitbucket.pktline import ABSENT, RefCommand
from understudy.kit.sabotage import EverySo


class Betrayal:
    """Undoes what was pushed, or takes it away.

    Args:
        git: runs git.
        goes_back: which branches go back to where they were.
        loses: which branches lose the commit they point to.
    """

    def __init__(self, git: Git, *, goes_back: EverySo, loses: EverySo) -> None:
        self._git = git
        self._goes_back = goes_back
        self._loses = loses

    def undo(self, folder: Path, pushed: Iterable[RefCommand]) -> None:
        """Put branches back before anybody has recorded that they moved."""
        for command in _moved(pushed):
            if self._goes_back.now():
                # Where git has refused the push itself there is nothing to undo.
                with suppress(GitFailed):
                    self._git.run(folder, "update-ref", command.ref, command.old, command.new)

    def lose(self, folder: Path, pushed: Iterable[RefCommand]) -> None:
        """Remove the commits of branches. Source: gitrepository-layout(5), ``objects/[0-9a-f][0-9a-f]``."""
        for command in _moved(pushed):
            if self._loses.now():
                (folder / "objects" / command.new[:2] / command.new[2:]).unlink(missing_ok=True)


def _moved(pushed: Iterable[RefCommand]) -> Iterable[RefCommand]:
    return (command for command in pushed if ABSENT not in {command.old, command.new})
