"""A session as the server sees it: cookies, a log-in when it is needed, and the things it wrote."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

from telamon.errors import ProductError
from telamon.products.pages import read_page
from telamon.products.traffic import Login
from telamon.proof.answers import cause_of, judge, leads_to_login, member_of, pointed, seen_in
from telamon.proof.meaning import Seen
from telamon.proof.record import Cause, Sample
from telamon.proof.schedule import Planned
from telamon.proof.wire import Answer, Call, Pool
from telamon.proof.wording import Kept, Memory, Query, worded
from telamon.proof.workload import LoadPlan

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
        written: what was written, or may have been: kind and thing, with the values that lead there.
        kept: every acknowledged write that can be asked for by what the server called it, by kind.
        acknowledged: tokens of acknowledged writes that were not removed, by thing.
    """

    plan: LoadPlan
    name: str
    epoch: float
    record: Callable[[Sample], None]
    written: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    kept: dict[str, list[Kept]] = field(default_factory=dict)
    acknowledged: dict[str, set[str]] = field(default_factory=dict)

    @property
    def tokens(self) -> re.Pattern[str]:
        """Finds the tokens of this run."""
        # The library keeps what it compiled, so that this costs a look-up.
        return re.compile(rf"\b{self.name}-[0-9]+\b")


@dataclass
class _Progress:
    """How far a request has come; instants on the loop's clock."""

    begun: float
    sent: float | None = None
    logins: int = 0

    def note_sent(self, at: float) -> None:
        """Keep the instant at which it was written."""
        self.sent = at


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
        self._memory = Memory()
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

    async def request(self, planned: Planned, run: Run, *, about: Kept | None = None) -> Sample:
        """Make a request, and record how it ended.

        Args:
            planned: what is due now.
            run: of this request.
            about: the write that it follows, where it is not the latest of this session.

        Returns:
            What was recorded.
        """
        loop = asyncio.get_running_loop()
        progress = _Progress(loop.time())
        query = worded(
            planned, self._plan, memory=self._memory, run=run.name, session=self._number, about=about
        )
        status, cause, seen = 0, Cause.OK, query.sent
        try:
            async with asyncio.timeout_at(run.epoch + planned.due + self._plan.timeout):
                answer = await self._ask(query.call, progress)
            status, cause = answer.status, judge(query.kind, answer, contains=query.contains)
            seen = query.sent or seen_in(query.kind, answer, tokens=run.tokens)
            self._learn(query, answer, seen, run=run, ok=cause is Cause.OK)
        except LoginFailed as error:
            status = error.status
            cause = Cause.SERVER_ERROR if status >= 500 else Cause.UNEXPECTED
        except OSError as error:
            cause = cause_of(error)
        if query.thing and query.kind.write:
            run.written[query.kind.name, query.thing] = query.picks
        answered = loop.time()
        sent = answered if progress.sent is None else progress.sent
        sample = Sample(
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
            query.thing,
            query.element,
            query.aim,
            seen,
        )
        run.record(sample)
        return sample

    def close(self) -> None:
        """End its idle connections."""
        self._pool.close()

    # ---------------------------------------------------------------------------------------------------------- inside

    async def _ask(self, call: Call, progress: _Progress) -> Answer:
        """Send a request; a session that the server has forgotten logs in and sends it once more."""
        logins = self._logins
        answer = await self._send(call, progress)
        if self._login is None or not leads_to_login(answer, self._login):
            return answer
        async with self._logging_in:
            # Several requests may notice at once; one of them logs in for all.
            if self._logins == logins:
                await self._type(self._login, progress)
                progress.logins += 1
        return await self._send(call, progress)

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

    def _learn(self, query: Query, answer: Answer, seen: Seen | None, *, run: Run, ok: bool) -> None:
        """Keep what later requests need: what the server calls what was written, and which version a thing has."""
        kind = query.kind
        if answer.status in kind.refuses:
            # Somebody else was faster: what the session knows is old.
            self._memory.versions.pop(query.thing, None)
        elif ok and seen is not None and query.thing:
            self._memory.learn(query.thing, seen.version or query.aim)
        elif ok and query.aim:
            self._memory.learn(query.thing, query.aim)
        if ok and query.thing and kind.write:
            known = run.acknowledged.setdefault(query.thing, set())
            if kind.removes:
                known.discard(query.element)
            else:
                known.add(query.token)
        if kind.keep and ok:
            identity = pointed(answer.text(), kind.keep)
            if identity:
                kept = Kept(identity, query.token, query.picks)
                self._memory.kept[kind.name] = kept
                run.kept.setdefault(kind.name, []).append(kept)
