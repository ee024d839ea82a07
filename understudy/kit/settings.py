"""Environment variables: those of the official images, and those of the stand-in itself.

Settings of every understudy (all optional but the version):

``UNDERSTUDY_VERSION``
    Release to stand for, such as ``11.3.1``; in a cluster it stands for the image tag.
``UNDERSTUDY_BIND``
    Address every listener binds to; stands for the address of the pod. Default ``127.0.0.1``.
``UNDERSTUDY_START_SECONDS``, ``UNDERSTUDY_STOP_SECONDS``
    Length of STARTING (real work counts inside it) and of STOPPING after SIGTERM, in seconds.
    Defaults 5 and 3.
``UNDERSTUDY_LINK_SECONDS``
    Time between two heartbeats on a link between nodes, in seconds; a link is given up after five
    of them. Default 1.
``UNDERSTUDY_HEARTBEAT_SECONDS``, ``UNDERSTUDY_ALIVE_SECONDS``
    Time between two heartbeats written to the database, and the age up to which one counts as
    alive. Defaults 60 and 300, as documented for ``ClusterNodeHeartbeatService`` of atlassian-beehive.
``UNDERSTUDY_CONTROL``
    ``address:port`` of the listener that lets a test break the node. Off when unset.
``UNDERSTUDY_ACCOUNT``
    Folder of the token with which a node asks the API server of Kubernetes for the others. Default is
    where a pod has it.
``UNDERSTUDY_VARIANTS``
    Comma-separated names of variants, one for each fact on which public sources disagree.
``UNDERSTUDY_SABOTAGE``
    Comma-separated names of promises to break; see :mod:`understudy.kit.sabotage`. None when unset.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from understudy.kit.errors import SettingsError

_RELEASE = re.compile(r"^(\d{1,3})\.(\d{1,2})(?:\.(\d{1,3}))?$")
_TRUE_WORDS = frozenset({"true", "yes", "on", "1"})
_FALSE_WORDS = frozenset({"false", "no", "off", "0", ""})


@dataclass(frozen=True, order=True)
class Release:
    """A version of a product, ordered as the vendor orders them."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Release:
        """Read ``11.3.1`` or ``11.3``.

        Raises:
            ValueError: the text is not two or three numbers.
        """
        found = _RELEASE.match(text.strip())
        if found is None:
            raise ValueError(f"{text!r} is not a release such as 11.3.1")
        return cls(int(found[1]), int(found[2]), int(found[3] or 0))

    @property
    def build_number(self) -> int:
        """A number that grows with the release, in the manner of the vendor (10.3.1 is 10030001)."""
        return self.major * 1_000_000 + self.minor * 10_000 + self.patch

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True)
class Endpoint:
    """An address and a TCP port."""

    address: str
    port: int

    @classmethod
    def parse(cls, text: str, *, default_port: int | None = None) -> Endpoint:
        """Read ``address:port``, or an address alone where a default port is given.

        Raises:
            ValueError: no port, or not a number from 1 to 65535.
        """
        address, separator, port = text.strip().rpartition(":")
        if not separator:
            if default_port is None:
                raise ValueError(f"{text!r} has no port")
            return cls(text.strip(), default_port)
        if not port.isdigit() or not 0 < int(port) < 65536 or not address:
            raise ValueError(f"{text!r} is not address:port")
        return cls(address, int(port))

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


