"""A session as the server sees it: cookies, a log-in when it is needed, and the things it wrote."""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Template
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

from telamon.errors import ProductError
from telamon.products.pages import read_page
from telamon.proof.record import Cause, Sample
from telamon.proof.schedule import Planned
from telamon.proof.wire import Answer, Call, Pool
from telamon.proof.workload import Kind, LoadPlan, Login

MISSING: Final = frozenset({404, 410})
OUT_OF_MEANS: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM}
)
"""What this machine lacks, not the server. Source: connect(2), socket(2)."""
FORM: Final = (("content-type", "application/x-www-form-urlencoded"),)
_MEMBER: Final = re.compile(r"[0-9a-fA-F.:\[\]]+:[0-9]+")


class LoginFailed(ProductError):
    """A session could not log in.

    Args:
        message: what was answered; never what was typed.
        status: HTTP status of the answer.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message, remedy="See that the account can log in through the page of the plan.")
        self.status = status


@dataclass(frozen=True)
class Run:
    """What all sessions of a run share.

    Attributes:
        plan: the plan.
        name: unique text of this run, with which every token begins.
        epoch: instant at which the run begins, on the loop's clock.
        record: takes every request as it ends.
    """

    plan: LoadPlan
    name: str
    epoch: float
    record: Callable[[Sample], None]


@dataclass
class _Progress:
    """How far a request has come; instants on the loop's clock."""

    begun: float
    sent: float | None = None
    logins: int = 0

    def note_sent(self, at: float) -> None:
        """Keep the instant at which it was written."""
        self.sent = at


@dataclass(frozen=True)
class _Query:
    """A request with its templates filled in."""

    kind: Kind
    call: Call
    contains: str
    token: str


class Browser:
    """One session.

    Args:
        plan: the plan.
        typed: what is typed into the login form.
        number: of the session.
        lasting: whether connections and cookies are kept; otherwise every request stands alone.
    """

    def __init__(
        self, plan: LoadPlan, typed: Mapping[str, str], *, number: int, lasting: bool = True
    ) -> None:
        self._plan = plan
        self._typed = typed
        self._number = number
        self._pool = Pool(plan.target.address, plan.target.port, most=plan.connections, keep=lasting)
        self._login = plan.login if lasting else None
        self._cookies: dict[str, str] = {}
        self._kept: dict[str, tuple[str, str]] = {}
        self._logins = 0
        self._logging_in = asyncio.Lock()

    @property
    def member(self) -> str:
        """The member that the balancer keeps this session on, as ``address:port``; "" where it is not known."""
        return member_of(self._cookies.get(self._plan.sticky_cookie, ""))

    async def log_in(self) -> None:
        """Log in for the first time, where the plan says how.

        Raises:
            LoginFailed: the server did not let the session in.
            OSError: it could not be asked.
        """
        if self._login is not None:
            async with asyncio.timeout(self._plan.timeout):
                await self._type(self._login, _Progress(0.0))

    async def request(self, planned: Planned, run: Run) -> None:
        """Make a request, and record how it ended.

        Args:
            planned: what is due now.
            run: of this request.
        """
        loop = asyncio.get_running_loop()
        progress = _Progress(loop.time())
        query = self._query(planned, run)
        status, cause = 0, Cause.OK
        try:
            async with asyncio.timeout_at(run.epoch + planned.due + self._plan.timeout):
                answer = await self._ask(query, progress)
            status, cause = answer.status, judge(query.kind, answer, contains=query.contains)
            if cause is Cause.OK:
                self._keep(query, answer)
        except LoginFailed as error:
            status = error.status
            cause = Cause.SERVER_ERROR if status >= 500 else Cause.UNEXPECTED
        except OSError as error:
            cause = cause_of(error)
        answered = loop.time()
        sent = answered if progress.sent is None else progress.sent
        run.record(
            Sample(
                planned.session,
                query.kind.name,
                planned.due,
                progress.begun - run.epoch,
                sent - run.epoch,
                answered - run.epoch,
                status,
                cause,
                self.member,
                query.token,
                progress.logins,
            )
        )

    def close(self) -> None:
        """End its idle connections."""
        self._pool.close()

    # ---------------------------------------------------------------------------------------------------------- inside

    def _query(self, planned: Planned, run: Run) -> _Query:
        kind = planned.kind
        kept = self._kept.get(kind.follows)
        if kind.follows and kept is None:
            kind = self._plan.kinds[0]
        identity, kept_token = kept or ("", "")
        token = f"{run.name}-{planned.number}" if kind.write else ""
        # The kind that is sent instead of one that follows may name pools of its own.
        first = {name: values[0] for name, values in self._plan.pools.items()}
        words = {
            **first,
            **planned.picks,
            "token": token,
            "session": str(self._number),
            "kept_id": identity,
            "kept_token": kept_token,
        }
        call = Call(
            kind.method,
            Template(kind.path).substitute(words),
            tuple(kind.headers.items()),
            Template(kind.body).substitute(words).encode(),
        )
        return _Query(kind, call, Template(kind.contains).substitute(words), token)

    async def _ask(self, query: _Query, progress: _Progress) -> Answer:
        """Send a request; a session that the server has forgotten logs in and sends it once more."""
        logins = self._logins
        answer = await self._send(query.call, progress)
        if self._login is None or not leads_to_login(answer, self._login):
            return answer
        async with self._logging_in:
            # Several requests may notice at once; one of them logs in for all.
            if self._logins == logins:
                await self._type(self._login, progress)
                progress.logins += 1
        return await self._send(query.call, progress)

    async def _type(self, login: Login, progress: _Progress) -> None:
        """Fill in the form of the login page."""
        page = await self._send(Call("GET", login.page, ()), progress)
        form = read_page(page.text()).form_with(login.fields)
        if form is None:
            raise LoginFailed(f"{login.page} shows no form to log in ({page.status})", status=page.status)
        action = urlsplit(urljoin(login.page, form.action))
        path = f"{action.path}?{action.query}" if action.query else action.path
        body = urlencode({**form.values, **self._typed}).encode()
        referer = ("referer", f"http://{self._plan.target.host}{login.page}")
        answer = await self._send(Call("POST", path, (*FORM, referer), body), progress)
        if answer.status >= 400 or leads_to_login(answer, login):
            raise LoginFailed(
                f"{login.page} did not let the session in ({answer.status})", status=answer.status
            )
        if answer.status < 300 and read_page(answer.text()).form_with(login.fields) is not None:
            raise LoginFailed(f"{login.page} asks again", status=answer.status)
        self._logins += 1

    async def _send(self, call: Call, progress: _Progress) -> Answer:
        """Send one request with the session's cookies, and take those of the answer."""
        headers = [("host", self._plan.target.host), ("user-agent", "telamon-load"), ("accept", "*/*")]
        if self._cookies:
            jar = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
            headers.append(("cookie", jar))
        whole = Call(call.method, call.path, (*headers, *call.headers), call.body)
        answer = await self._pool.exchange(whole, progress.note_sent)
        for name, value in answer.headers:
            if name == "set-cookie":
                self._take_cookie(value)
        return answer

    def _take_cookie(self, text: str) -> None:
        pair, *attributes = text.split(";")
        name, _, value = (part.strip() for part in pair.partition("="))
        ended = any(attribute.strip().lower() == "max-age=0" for attribute in attributes)
        if ended:
            self._cookies.pop(name, None)
        else:
            self._cookies[name] = value

    def _keep(self, query: _Query, answer: Answer) -> None:
        if query.kind.keep:
            identity = pointed(answer.text(), query.kind.keep)
            if identity:
                self._kept[query.kind.name] = (identity, query.token)


