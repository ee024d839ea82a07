"""What users of a product do, as data: the requests of a load run, and what each of them means.

Texts of a :class:`Kind` (path, body, what an answer must contain, the thing it is about) are templates as of the
standard library's ``string.Template``:

=================  ==================================================================================================
``$token``         unique text of this request; every write carries it, so that it can be found again
``$session``       number of the session, from 0
``$kept_id``       what the server called the session's latest acknowledged write of the kind ``follows``
``$kept_token``    that write's token
``$next_version``  one more than the latest version of the thing that the session knows; where it knows none, the
                   plan's kind that reads the thing is sent instead, as a person reads a page before changing it
``$payload``       bytes made of the token alone, as many as the kind says
any pool's name    one of the pool's values, chosen by the seed; what follows a write takes the write's
=================  ==================================================================================================

What a request means to whoever judges a run is its :class:`Meaning`: a *thing* is whatever the product promises to keep
as one (the comments of an issue, the text of a page, a branch), and has a name that is unique in the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from string import Template
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, field_validator, model_validator

ELEMENTS: Final = 40
"""Writes to one list that a run is laid out for; a page of each product's lists holds at least twice as many."""
JSON: Final[Mapping[str, str]] = MappingProxyType(
    {"Content-Type": "application/json", "X-Atlassian-Token": "no-check"}
)
"""Says that a script sends JSON. Source: Atlassian, "Form token handling"."""
BOUNDARY: Final = "part-of-telamon-load"
FORM_DATA: Final[Mapping[str, str]] = MappingProxyType(
    {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "X-Atlassian-Token": "no-check"}
)
FILE_BODY: Final = (
    f"--{BOUNDARY}\r\n"
    'Content-Disposition: form-data; name="file"; filename="$token.txt"\r\n'
    "Content-Type: text/plain\r\n\r\n"
    f"$payload\r\n--{BOUNDARY}--\r\n"
)
"""A file named after the token, under the name that the products ask for. Source: RFC 7578."""
FILE_BYTES: Final = 20_000
PASSWORD: Final = "TELAMON_LOAD_PASSWORD"  # noqa: S105 - the name of a variable.
RESERVED: Final = frozenset({"token", "session", "kept_id", "kept_token", "next_version", "payload"})


class Shape(StrEnum):
    """What kind of thing it is."""

    BAG = "bag"
    """Elements are added, each with a token of its own, perhaps removed, and the whole is read: comments, files."""
    REGISTER = "register"
    """One value, written over again and again, perhaps with a version that counts up: a page, an issue's summary."""
    REF = "ref"
    """A register whose value names another object that must be there: a branch and its commit."""


class Act(StrEnum):
    """What a request does to a thing."""

    ADD = "add"
    """Puts an element with the request's token into a bag."""
    REMOVE = "remove"
    """Takes the element that the session kept out of a bag."""
    SET = "set"
    """Writes the request's token over a register or ref."""
    READ = "read"
    """Shows the whole of a bag, or the value of a register or ref."""
    OPEN = "open"
    """Shows what a kept element of a bag holds, or what a ref points to: a file's bytes, a commit."""


class Promise(StrEnum):
    """What a product promises of what a request shows."""

    STRICT = "strict"
    """Whatever was acknowledged to anybody before the request was sent is shown."""
    SESSION = "session"
    """Whatever was acknowledged or shown to this session before is shown; what others did may come later."""
    EVENTUAL = "eventual"
    """Only that nothing is shown that nobody wrote, and nothing twice: a search index."""


