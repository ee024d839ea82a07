"""What a repository says: commits, trees and files, read by git and shaped by us."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from understudy.bitbucket.errors import GitFailed, no_commit, no_path
from understudy.bitbucket.git import Git

_FORMAT = "%H%x00%h%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%P%x00%B%x1e"
_DISPLAY_LENGTH = 11


@dataclass(frozen=True)
class Person:
    """Author or committer of a commit; ``at`` is seconds since the epoch."""

    name: str
    email: str
    at: int


@dataclass(frozen=True)
class Commit:
    """One commit."""

    id: str
    author: Person
    committer: Person
    parents: tuple[str, ...]
    message: str

    @property
    def display_id(self) -> str:
        """The short form shown to people."""
        return self.id[:_DISPLAY_LENGTH]


@dataclass(frozen=True)
class TreeEntry:
    """One entry of a folder; ``kind`` is blob, tree or commit (a submodule), ``size`` in bytes."""

    name: str
    kind: str
    id: str
    size: int | None


@dataclass(frozen=True)
class Change:
    """One changed path; ``kind`` is git's letter: A, M, D, T."""

    kind: str
    path: str


class Reader:
    """Reads one repository.

    Args:
        git: runs git.
        folder: of the bare repository.
        slug: its name in messages.
    """

    def __init__(self, git: Git, folder: Path, *, slug: str) -> None:
        self._git = git
        self._folder = folder
        self._slug = slug

    def resolve(self, revision: str) -> str:
        """The commit a revision names.

        Raises:
            Refusal: there is none.
        """
        if revision.startswith("-"):
            raise no_commit(revision, self._slug)
        try:
            words = ("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
            answer = self._git.run(self._folder, *words)
        except GitFailed as error:
            raise no_commit(revision, self._slug) from error
        return answer.decode().strip()

    def refs(self, *prefixes: str) -> dict[str, str]:
        """Every ref below the prefixes, with what it names."""
        words = ("for-each-ref", "--format=%(objectname) %(refname)", *prefixes)
        lines = self._git.run(self._folder, *words).decode(errors="surrogateescape").splitlines()
        return {name: identity for identity, _, name in (line.partition(" ") for line in lines)}

    def commits(
        self, revision: str, *, exclude: str | None = None, path: str = "", start: int = 0, limit: int = 25
    ) -> list[Commit]:
        """Commits reachable from one revision and not from another, newest first.

        Raises:
            Refusal: a revision does not exist.
        """
        reach = [self.resolve(revision)]
        if exclude is not None:
            reach.append(f"^{self.resolve(exclude)}")
        words = ["log", f"--format={_FORMAT}", f"--skip={start}", f"--max-count={limit}", *reach, "--"]
        answer = self._git.run(self._folder, *words, *([path] if path else []))
        return [_commit(record) for record in answer.decode(errors="replace").split("\x1e") if record.strip()]

    def count(self, revision: str, *, exclude: str) -> int:
        """How many commits one revision has that another has not."""
        answer = self._git.run(self._folder, "rev-list", "--count", revision, f"^{exclude}")
        return int(answer)

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether a commit is part of another's history."""
        words = ("merge-base", "--is-ancestor", older, newer)
        try:
            self._git.run(self._folder, *words)
        except GitFailed as error:
            if error.status == 1:
                return False
            raise
        return True

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor of two commits, or None where they share no history."""
        answer = self._git.run(self._folder, "merge-base", one, other, accept=(0, 1)).decode().split()
        return answer[0] if answer else None

    def kind(self, revision: str, path: str) -> str:
        """What a path is at a revision: blob, tree or commit.

        Raises:
            Refusal: there is no such path.
        """
        if not path:
            return "tree"
        answer = self._git.run(self._folder, "ls-tree", "-z", revision, "--", path).decode(errors="replace")
        if not answer:
            raise no_path(path, revision)
        return answer.split(" ", 2)[1]

    def entries(self, revision: str, path: str) -> list[TreeEntry]:
        """The entries of a folder."""
        target = f"{revision}:{path}" if path else revision
        answer = self._git.run(self._folder, "ls-tree", "-z", "--long", target).decode(errors="replace")
        return [_entry(line) for line in answer.split("\0") if line]

    def files(self, revision: str) -> list[TreeEntry]:
        """Every file at a revision, with its whole path."""
        words = ("ls-tree", "-r", "-z", "--long", revision)
        answer = self._git.run(self._folder, *words).decode(errors="replace")
        return [_entry(line) for line in answer.split("\0") if line]

    def content(self, revision: str, path: str) -> bytes:
        """A file.

        Raises:
            Refusal: there is no such file.
        """
        if self.kind(revision, path) != "blob":
            raise no_path(path, revision)
        return self._git.run(self._folder, "cat-file", "blob", f"{revision}:{path}")

    def blob(self, identity: str) -> bytes:
        """A file by the id of its content."""
        return self._git.run(self._folder, "cat-file", "blob", identity)

    def changes(self, older: str, newer: str) -> list[Change]:
        """Paths that differ between two commits."""
        words = ("diff-tree", "-r", "-z", "--no-renames", "--name-status", older, newer)
        fields = self._git.run(self._folder, *words).decode(errors="replace").split("\0")
        return [Change(kind, path) for kind, path in zip(fields[::2], fields[1::2], strict=False) if path]

    def diff(self, older: str, newer: str, *, context: int = 10) -> str:
        """The difference between two commits as a patch."""
        words = (
            "diff-tree",
            "-r",
            "-p",
            "--no-renames",
            "--no-ext-diff",
            f"--unified={context}",
            older,
            newer,
        )
        return self._git.run(self._folder, *words).decode(errors="replace")


def _commit(record: str) -> Commit:
    fields = record.lstrip("\n").split("\0")
    author = Person(fields[2], fields[3], int(fields[4]))
    committer = Person(fields[5], fields[6], int(fields[7]))
    return Commit(fields[0], author, committer, tuple(fields[8].split()), fields[9].rstrip("\n"))


def _entry(line: str) -> TreeEntry:
    about, _, name = line.partition("\t")
    _, kind, identity, size = about.split()
    return TreeEntry(name, kind, identity, int(size) if size.isdigit() else None)
