"""The plan of a load run: whom to ask, how often, as how many sessions, and what.

Texts of a plan (paths, bodies, what an answer must contain) are templates as of the standard library's
``string.Template``:

=================  =====================================================================================
``$token``         unique text of this request; every write must carry it, so that it can be found again
``$session``       number of the session, from 0
``$kept_id``       what the server called the session's latest acknowledged write of the kind ``follows``
``$kept_token``    that write's token
any pool's name    one of the pool's values, chosen by the seed; what follows a write takes the write's
=================  =====================================================================================

Values of a login are templates over environment variables of the generator, so that a plan holds no password.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError, field_validator, model_validator

from telamon.errors import UsageError, brief

RESERVED: Final = frozenset({"token", "session", "kept_id", "kept_token"})
MOST_REQUESTS: Final = 2_000_000


class _Part(BaseModel):
    """What all parts of a plan share."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Target(_Part):
    """Where requests go. Load is only ever sent to this machine.

    Attributes:
        address: a loopback address, not a name.
        port: TCP port.
        host: sent as ``Host``, with the port where it is not the scheme's own.
    """

    address: str
    port: Annotated[int, Field(ge=1, le=65535)]
    host: Annotated[str, Field(min_length=1, max_length=260)]

    @field_validator("address")
    @classmethod
    def _is_loopback(cls, address: str) -> str:
        if not ipaddress.ip_address(address).is_loopback:
            raise ValueError("load is only sent to loopback addresses")
        return address


class Login(_Part):
    """How a session logs in: as a browser does, by the form of a page.

    Attributes:
        page: path of the page with the form. An answer that leads there means that the session is over.
        fields: what is typed into the form; the form is found by these names. Templates over environment variables.
    """

    page: Annotated[str, Field(pattern=r"^/")]
    fields: Annotated[Mapping[str, str], Field(min_length=1)]


class Kind(_Part):
    """One kind of request.

    Attributes:
        name: for the record.
        weight: how often, in proportion to the other kinds.
        method: HTTP method.
        path: with query; a template.
        headers: further headers.
        body: a template; "" for none.
        expect: statuses that are right.
        contains: text that a right answer contains; a template, "" for any.
        write: whether it writes: then its body carries ``$token``, and an answer that is right acknowledges it.
        keep: JSON pointer (RFC 6901) to what the server calls the thing written; "" keeps nothing.
        follows: name of a kind that keeps: this request reads that session's latest write of it. While there is none,
            the first kind of the plan is sent instead.
        fresh: whether it belongs to no session: it brings no cookie, so the balancer chooses a member.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
    weight: Annotated[float, Field(gt=0, le=1000)] = 1.0
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE"] = "GET"
    path: Annotated[str, Field(pattern=r"^/")]
    headers: Mapping[str, str] = Field(default_factory=dict)
    body: str = ""
    expect: Annotated[tuple[int, ...], Strict(False), Field(min_length=1)] = (200,)
    contains: str = ""
    write: bool = False
    keep: str = ""
    follows: str = ""
    fresh: bool = False

    def names(self) -> frozenset[str]:
        """Everything its templates ask for."""
        texts = (self.path, self.body, self.contains)
        return frozenset(name for text in texts for name in Template(text).get_identifiers())

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not all(Template(text).is_valid() for text in (self.path, self.body, self.contains)):
            raise ValueError(f"kind {self.name}: a dollar sign that is meant as such is written twice")
        if self.write != ("token" in Template(self.body).get_identifiers()):
            raise ValueError(f"kind {self.name}: a body carries $token if, and only if, it is a write")
        if self.keep and not (self.write and self.keep.startswith("/")):
            raise ValueError(f"kind {self.name}: only a write keeps something, by a JSON pointer")
        if bool(self.names() & {"kept_id", "kept_token"}) != bool(self.follows):
            raise ValueError(
                f"kind {self.name}: $kept_id and $kept_token belong to a kind that follows another"
            )
        if self.fresh and (self.write or self.follows):
            raise ValueError(f"kind {self.name}: what belongs to no session neither writes nor follows")
        return self


class LoadPlan(_Part):
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


def typed_fields(login: Login, environment: Mapping[str, str]) -> Mapping[str, str]:
    """What is typed into the login form.

    Args:
        login: of the plan.
        environment: of this process.

    Raises:
        UsageError: a variable is missing; its name is told, never a value.
    """
    try:
        return {name: Template(text).substitute(environment) for name, text in login.fields.items()}
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"the plan's login needs the environment variable {brief(error)}",
            remedy="Set it for the generator.",
        ) from None
