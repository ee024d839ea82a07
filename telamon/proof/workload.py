"""The plan of a load run: whom to ask, how often, as how many sessions, and what.

The requests themselves, and the words of their templates, are those of :mod:`telamon.products.traffic`. Values of a
login are templates over environment variables of the generator, so that a plan holds no password.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, Strict, ValidationError, field_validator, model_validator

from telamon.errors import UsageError, brief
from telamon.products.traffic import PASSWORD, RESERVED, Act, Kind, Login, Part

MOST_REQUESTS: Final = 2_000_000


class Target(Part):
    """Where requests go. Load is only ever sent to this machine.

    Attributes:
        address: a loopback address, not a name.
        port: TCP port.
        host: sent as ``Host``, with the port where it is not the scheme's own.
    """

    address: str
    port: Annotated[int, Field(ge=1, le=65535)]
    host: Annotated[str, Field(min_length=1, max_length=260)]

    @property
    def resolve(self) -> str:
        """``host:port:address``, as curl wants it: the name need not resolve here, and may name no port."""
        return f"{urlsplit(f'//{self.host}').hostname}:{self.port}:{self.address}"

    @field_validator("address")
    @classmethod
    def _is_loopback(cls, address: str) -> str:
        if not ipaddress.ip_address(address).is_loopback:
            raise ValueError("load is only sent to loopback addresses")
        return address


class Audit(Part):
    """The reading at the end of a run: everything that was written, by several sessions, when nothing changes any more.

    Without it a history ends with writes that nobody looked at again.

    Attributes:
        settle: seconds between the last answer and the first reading, in which what lags may catch up.
        sessions: how many sessions read everything; where the balancer spreads them, they see several members.
        patience: seconds after which what has not been answered is left.
    """

    settle: Annotated[float, Field(ge=0, le=600)] = 2.0
    sessions: Annotated[int, Field(ge=1, le=16)] = 2
    patience: Annotated[float, Field(gt=0, le=600)] = 60.0


class GitLoad(Part):
    """What git does beside the requests: workers that fetch a branch, commit to it, and push.

    Attributes:
        url: of the repository, over HTTP.
        ssh_url: of the same over SSH; "" where git is to speak HTTP alone.
        ssh_key: file of the private key for it.
        username: who acts; the password is that of the login's fields.
        password_variable: environment variable of the generator that holds the password.
        branches: that are fetched and pushed; few, so that workers meet.
        rate: fetches and pushes per second.
        workers: how many take turns; each has a copy of its own.
    """

    url: Annotated[str, Field(pattern=r"^http://")]
    ssh_url: Annotated[str, Field(pattern=r"^(ssh://.*)?$")] = ""
    ssh_key: str = ""
    username: str
    password_variable: str = PASSWORD
    branches: Annotated[tuple[str, ...], Strict(False), Field(min_length=1)]
    rate: Annotated[float, Field(gt=0, le=20)]
    workers: Annotated[int, Field(ge=1, le=16)] = 4


class SocketLoad(Part):
    """Websockets that stay open, and are asked once a second whether they live.

    Attributes:
        path: that is upgraded.
        sticky_cookie: name of the balancer's cookie on that path; "" for none.
        connections: how many.
        every: seconds between two questions on one connection.
    """

    path: Annotated[str, Field(pattern=r"^/")]
    sticky_cookie: str = ""
    connections: Annotated[int, Field(ge=1, le=200)] = 4
    every: Annotated[float, Field(ge=0.1, le=60)] = 1.0


def is_forgetful(number: int, share: float) -> bool:
    """Whether a session does not ask to be remembered; those that do not are spread evenly among the others.

    Args:
        number: of the session, from 0.
        share: of the forgetful ones among all.
    """
    return int((number + 1) * share) > int(number * share)


class LoadPlan(Part):
    """A load run.

    Attributes:
        name: for the record.
        target: where requests go.
        rate: requests per second.
        seconds: how long; the generator ends earlier when it is asked to (SIGTERM).
        sessions: how many sessions share the requests evenly.
        seed: of the schedule; the same plan always asks the same.
        kinds: the mix.
        pools: values that templates choose from.
        sticky_cookie: name of the balancer's cookie, by which a session stays on a member.
        login: how sessions log in; ``None`` for sessions that nobody is behind.
        timeout: seconds from the instant a request is due after which it has failed.
        connections: most connections of one session.
        forgetful: share of the sessions that do not ask to be remembered: they must log in anew when the member that
            knows them is gone.
        audit: how everything written is read at the end; ``None`` for not at all.
        git: what git does beside the requests; ``None`` for nothing.
        sockets: which connections stay open beside them; ``None`` for none.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,60}$")]
    target: Target
    rate: Annotated[float, Field(gt=0, le=2000)]
    seconds: Annotated[float, Field(gt=0, le=14_400)]
    sessions: Annotated[int, Field(ge=1, le=2000)]
    seed: int = 0
    kinds: Annotated[tuple[Kind, ...], Strict(False), Field(min_length=1)]
    pools: Mapping[str, Annotated[tuple[str, ...], Strict(False), Field(min_length=1)]] = Field(
        default_factory=dict
    )
    sticky_cookie: str = ""
    login: Login | None = None
    timeout: Annotated[float, Field(gt=0, le=60)] = 10.0
    connections: Annotated[int, Field(ge=1, le=32)] = 6
    forgetful: Annotated[float, Field(ge=0, le=1)] = 0.0
    audit: Audit | None = None
    git: GitLoad | None = None
    sockets: SocketLoad | None = None

    def reader_of(self, kind: Kind) -> Kind | None:
        """The kind that reads the thing that another kind writes, or ``None`` where nothing does."""
        if kind.meaning is None:
            return None
        thing = kind.meaning.thing
        return next(
            (
                other
                for other in self.kinds
                if other.meaning and other.meaning.act is Act.READ and other.meaning.thing == thing
            ),
            None,
        )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        names = [kind.name for kind in self.kinds]
        if len(set(names)) != len(names):
            raise ValueError("two kinds have one name")
        if self.rate * self.seconds > MOST_REQUESTS:
            raise ValueError(f"a run has at most {MOST_REQUESTS} requests")
        if overlap := RESERVED & set(self.pools):
            raise ValueError(f"a pool cannot be called {min(overlap)}")
        first = self.kinds[0]
        if first.write or first.follows or first.fresh:
            raise ValueError("the first kind is sent where another cannot be, so it must be a plain one")
        keeping = {kind.name for kind in self.kinds if kind.keep}
        for kind in self.kinds:
            if unknown := kind.names() - RESERVED - set(self.pools):
                raise ValueError(f"kind {kind.name}: there is no pool {min(unknown)}")
            if kind.follows and kind.follows not in keeping:
                raise ValueError(f"kind {kind.name}: {kind.follows} keeps nothing that could be followed")
            if "next_version" in kind.names() and self.reader_of(kind) is None:
                raise ValueError(f"kind {kind.name}: no kind reads {kind.meaning and kind.meaning.thing}")
        return self


