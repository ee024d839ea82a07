"""A session as the server sees it: cookies, a log-in when it is needed, and the things it wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Template
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

from telamon.errors import ProductError
from telamon.products.pages import read_page
from telamon.proof.answers import cause_of, judge, leads_to_login, member_of, pointed
from telamon.proof.record import Cause, Sample
from telamon.proof.schedule import Planned
from telamon.proof.wire import Answer, Call, Pool
from telamon.proof.workload import Kind, LoadPlan, Login

FORM: Final = (("content-type", "application/x-www-form-urlencoded"),)


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
    picks: Mapping[str, str]


@dataclass(frozen=True)
class _Kept:
    """An acknowledged write: what the server calls it, its token, and where it was written to."""

    identity: str
    token: str
    picks: Mapping[str, str]


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
        self._kept: dict[str, _Kept] = {}
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
        kept = self._kept.get(kind.follows, _Kept("", "", {}))
        if kind.follows and not kept.identity:
            kind = self._plan.kinds[0]
        token = f"{run.name}-{planned.number}" if kind.write else ""
        # The kind that is sent instead of one that follows may name pools that nothing was picked from.
        first = {name: values[0] for name, values in self._plan.pools.items()}
        picks = {**first, **planned.picks, **kept.picks}
        words = {
            **picks,
            "token": token,
            "session": str(self._number),
            "kept_id": kept.identity,
            "kept_token": kept.token,
        }
        call = Call(
            kind.method,
            Template(kind.path).substitute(words),
            tuple(kind.headers.items()),
            Template(kind.body).substitute(words).encode(),
        )
        return _Query(kind, call, Template(kind.contains).substitute(words), token, picks)

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
                self._kept[query.kind.name] = _Kept(identity, query.token, query.picks)
