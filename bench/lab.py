"""The stack under measurement, driven as anybody would drive it: through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.errors import BenchError
from bench.processes import leaders
from telamon.proof.stage import target_of
from telamon.proof.workload import Target

PROGRAM = Path(sys.executable).with_name("telamon")
UP_WITHIN = 600.0
"""Seconds after which a stack that does not come up ends the bench."""
POLL = 0.25


@dataclass(frozen=True)
class Member:
    """A member, as the status of the stack shows it."""

    name: str
    component: str
    address: str
    serving: bool
    restarts: int


@dataclass(frozen=True)
class Lab:
    """One stack in one state folder.

    Attributes:
        file: its stack file.
        root: its state folder.
        name: its name.
    """

    file: Path
    root: Path
    name: str
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    def up(self) -> float:
        """Bring it up. Returns the seconds until everything was ready."""
        began = time.monotonic()
        self.telamon("up", str(self.file), "--yes", "--timeout", f"{UP_WITHIN:.0f}s")
        return time.monotonic() - began

    def down(self, *, purge: bool = False) -> float:
        """Take it down. Returns the seconds that took."""
        began = time.monotonic()
        self.telamon("down", str(self.file), "--yes", *(["--purge"] if purge else []))
        return time.monotonic() - began

    def wait_ready(self, *, seconds: float) -> bool:
        """Wait until every component is as it should be. Returns whether that came true in time."""
        command = self._command("status", str(self.file), "--wait", "--timeout", f"{seconds:.0f}s")
        return self._run(command, timeout=seconds + 30).returncode == 0

    def status(self) -> Mapping[str, Any]:
        """The status of the stack."""
        document: Mapping[str, Any] = self.telamon("status", str(self.file))
        found: Mapping[str, Any] = document["status"]
        return found

    def members(self, component: str) -> tuple[Member, ...]:
        """The members of a component."""
        return tuple(
            Member(
                found["name"],
                found["component"],
                found.get("address", ""),
                found["serving"],
                found.get("restarts", 0),
            )
            for found in self.status().get("members", [])
            if found["component"] == component
        )

    def administrator(self, product: str) -> tuple[str, str]:
        """User name and password of a product's first administrator."""
        name = f"{self.name}-{product}-admin"
        show = ("secret", "--stack", str(self.file), name)
        return str(self.telamon(*show, "username")["value"]), str(self.telamon(*show, "password")["value"])

    def url(self, product: str) -> str:
        """Where users reach a product, without a slash at the end."""
        return str(self.status()["urls"][product]).rstrip("/")

    def target(self, product: str) -> Target:
        """Where load for a product goes."""
        return target_of(self.url(product))

    def port(self, listener: str) -> int:
        """TCP port of a listener of the front door that is no web page, such as git over SSH; 0 where there is none."""
        return urlsplit(self.status()["urls"].get(listener, "")).port or 0

    def companions(self, product: str) -> frozenset[str]:
        """Names of the companions that run beside a product."""
        components = (found["name"] for found in self.status().get("components", []))
        return frozenset(
            name.removeprefix(f"{product}-") for name in components if name.startswith(f"{product}-")
        )

    def pid(self, member: str) -> int:
        """The process of a member.

        Raises:
            BenchError: it has none.
        """
        found = leaders(self.root).get(member)
        if found is None:
            raise BenchError(f"{member} has no process")
        return found

    def wait_replaced(self, member: str, old: int, *, seconds: float) -> bool:
        """Wait until a member has another process than before. Returns whether that came true in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if leaders(self.root).get(member, old) != old:
                return True
            time.sleep(POLL)
        return False

    def telamon(self, *arguments: str) -> Any:
        """Run a verb with ``-o json``, and read what it prints.

        Raises:
            BenchError: it failed.
        """
        done = self._run(self._command(*arguments), timeout=UP_WITHIN + 60)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise BenchError(
                f"telamon {arguments[0]} ended with {done.returncode}: {' '.join(said[-3:])[:600]}"
            )
        return json.loads(done.stdout or "null")

    def answer(self, *arguments: str, within: float) -> Mapping[str, Any]:
        """Run a verb whose exit code says what it found, and read what it prints.

        Args:
            arguments: the verb, and what it is told.
            within: seconds after which it is given up.

        Raises:
            BenchError: it printed no document.
        """
        done = self._run(self._command(*arguments), timeout=within)
        try:
            found: Mapping[str, Any] = json.loads(done.stdout)
        except ValueError as error:
            raise BenchError(f"telamon {arguments[0]} ended with {done.returncode} and no answer") from error
        return found

    def _command(self, *arguments: str) -> list[str]:
        return [str(PROGRAM), *arguments, "--state", str(self.root), "-o", "json"]

    def _run(self, command: list[str], *, timeout: float) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
                env=dict(self.environment),
            )
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"telamon {command[1]} did not end within {timeout:.0f} s") from error