def read_plan(path: Path) -> LoadPlan:
    """Read a plan.

    Args:
        path: a JSON file.

    Raises:
        UsageError: it cannot be read, or is no plan; the first fault is named.
    """
    try:
        return LoadPlan.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"the plan {path} cannot be read: {brief(error)}") from error
    except ValidationError as error:
        fault: dict[str, Any] = dict(error.errors(include_url=False, include_input=False)[0])
        where = ".".join(str(part) for part in fault["loc"])
        raise UsageError(f"the plan {path} is not valid: {where or 'plan'}: {fault['msg']}") from error


def typed_fields(
    login: Login, environment: Mapping[str, str], *, session: int = 0, remembered: bool = True
) -> Mapping[str, str]:
    """What is typed into the login form.

    Args:
        login: of the plan.
        environment: of this process.
        session: number of the session, which decides who it is.
        remembered: whether the session asks to be remembered.

    Raises:
        UsageError: a variable is missing; its name is told, never a value.
    """
    user = {"user": login.users[session % len(login.users)]} if login.users else {}
    try:
        return {
            name: Template(text).substitute({**environment, **user})
            for name, text in login.fields.items()
            if remembered or name not in login.remember
        }
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"the plan's login needs the environment variable {brief(error)}",
            remedy="Set it for the generator.",
        ) from None
