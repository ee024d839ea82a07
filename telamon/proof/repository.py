"""Git as a client of its own: one folder, one remote, and what each command ended with.

Nothing of the person's own git is used: neither settings nor credentials nor prompts. The password goes to git through
its environment, and into no argument and no file.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from telamon.errors import MachineError, ProductError, brief
from telamon.products.traffic import GitSeed

PATIENCE: Final = 120.0
"""Seconds that a command may take while the stage is set."""
HELPER: Final = '!f() { echo "username=$LOAD_GIT_USER"; echo "password=$LOAD_GIT_PASSWORD"; }; f'
SSH: Final = (
    "ssh -F none -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no "
    "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=10"
)
"""Whom the front door is, is known from its loopback address; the understudies make their keys anew."""


@dataclass(frozen=True)
class Account:
    """Who acts."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Remote:
    """A repository on a server.

    Attributes:
        url: over HTTP or SSH.
        resolve: for HTTP, ``host:port:address`` where the name need not resolve here; "" for SSH.
        account: who acts, over HTTP.
        key: file of the private key, for SSH.
    """

    url: str
    resolve: str = ""
    account: Account | None = None
    key: str = ""


@dataclass(frozen=True)
class Ended:
    """How a command of git ended.

    Attributes:
        code: exit code; negative where a signal ended it.
        output: what it wrote.
        trouble: what it complained of.
    """

    code: int
    output: str
    trouble: str


class Folder:
    """A repository on this machine, and the remote that it talks to.

    Args:
        path: an empty folder, or one that was made here before.
        remote: the other side.
    """

    def __init__(self, path: Path, remote: Remote) -> None:
        self._path = path
        self._remote = remote

    @property
    def url(self) -> str:
        """Where the remote is."""
        return self._remote.url

    async def run(self, *arguments: str, patience: float = PATIENCE) -> Ended:
        """Run git; a command that takes too long is ended with everything that it started.

        Args:
            arguments: of git.
            patience: seconds.

        Raises:
            TimeoutError: it took too long.
            MachineError: there is no git.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                *arguments,
                cwd=self._path,
                env=self._environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise MachineError(f"git cannot be started: {brief(error)}") from error
        try:
            async with asyncio.timeout(patience):
                output, trouble = await process.communicate()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return Ended(
            process.returncode or 0, output.decode(errors="replace"), trouble.decode(errors="replace")
        )

    async def demand(self, *arguments: str) -> str:
        """Run git, and give what it wrote.

        Raises:
            ProductError: it failed.
        """
        ended = await self.run(*arguments)
        if ended.code:
            raise ProductError(f"git {arguments[0]} failed: {' '.join(ended.trouble.split())[-300:]}")
        return ended.output.strip()

    def _environment(self) -> Mapping[str, str]:
        remote = self._remote
        settings = {
            "user.name": "Load",
            "user.email": "load@example.com",
            "commit.gpgsign": "false",
            "gc.auto": "0",
            "credential.helper": HELPER,
        }
        if remote.resolve:
            settings["http.curloptResolve"] = remote.resolve
        given = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (key, value) in enumerate(settings.items()):
            given |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        if remote.account is not None:
            given |= {
                "LOAD_GIT_USER": remote.account.username,
                "LOAD_GIT_PASSWORD": remote.account.password,
            }
        if remote.key:
            given["GIT_SSH_COMMAND"] = f"{SSH} -i {remote.key}"
        alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**inherited, **alone, **given, "LC_ALL": "C"}


async def seed(remote: Remote, wanted: GitSeed) -> None:
    """Push what a repository must hold before load begins.

    Args:
        remote: the repository; empty.
        wanted: its files and branches.

    Raises:
        ProductError: git failed.
    """
    with tempfile.TemporaryDirectory(prefix="telamon-seed-") as name:
        path = Path(name)
        folder = Folder(path, remote)
        await folder.demand("init", "--quiet", "--initial-branch=main")
        for file, text in wanted.files.items():
            (path / file).write_text(text, encoding="utf-8")
        await folder.demand("add", ".")
        await folder.demand("commit", "--quiet", "-m", "Begin")
        for branch in wanted.branches:
            await folder.demand("checkout", "--quiet", "-b", branch, "main")
            (path / f"{branch}.md").write_text(f"{branch}\n", encoding="utf-8")
            await folder.demand("add", ".")
            await folder.demand("commit", "--quiet", "-m", branch)
        for branch in wanted.pushed:
            await folder.demand("branch", branch, "main")
        await folder.demand("push", "--quiet", remote.url, "--all")
