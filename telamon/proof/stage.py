"""Set the stage for a load run: the content that a product's traffic needs, and the plan of the run.

Everything goes through the front door and the product's public routes, as a script of a user's would: nothing of a
member is touched. The first administrator makes ordinary users and what nobody else may make; all the rest, and all the
load, is theirs.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import urlsplit

from telamon.errors import MachineError, UsageError, brief
from telamon.platforms.rest import Password, perform
from telamon.products.base import Endpoint, Flow, FrontAddress, Identity, Product
from telamon.products.traffic import Kind, Login, Traffic, TrafficInputs, Writer
from telamon.proof.repository import Account, Remote, seed
from telamon.proof.workload import Audit, GitLoad, LoadPlan, SocketLoad, Target

T = TypeVar("T")

GIT_SHARE = 0.01
"""Of the rate of requests: what git does costs the server and this machine far more than a page."""
GIT_MOST = 2.0
"""Fetches and pushes per second at most."""
SOCKETS = 4
"""Connections that stay open."""
WRITERS = 3
"""Users who share the sessions: each takes a seat of the licence while load lasts."""


@dataclass(frozen=True)
class Place:
    """A product as its users reach it.

    Attributes:
        product: its facets.
        url: what users type, without a slash at the end.
        target: where that leads on this machine.
        administrator: the first administrator, who makes users; no name where the product has none.
        ssh_port: of the front door, for git; 0 where it has none.
        companions: names of the companions that the stack runs.
    """

    product: Product
    url: str
    target: Target
    administrator: Account
    ssh_port: int = 0
    companions: frozenset[str] = frozenset()


def target_of(url: str) -> Target:
    """Where load for a URL goes on this machine.

    Args:
        url: what users type.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    # Names below .localhost are this machine's by definition (RFC 6761), whether or not they resolve here.
    address = "127.0.0.1" if host.endswith("localhost") else host
    return Target(address=address, port=parts.port or 80, host=parts.netloc)


@dataclass(frozen=True)
class Staged:
    """A plan for the load of a product, with what its generator must be told.

    Attributes:
        plan: the plan.
        secrets: environment variables that the plan names.
        writers: user names of those who were made for it, as in :func:`writers`; :func:`dismiss` lets them go.
    """

    plan: LoadPlan
    secrets: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    writers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Script:
    """How load is to be.

    Attributes:
        name: of the run, for its record.
        label: begins the name of all content that is made; capital letters, and another one for each run.
        rate: requests per second.
        seconds: how long at most.
        sessions: how many share it.
        seed: of the schedule.
        forgetful: share of the sessions without "remember me".
        audit: how everything written is read at the end; ``None`` for not at all.
    """

    name: str
    label: str
    rate: float
    seconds: float
    sessions: int
    seed: int = 0
    forgetful: float = 0.25
    audit: Audit | None = field(default_factory=Audit)


def writers(label: str) -> tuple[str, ...]:
    """The user names of those who are made for load.

    Args:
        label: as in :class:`Script`.
    """
    return tuple(f"{label.lower()}-{number}" for number in range(WRITERS))


def stage(place: Place, script: Script, *, folder: Path | None = None) -> Staged:
    """Make the users and the content that load needs, and say what the generator is to do.

    Args:
        place: where.
        script: how.
        folder: for the key of git over SSH; ``None`` where git is to speak HTTP alone.

    Raises:
        UsageError: nobody says what users of the product do.
        TelamonError: the product refused, or git failed.
    """
    key = _make_key(place, folder)
    password = secrets.token_urlsafe(18)
    names = writers(script.label)
    first = Account(names[0], password)
    inputs = TrafficInputs(
        label=script.label,
        writers=names,
        requests=max(int(script.rate * script.seconds), 1),
        ssh_key="" if key is None else key.with_suffix(".pub").read_text(encoding="ascii"),
    )
    for name in names:
        _perform(place, place.product.enlist(Writer(name, password)), actor=first)
    repository = _perform(place, place.product.seed_repository(inputs), actor=first)
    if repository is not None:
        asyncio.run(seed(_remote(place, repository.path, account=first), repository))
    traffic = _perform(place, place.product.prepare_traffic(inputs), actor=first)
    if traffic is None:
        raise UsageError(
            f"nobody says what users of {place.product.title} do",
            remedy="Write a plan for `python -m telamon.proof.load` by hand.",
        )
    plan = _plan(place, script, traffic=traffic, key=key, account=first)
    return Staged(plan, {inputs.password_variable: password}, inputs.writers)