class Part(BaseModel):
    """What all parts of a description of load share.

    Their validators are built when the first of them is made: every verb imports this, and most send nothing.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", defer_build=True)


class Meaning(Part):
    """What a request means.

    Attributes:
        act: what it does.
        shape: of the thing.
        thing: name of the thing; a template.
        promise: what is promised of its answer.
        copies: how often the token of one element stands in what is written and shown; fewer is a torn one.
        sees: where in a JSON answer tokens are looked for: JSON pointers (RFC 6901) in which ``*`` stands for every
            member of a list; nowhere but there. None: anywhere in the answer, whatever it is.
        version: JSON pointer to the version that the answer tells; "" where it tells none.
    """

    act: Annotated[Act, Strict(False)]
    shape: Annotated[Shape, Strict(False)]
    thing: Annotated[str, Field(min_length=1, max_length=200)]
    promise: Annotated[Promise, Strict(False)] = Promise.STRICT
    copies: Annotated[int, Field(ge=1, le=10)] = 1
    sees: Annotated[tuple[str, ...], Strict(False)] = ()
    version: str = ""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        acts = (
            {Act.ADD, Act.REMOVE, Act.READ, Act.OPEN}
            if self.shape is Shape.BAG
            else {Act.SET, Act.READ, Act.OPEN}
        )
        if self.act not in acts:
            raise ValueError(f"a {self.shape.value} knows no {self.act.value}")
        if any(not pointer.startswith("/") for pointer in (*self.sees, self.version or "/")):
            raise ValueError("tokens and versions are found by JSON pointers, which begin with a slash")
        return self


class Login(Part):
    """How a session logs in: as a browser does, by the form of a page.

    Attributes:
        page: path of the page with the form. An answer that leads there means that the session is over.
        fields: what is typed into the form; the form is found by these names. Templates over environment variables.
        remember: names of those of the fields that ask the product to remember the browser; a session without
            "remember me" leaves them out.
        users: who log in, session by session in turn; ``$user`` stands for the name.
    """

    page: Annotated[str, Field(pattern=r"^/")]
    fields: Annotated[Mapping[str, str], Field(min_length=1)]
    remember: Annotated[frozenset[str], Strict(False)] = frozenset()
    users: Annotated[tuple[str, ...], Strict(False)] = ()

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        named = {name for text in self.fields.values() for name in Template(text).get_identifiers()}
        if ("user" in named) != bool(self.users):
            raise ValueError("$user and those who log in belong together")
        if unknown := self.remember - set(self.fields):
            raise ValueError(f"the form has no field {min(unknown)} that could ask to be remembered")
        return self


class Kind(Part):
    """One kind of request.

    Attributes:
        name: for the record.
        weight: how often, in proportion to the other kinds.
        method: HTTP method.
        path: with query; a template.
        headers: further headers.
        body: a template; "" for none.
        expect: statuses that are right.
        refuses: statuses that are right as well, and say that the write was not done: a version that others were
            faster to make.
        contains: text that a right answer contains; a template, "" for any.
        write: whether it writes: then an answer that is right acknowledges it, and its body carries ``$token``
            unless it only removes.
        keep: JSON pointer (RFC 6901) to what the server calls the thing written; "" keeps nothing.
        follows: name of a kind that keeps: this request is about that session's latest write of it. While there is
            none, the first kind of the plan is sent instead.
        payload: bytes that ``$payload`` stands for.
        fresh: whether it belongs to no session: it brings no cookie, so the balancer chooses a member.
        meaning: what it means to whoever judges the run; ``None`` for nothing but an answer.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
    weight: Annotated[float, Field(gt=0, le=1000)] = 1.0
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE"] = "GET"
    path: Annotated[str, Field(pattern=r"^/")]
    headers: Mapping[str, str] = Field(default_factory=dict)
    body: str = ""
    expect: Annotated[tuple[int, ...], Strict(False), Field(min_length=1)] = (200,)
    refuses: Annotated[tuple[int, ...], Strict(False)] = ()
    contains: str = ""
    write: bool = False
    keep: str = ""
    follows: str = ""
    payload: Annotated[int, Field(ge=0, le=4 * 1024 * 1024)] = 0
    fresh: bool = False
    meaning: Meaning | None = None

    @property
    def removes(self) -> bool:
        """Whether it takes away what it follows."""
        return self.meaning is not None and self.meaning.act is Act.REMOVE

    def names(self) -> frozenset[str]:
        """Everything its templates ask for."""
        return frozenset(name for text in self._texts() for name in Template(text).get_identifiers())

    def _texts(self) -> tuple[str, ...]:
        return (self.path, self.body, self.contains, self.meaning.thing if self.meaning else "")

    @field_validator("headers")
    @classmethod
    def _are_plain(cls, headers: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in headers.items():
            if "\n" in name + value or "\r" in name + value:
                raise ValueError("a header is one line")
        return headers

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not all(Template(text).is_valid() for text in self._texts()):
            raise ValueError(f"kind {self.name}: a dollar sign that is meant as such is written twice")
        if (self.write and not self.removes) != ("token" in Template(self.body).get_identifiers()):
            raise ValueError(f"kind {self.name}: a body carries $token if, and only if, it is a write")
        if self.keep and not (self.write and self.keep.startswith("/")):
            raise ValueError(f"kind {self.name}: only a write keeps something, by a JSON pointer")
        if bool(self.names() & {"kept_id", "kept_token"}) != bool(self.follows):
            raise ValueError(
                f"kind {self.name}: $kept_id and $kept_token belong to a kind that follows another"
            )
        if self.fresh and (self.write or self.follows):
            raise ValueError(f"kind {self.name}: what belongs to no session neither writes nor follows")
        if bool(self.payload) != ("payload" in self.names()):
            raise ValueError(f"kind {self.name}: $payload and its length belong together")
        self._check_meaning()
        return self

    def _check_meaning(self) -> None:
        if self.meaning is None:
            if "next_version" in self.names():
                raise ValueError(f"kind {self.name}: $next_version is that of the thing it is about")
            return
        if self.write != (self.meaning.act in {Act.ADD, Act.REMOVE, Act.SET}):
            raise ValueError(f"kind {self.name}: it is a write if, and only if, it adds, removes or sets")
        kept = self.removes or (self.meaning.act is Act.OPEN and self.meaning.shape is Shape.BAG)
        if kept and not self.follows:
            raise ValueError(f"kind {self.name}: what it removes or opens is what it follows")


class GitSeed(Part):
    """A repository that must hold something before load begins, and branches that load pushes to.

    Attributes:
        path: of the repository for git over HTTP, below the product's context path.
        ssh_path: of the repository for git over SSH; "" where the product offers none.
        branches: that are pushed once, each one commit beyond ``main``.
        files: of ``main``, by name.
        pushed: branches that load pushes to, each of them a ref of the history.
    """

    path: Annotated[str, Field(pattern=r"^/")]
    ssh_path: str = ""
    branches: Annotated[tuple[str, ...], Strict(False)] = ()
    files: Mapping[str, str] = Field(default_factory=dict)
    pushed: Annotated[tuple[str, ...], Strict(False)] = ()


class Sockets(Part):
    """Connections that stay open, as those of an editor in which several people write.

    Attributes:
        companion: name of the companion that answers there.
        path: that is upgraded to a websocket, below the product's context path.
        sticky_cookie: name of the balancer's cookie on that path; "" for none.
    """

    companion: str
    path: Annotated[str, Field(pattern=r"^/")]
    sticky_cookie: str = ""


class Traffic(Part):
    """What load on a product consists of, once the content that it needs is there.

    Attributes:
        kinds: of requests.
        pools: what their templates choose from.
        login: how a session logs in.
        git: what git does; ``None`` for a product without repositories.
        sockets: which connections stay open; ``None`` for none.
    """

    kinds: Annotated[tuple[Kind, ...], Strict(False), Field(min_length=1)]
    pools: Mapping[str, Annotated[tuple[str, ...], Strict(False), Field(min_length=1)]] = Field(
        default_factory=dict
    )
    login: Login | None = None
    git: GitSeed | None = None
    sockets: Sockets | None = None


@dataclass(frozen=True)
class Writer:
    """An ordinary user who is made for a load run. ``repr`` hides the password."""

    username: str
    password: str = field(repr=False)

    @property
    def name(self) -> str:
        """What is shown to others."""
        return f"Load {self.username}"

    @property
    def email(self) -> str:
        """An address that no mail is ever delivered to. Source: RFC 2606, "Reserved Example Second Level Domains"."""
        return f"{self.username}@example.com"


class TrafficInputs(Part):
    """What a product is told before it makes the content for a load run.

    Attributes:
        label: begins the name of everything that is made; another one for each run, or the product refuses.
        writers: user names of the people who act, and whose sessions there are.
        password_variable: environment variable of the generator that holds the password, which is the same for all.
        requests: how many requests there will be, so that no list grows longer than a page of it.
        ssh_key: public key to be registered for git over SSH; "" for none.
    """

    label: Annotated[str, Field(pattern=r"^[A-Z]{2,8}$")]
    writers: Annotated[tuple[str, ...], Strict(False), Field(min_length=1)]
    password_variable: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] = PASSWORD
    requests: Annotated[int, Field(ge=1)] = 10_000
    ssh_key: str = ""

    def things(self, share: float, *, least: int, most: int = 2000) -> int:
        """How many things to make, so that each gets some 40 of the writes at most.

        Args:
            share: of the requests that write to such a thing.
            least: make as many anyway.
            most: and never more than these.
        """
        return min(max(int(self.requests * share / ELEMENTS), least), most)