def judge(kind: Kind, answer: Answer, *, contains: str) -> Cause:
    """Say whether an answer is right.

    Args:
        kind: what was asked.
        answer: what came.
        contains: what a right answer contains.
    """
    if answer.status in kind.expect:
        return Cause.OK if contains.encode() in answer.body else Cause.CONTRADICTION
    if answer.status >= 500:
        return Cause.SERVER_ERROR
    # A plan reads only what exists: what is missing has been lost, or is not seen yet.
    return Cause.CONTRADICTION if answer.status in MISSING and not kind.write else Cause.UNEXPECTED


def cause_of(error: OSError) -> Cause:
    """Say why there was no answer."""
    if isinstance(error, TimeoutError):
        return Cause.TIMEOUT
    if isinstance(error, ConnectionRefusedError):
        return Cause.REFUSED
    return Cause.LOCAL if error.errno in OUT_OF_MEANS else Cause.RESET


def leads_to_login(answer: Answer, login: Login) -> bool:
    """Whether an answer says that nobody is logged in."""
    if 300 <= answer.status < 400:
        target = urljoin(login.page, answer.header("location"))
        return urlsplit(target).path == urlsplit(login.page).path
    return answer.status == 401


def member_of(cookie: str) -> str:
    """Read the balancer's cookie.

    Args:
        cookie: its value. Source: Envoy 1.40, ``extensions.http.stateful_session.cookie.v3``: the address and port of
            the member, in base64.

    Returns:
        ``address:port``, or "" where it says nothing of the kind.
    """
    try:
        text = base64.b64decode(cookie.strip('"'), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return text if _MEMBER.fullmatch(text) else ""


def pointed(text: str, pointer: str) -> str:
    """Look a value up in JSON.

    Args:
        text: the document.
        pointer: where. Source: RFC 6901.

    Returns:
        The value as text, or "" where there is none.
    """
    try:
        found: Any = json.loads(text)
    except ValueError:
        return ""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(name)
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            return ""
    return "" if found is None else str(found)