def dismiss(place: Place, usernames: Sequence[str]) -> None:
    """Let the users go who were made for a load that is over; what they wrote stays.

    Args:
        place: where.
        usernames: of whom; one who is not there is passed over.

    Raises:
        TelamonError: the product refused, or does not answer.
    """
    for username in usernames:
        _perform(place, place.product.dismiss(username), actor=place.administrator)


def _plan(place: Place, script: Script, *, traffic: Traffic, key: Path | None, account: Account) -> LoadPlan:
    git = traffic.git
    sockets = traffic.sockets
    return LoadPlan(
        name=script.name,
        target=place.target,
        rate=script.rate,
        seconds=script.seconds,
        sessions=script.sessions,
        seed=script.seed,
        kinds=_below(place, traffic),
        pools=traffic.pools,
        sticky_cookie=place.product.routes[0].sticky_cookie or "",
        login=None if traffic.login is None else _login_below(place, traffic.login),
        forgetful=script.forgetful,
        audit=script.audit,
        git=None
        if git is None or not git.pushed
        else GitLoad(
            url=_remote(place, git.path, account=account).url,
            ssh_url=_ssh(place, git.ssh_path, key=key),
            ssh_key="" if key is None else str(key),
            username=account.username,
            branches=git.pushed,
            rate=min(script.rate * GIT_SHARE, GIT_MOST),
        ),
        sockets=None
        if sockets is None or sockets.companion not in place.companions
        else SocketLoad(
            path=_context(place) + sockets.path, sticky_cookie=sockets.sticky_cookie, connections=SOCKETS
        ),
    )


def _perform(place: Place, flow: Flow[T], *, actor: Account) -> T:
    parts = urlsplit(place.url)
    front = FrontAddress("http", parts.hostname or "", parts.port or 80, parts.path.rstrip("/"))
    administrator = place.administrator
    return perform(
        flow,
        endpoint=Endpoint(place.target.address, place.target.port),
        front=front,
        credentials={
            Identity.ADMINISTRATOR: Password(administrator.username, administrator.password),
            Identity.SERVICE_ACCOUNT: Password(actor.username, actor.password),
        },
        on_note=lambda _: None,
        cancelled=lambda: False,
    )


def _context(place: Place) -> str:
    return urlsplit(place.url).path.rstrip("/")


def _below(place: Place, traffic: Traffic) -> tuple[Kind, ...]:
    """The kinds with paths as users type them."""
    context = _context(place)
    return tuple(kind.model_copy(update={"path": context + kind.path}) for kind in traffic.kinds)


def _login_below(place: Place, login: Login) -> Login:
    return login.model_copy(update={"page": _context(place) + login.page})


def _remote(place: Place, path: str, *, account: Account) -> Remote:
    target = place.target
    return Remote(
        url=f"http://{target.host}{_context(place)}{path}",
        resolve=target.resolve,
        account=account,
    )


def _ssh(place: Place, path: str, *, key: Path | None) -> str:
    if key is None or not path:
        return ""
    return f"ssh://git@{place.target.address}:{place.ssh_port}{path}"


def _make_key(place: Place, folder: Path | None) -> Path | None:
    """A key for git over SSH, where this machine and the front door speak it."""
    if folder is None or not place.ssh_port or shutil.which("ssh") is None:
        return None
    maker = shutil.which("ssh-keygen")
    if maker is None:
        return None
    key = folder / "load-key"
    key.unlink(missing_ok=True)
    command = [maker, "-q", "-t", "ed25519", "-N", "", "-C", "load", "-f", str(key)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise MachineError(f"ssh-keygen made no key: {brief(error)}") from error
    return key
