"""Does every row have its file, every row its commit, and is every repository whole?

Source: git-cat-file(1) (``--batch-check``), git-fsck(1).
"""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from telamon.errors import MachineError, PlatformError, brief
from telamon.platforms.backup.database import Instant
from telamon.platforms.backup.programs import Command, run
from telamon.products.backup import BackupRules, FileRows, RepositoryRows, matcher

SHOWN = 5
"""How many of many findings are told."""
SAFE: Mapping[str, str] = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_OPTIONAL_LOCKS": "0",
}


@dataclass(frozen=True)
class Finding:
    """Something that is demanded and not there.

    Attributes:
        what: what demands it, for people: "attachment".
        place: path or repository.
        fault: what is wrong with it.
    """

    what: str
    place: str
    fault: str

    def __str__(self) -> str:
        return f"{self.what} {self.place}: {self.fault}"


def lacking(instant: Instant, files: Path, *, rules: BackupRules) -> tuple[Finding, ...]:
    """What the rows of an instant demand of a shared home and do not find there.

    Args:
        instant: the rows.
        files: the shared home, or what was pinned of it.
        rules: which rows demand what.

    Raises:
        PlatformError: a table of rows that need files is missing.
        MachineError: git cannot be run.
    """
    found: list[Finding] = []
    homes: Mapping[str, Path] | None = None
    for rows in rules.rows:
        if isinstance(rows, FileRows):
            found.extend(_missing_files(instant, rows, files))
        elif not instant.answers(rows):
            # The product has no page on its tables. A backup that is judged by less is better than none.
            found.append(Finding(rows.what, "rows", "not judged, the database has no such table or column"))
        else:
            homes = homes if homes is not None else repositories(files, rules=rules)
            found.extend(_missing_commits(instant, rows, homes))
    return tuple(found)


def repositories(files: Path, *, rules: BackupRules) -> Mapping[str, Path]:
    """Every git repository of a shared home, by the name of its folder."""
    fits = matcher(rules.repositories)
    found: dict[str, Path] = {}
    if not rules.repositories:
        return found
    for folder, names, entries in os.walk(files):
        place = Path(folder)
        if "HEAD" in entries and "objects" in names and fits(str(place.relative_to(files))):
            found[place.name] = place
            names.clear()
    return found


def broken_repositories(files: Path, *, rules: BackupRules) -> tuple[Finding, ...]:
    """Repositories that git itself does not call whole.

    Raises:
        MachineError: git cannot be run.
    """
    return tuple(
        Finding("repository", name, told)
        for name, place in sorted(repositories(files, rules=rules).items())
        if (told := _fsck(place))
    )


def refuse(findings: Iterable[Finding], *, subject: str) -> None:
    """Refuse what is not whole.

    Raises:
        PlatformError: there is a finding; the first few are named.
    """
    told = tuple(findings)
    if told:
        more = f", and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
        listed = "; ".join(str(finding) for finding in told[:SHOWN])
        raise PlatformError(
            f"{subject} is not whole: {listed}{more}",
            remedy="`telamon backup list` shows others; one taken now is judged by the data as it is now.",
        )


def _missing_files(instant: Instant, rows: FileRows, files: Path) -> Iterator[Finding]:
    for path, length in instant.demanded_files(rows):
        try:
            there = (files / path).stat().st_size
        except FileNotFoundError:
            yield Finding(rows.what, path, "the file is missing")
            continue
        if length is not None and there != length:
            yield Finding(rows.what, path, f"the file has {there} bytes, and the row says {length}")


def _missing_commits(instant: Instant, rows: RepositoryRows, homes: Mapping[str, Path]) -> Iterator[Finding]:
    wanted: dict[str, set[str]] = defaultdict(set)
    for name, commit in instant.demanded_commits(rows):
        if name not in homes:
            yield Finding(rows.what, name, "the repository is missing")
        elif commit is not None:
            wanted[name].add(commit)
    absent = {name: _absent(homes[name], commits) for name, commits in wanted.items()}
    for name, commits in sorted(absent.items()):
        # A fork whose branch was removed may have lost a commit that the repository it was meant for has kept.
        left = commits
        for other in homes.values():
            left = _absent(other, left) if left else left
        for commit in sorted(left):
            yield Finding(rows.what, name, f"commit {commit} is missing")


def _absent(repository: Path, commits: set[str]) -> set[str]:
    """Those of the commits that a repository does not have."""
    asking = "".join(f"{commit}^{{commit}}\n" for commit in sorted(commits))
    try:
        done = subprocess.run(
            [*_git(repository), "cat-file", "--batch-check"],
            input=asking,
            capture_output=True,
            check=False,
            text=True,
            env={"PATH": os.environ.get("PATH", os.defpath), **SAFE},
        )
    except OSError as error:
        raise MachineError(f"git cannot be run: {brief(error)}", remedy="Install git.") from error
    if done.returncode != 0:
        raise PlatformError(f"git cannot read {repository.name}: {done.stderr.strip()[:200]}")
    answers = zip(sorted(commits), done.stdout.splitlines(), strict=True)
    return {commit for commit, answer in answers if answer.endswith("missing")}


def _fsck(repository: Path) -> str:
    """What git complains of; "" where it is content."""
    words = (*_git(repository), "fsck", "--full", "--no-dangling", "--no-progress")
    done = run(Command(words, environment=SAFE, fine=frozenset(range(256))))
    if done.code == 0:
        return ""
    lines = [line for line in (done.complaint + "\n" + done.output).splitlines() if line.strip()]
    return (lines or [f"git fsck ended with {done.code}"])[0][:200]


def _git(repository: Path) -> tuple[str, ...]:
    # A restored repository may belong to the product's own user.
    return ("git", "-c", "safe.directory=*", f"--git-dir={repository}")