def with_notes(comment: Kind, *, noting: float, path: str, deleting: float) -> tuple[Kind, Kind, Kind]:
    """A comment that stays, the same as a note, and the taking away of the session's latest note.

    Only notes are taken away, so that a comment which is missing is always one that was lost.

    Args:
        comment: how a comment is added.
        noting: weight of the notes.
        path: of a note, by ``$kept_id``; a template.
        deleting: weight of taking one away.
    """
    if comment.meaning is None:
        raise ValueError(f"kind {comment.name}: what adds a comment has a meaning")
    return (
        comment,
        comment.model_copy(update={"name": "note", "weight": noting}),
        Kind(
            name="delete-note",
            weight=deleting,
            method="DELETE",
            path=path,
            headers=JSON,
            expect=(204,),
            write=True,
            follows="note",
            meaning=comment.meaning.model_copy(update={"act": Act.REMOVE}),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Files:
    """How files are attached to something, listed and fetched.

    Attributes:
        meaning: of the list that they belong to; each request does something else with it.
        to: path that a file is sent to.
        keep: JSON pointer to what the server calls the file sent.
        listed: path of the list.
        sees: where the names stand in the list.
        opened: path of a file, by ``$kept_token``; a template.
        adding: weight of attaching.
        reading: weight of listing, and of opening one's own latest.
    """

    meaning: Meaning
    to: str
    keep: str
    listed: str
    sees: tuple[str, ...]
    opened: str
    adding: float
    reading: float

    def kinds(self) -> tuple[Kind, Kind, Kind]:
        """The three requests."""
        return (
            Kind(
                name="attach",
                weight=self.adding,
                method="POST",
                path=self.to,
                headers=FORM_DATA,
                body=FILE_BODY,
                write=True,
                keep=self.keep,
                payload=FILE_BYTES,
                meaning=self.meaning,
            ),
            Kind(
                name="list-files",
                weight=self.reading,
                path=self.listed,
                meaning=self.meaning.model_copy(update={"act": Act.READ, "sees": self.sees}),
            ),
            Kind(
                name="open-file",
                weight=self.reading,
                path=self.opened,
                follows="attach",
                meaning=self.meaning.model_copy(update={"act": Act.OPEN}),
            ),
        )