class Environment:
    """Reads variables and remembers every problem, so that all of them can be told at once.

    Args:
        variables: the environment; read only.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._problems: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """The value without surrounding blanks, or the default where it is unset or empty."""
        return self._variables.get(name, "").strip() or default

    def secret(self, name: str) -> str:
        """The value as it is; kept out of every message."""
        return self._variables.get(name, "")

    def required(self, name: str) -> str:
        """The value; a problem is noted where it is unset or empty."""
        value = self.text(name)
        if not value:
            self._problems.append(f"{name} is not set")
        return value

    def folder(self, name: str, default: str = "") -> Path:
        """An absolute path; a problem is noted where it is missing or relative."""
        value = self.text(name, default)
        path = Path(value)
        if not value:
            self._problems.append(f"{name} is not set")
        elif not path.is_absolute():
            self._problems.append(f"{name} is not an absolute path")
        return path

    def integer(self, name: str, default: int, *, low: int = 0, high: int = 65535) -> int:
        """A whole number within the bounds, both included."""
        value = self.text(name)
        if not value:
            return default
        if not value.isdigit() or not low <= int(value) <= high:
            self._problems.append(f"{name} is not a whole number from {low} to {high}")
            return default
        return int(value)

    def seconds(self, name: str, default: float) -> float:
        """A length of time in seconds, up to a day."""
        value = self.text(name)
        if not value:
            return default
        try:
            length = float(value)
        except ValueError:
            length = -1.0
        if not 0.0 <= length <= 86_400.0:
            self._problems.append(f"{name} is not a number of seconds from 0 to 86400")
            return default
        return length

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false in the words the images accept."""
        value = self.text(name).lower()
        if name not in self._variables or value == "":
            return default
        if value in _TRUE_WORDS:
            return True
        if value not in _FALSE_WORDS:
            self._problems.append(f"{name} is neither true nor false")
        return False

    def endpoint(self, name: str) -> Endpoint | None:
        """``address:port``, or None where unset."""
        value = self.text(name)
        if not value:
            return None
        try:
            return Endpoint.parse(value)
        except ValueError as error:
            self._problems.append(f"{name}: {error}")
            return None

    def release(self, name: str) -> Release:
        """A release such as 11.3.1."""
        value = self.required(name)
        if value:
            try:
                return Release.parse(value)
            except ValueError as error:
                self._problems.append(f"{name}: {error}")
        return Release(0, 0, 0)

    def java_properties(self, *names: str) -> dict[str, str]:
        """System properties (``-Dname=value``) out of variables that hold JVM arguments."""
        found: dict[str, str] = {}
        for name in names:
            try:
                words = shlex.split(self.text(name))
            except ValueError:
                self._problems.append(f"{name} has an unbalanced quotation mark")
                continue
            for word in words:
                if word.startswith("-D"):
                    key, _, value = word[2:].partition("=")
                    found[key] = value
        return found

    def note(self, problem: str) -> None:
        """Remember a problem that the caller found itself."""
        self._problems.append(problem)

    def check(self) -> None:
        """Tell every problem found so far.

        Raises:
            SettingsError: there is at least one.
        """
        if self._problems:
            raise SettingsError(tuple(self._problems))


@dataclass(frozen=True)
class KitSettings:
    """Settings of the stand-in itself; lengths are in seconds."""

    bind: str
    release: Release
    start_seconds: float
    stop_seconds: float
    link_seconds: float
    heartbeat_seconds: float
    alive_seconds: float
    control: Endpoint | None
    variants: frozenset[str]
    sabotage: frozenset[str]

    @classmethod
    def read(
        cls,
        environment: Environment,
        *,
        known_variants: frozenset[str],
        known_sabotage: frozenset[str] = frozenset(),
    ) -> KitSettings:
        """Read the ``UNDERSTUDY_*`` variables; problems stay with the environment until its check.

        Args:
            environment: where to read from.
            known_variants: the names this understudy knows; another one is a problem.
            known_sabotage: the promises that it can break; another one is a problem.
        """
        variants = _chosen(environment, "UNDERSTUDY_VARIANTS", known_variants, what="variant")
        sabotage = _chosen(environment, "UNDERSTUDY_SABOTAGE", known_sabotage, what="sabotage")
        return cls(
            bind=environment.text("UNDERSTUDY_BIND", "127.0.0.1"),
            release=environment.release("UNDERSTUDY_VERSION"),
            start_seconds=environment.seconds("UNDERSTUDY_START_SECONDS", 5.0),
            stop_seconds=environment.seconds("UNDERSTUDY_STOP_SECONDS", 3.0),
            link_seconds=environment.seconds("UNDERSTUDY_LINK_SECONDS", 1.0),
            heartbeat_seconds=environment.seconds("UNDERSTUDY_HEARTBEAT_SECONDS", 60.0),
            alive_seconds=environment.seconds("UNDERSTUDY_ALIVE_SECONDS", 300.0),
            control=environment.endpoint("UNDERSTUDY_CONTROL"),
            variants=variants,
            sabotage=sabotage,
        )


def _chosen(environment: Environment, variable: str, known: frozenset[str], *, what: str) -> frozenset[str]:
    """The names in a variable; one that is not known is a problem."""
    chosen = frozenset(name.strip() for name in environment.text(variable).split(",") if name.strip())
    for unknown in sorted(chosen - known):
        names = ", ".join(sorted(known)) or "none"
        environment.note(f"{variable}: unknown {what} {unknown!r} (known: {names})")
    return chosen
