"""Bitbucket: a repository that git pushed, pull requests and their comments.

Source of the routes: Bitbucket Data Center REST API (``/rest/api/latest``); the login form is ``/login``, and posts
``j_username``, ``j_password`` and ``_atl_remember_me``.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.content.base import JSON, PASSWORD, Mix, Rest, words_of
from bench.errors import BenchError
from telamon.products.traffic import Kind, Login
from telamon.proof.workload import Target

PROJECT = "BENCH"
REPOSITORY = "site"
FILES = 20
PULLS = 8
BATCH = 100
API = "/rest/api/latest"


class BitbucketContent:
    """One repository with pull requests.

    Args:
        rest: a script of its administrator.
        target: where the front door is, for git.
    """

    def __init__(self, rest: Rest, target: Target) -> None:
        self._rest = rest
        self._target = target
        self._pulls: tuple[str, ...] = ()

    def prepare(self) -> Mix:
        """Make the repository, push to it with git, and open pull requests."""
        self._rest.post(f"{API}/projects", {"key": PROJECT, "name": "Benchmark"})
        self._rest.post(f"{API}/projects/{PROJECT}/repos", {"name": REPOSITORY, "scmId": "git"})
        self._push()
        self._pulls = tuple(self._open(number) for number in range(PULLS))
        login = Login(
            page="/login",
            fields={
                "j_username": self._rest.account[0],
                "j_password": f"${PASSWORD}",
                "_atl_remember_me": "on",
            },
        )
        files = tuple(f"chapter-{number}.md" for number in range(FILES))
        return Mix(_kinds(), {"pull": self._pulls, "file": files}, login, "telamon-bitbucket")

    def tokens(self) -> Counter[str]:
        """Every word of every comment."""
        found: Counter[str] = Counter()
        for pull in self._pulls:
            start: int | None = 0
            while start is not None:
                page = self._rest.get(f"{_pulls()}/{pull}/activities", limit=BATCH, start=start)
                found += words_of(
                    activity["comment"]["text"]
                    for activity in page["values"]
                    if activity["action"] == "COMMENTED"
                )
                start = None if page["isLastPage"] else page["nextPageStart"]
        return found

    def _open(self, number: int) -> str:
        ends: dict[str, Any] = {
            "title": f"Change {number}",
            "fromRef": {"id": f"refs/heads/change-{number}"},
            "toRef": {"id": "refs/heads/main"},
        }
        return str(self._rest.post(_pulls(), ends)["id"])

    def _push(self) -> None:
        path = urlsplit(self._rest.base).path
        remote = f"http://{self._target.host}{path}/scm/{PROJECT.lower()}/{REPOSITORY}.git"
        with tempfile.TemporaryDirectory(prefix="bench-git-") as name:
            folder = Path(name)
            self._git(folder, "init", "--quiet", "--initial-branch=main")
            for number in range(FILES):
                (folder / f"chapter-{number}.md").write_text(f"# Chapter {number}\n" + "Some text.\n" * 40)
            self._commit(folder, "Begin")
            for number in range(PULLS):
                self._git(folder, "checkout", "--quiet", "-b", f"change-{number}", "main")
                (folder / f"change-{number}.md").write_text(f"Change {number}\n")
                self._commit(folder, f"Change {number}")
            self._git(folder, "push", "--quiet", remote, "--all")

    def _commit(self, folder: Path, message: str) -> None:
        self._git(folder, "add", ".")
        self._git(folder, "commit", "--quiet", "-m", message)

    def _git(self, folder: Path, *arguments: str) -> None:
        """Run git; the password goes to it through its environment, and its settings come from nowhere else."""
        username, password = self._rest.account
        settings = {
            "user.name": "Bench",
            "user.email": "bench@example.com",
            "commit.gpgsign": "false",
            "credential.helper": '!f() { echo "username=$BENCH_USER"; echo "password=$BENCH_PASSWORD"; }; f',
            # The name of the front door need not resolve here.
            "http.curloptResolve": f"{self._target.host}:{self._target.address}",
        }
        given = {"GIT_CONFIG_COUNT": str(len(settings)), "BENCH_USER": username, "BENCH_PASSWORD": password}
        for number, (key, value) in enumerate(settings.items()):
            given |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607 - git is found as the user finds it.
            cwd=folder,
            env={**inherited, **alone, **given},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode != 0:
            raise BenchError(f"git {arguments[0]} failed: {done.stderr.strip()[-300:]}")


def _pulls() -> str:
    return f"{API}/projects/{PROJECT}/repos/{REPOSITORY}/pull-requests"


def _kinds() -> tuple[Kind, ...]:
    repository = f"{API}/projects/{PROJECT}/repos/{REPOSITORY}"
    comment = Kind(
        name="comment",
        weight=12,
        method="POST",
        path=f"{_pulls()}/$pull/comments",
        headers=JSON,
        body='{"text": "$token"}',
        expect=(201,),
        write=True,
        keep="/id",
    )
    page = f"/projects/{PROJECT}/repos/{REPOSITORY}"
    return (
        Kind(name="view-pull", weight=34, path=f"{page}/pull-requests/$pull/overview", contains="Change"),
        comment,
        Kind(name="read-pull", weight=24, path=f"{_pulls()}/$pull", contains="Change"),
        Kind(name="browse", weight=11, path=f"{repository}", contains=REPOSITORY),
        Kind(
            name="read-file", weight=9, path=f"{repository}/raw/$file?at=refs/heads/main", contains="Chapter"
        ),
        Kind(
            name="own-comment",
            weight=6,
            path=f"{_pulls()}/$pull/comments/$kept_id",
            contains="$kept_token",
            follows="comment",
        ),
        Kind(name="newcomer", weight=4, path="/login", fresh=True),
    )
