"""A set-up wizard made up for tests: it keeps the rules that the products' pages were seen to keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from telamon.products.base import Request, Response
from tests.support.flows import SILENCE, page, state


@dataclass(frozen=True)
class PageMade:
    """One page: its own path, where it posts to, its form's fields, and which values it takes."""

    path: str
    action: str
    fields: tuple[str, ...]
    takes: Callable[[Mapping[str, str]], str]
    """Gives the complaint about a posted form, "" for none."""
    before: str = ""
    """Markup before the form."""


@dataclass
class WizardMade:
    """The pages of a fresh node, in order; it becomes RUNNING when the last one was taken.

    Attributes:
        pages: in order.
        entry: path that shows or leads to the page that is due.
        running_at: path fetched to end the set-up; "" where the last page does.
        cookie: name of the cookie that holds the token; "" where the hidden field alone does.
        hidden: whether the hidden field holds it.
        referer: whether a post without a Referer is refused.
        redirects: whether a page that was taken leads on with 302, as against showing the next one itself.
        stale: whether the entry shows the first page until the end.
        busy: answers of 500 to everything after a post, by the path posted to.
    """

    pages: Sequence[PageMade]
    entry: str = "/"
    running_at: str = ""
    cookie: str = ""
    hidden: bool = True
    referer: bool = False
    redirects: bool = True
    stale: bool = False
    busy: Mapping[str, int] = field(default_factory=dict)
    step: int = 0
    done: bool = False
    left_busy: int = 0
    taken: list[str] = field(default_factory=list)
    faults: list[Response] = field(default_factory=list)
    """Answers given in place of the next ones, after the request had its effect."""

    def __call__(self, request: Request) -> Response:
        """Answer a request of the flow."""
        answer = self._answer(request)
        if request.path == "/status" or not self.faults:
            return answer
        return self.faults.pop(0)

    def _answer(self, request: Request) -> Response:
        if request.path == "/status":
            return state("RUNNING" if self.done else "FIRST_RUN")
        if self.left_busy:
            self.left_busy -= 1
            return page("<h1>Spring Application context has not been set</h1>", url=request.path, status=500)
        if request.method == "POST":
            return self._post(request)
        if self.running_at and request.path == self.running_at and self.step == len(self.pages):
            self.done = True
            return page("<title>Ready</title>", url=request.path)
        if request.path.startswith("/rest/"):
            return Response(status=200, text="{}") if self.done else SILENCE
        if request.path == self.entry:
            return self._show(0 if self.stale else self.step)
        wanted = [number for number, made in enumerate(self.pages) if made.path == request.path]
        return self._show(self.step if wanted == [self.step] else 0 if self.stale else self.step)

    def _show(self, number: int, complaint: str = "") -> Response:
        if number >= len(self.pages):
            return page("<title>Thank you</title><p>Ready", url=self.running_at or "/")
        made = self.pages[number]
        token = f'<input type="hidden" name="atl_token" value="{self._token}">' if self.hidden else ""
        fields = "".join(f'<input name="{name}">' for name in made.fields)
        told = f'<p class="error">{complaint}</p>' if complaint else ""
        body = f'{made.before}<form action="{made.action}">{token}{fields}</form>{told}'
        url = made.action if complaint else made.path
        return page(body, url=url, cookies={self.cookie: self._token} if self.cookie else {})

    @property
    def _token(self) -> str:
        return f"token-{self.step}" if not self.cookie else "token"

    def _post(self, request: Request) -> Response:
        made = self.pages[self.step] if self.step < len(self.pages) else None
        if made is None or request.path != made.action:
            return page("<title>Method Not Allowed</title>", url=request.path, status=405)
        form = {name: value for name, value in (request.form or {}).items() if isinstance(value, str)}
        refused = self.referer and not request.headers.get("Referer")
        if refused or form.get("atl_token") != self._token:
            return page("<title>XSRF Security Token Missing</title>", url=request.path, status=403)
        complaint = made.takes(form)
        if complaint:
            return self._show(self.step, complaint)
        self.taken.append(made.action)
        self.left_busy = self.busy.get(made.action, 0)
        self.step += 1
        if self.step == len(self.pages) and not self.running_at:
            self.done = True
        return self._after(made)

    def _after(self, made: PageMade) -> Response:
        if self.left_busy:
            self.left_busy -= 1
            return page("Spring Application context has not been set", url="/setup/next.action", status=500)
        shown = self._show(self.step)
        if not self.redirects and self.step < len(self.pages):
            return page(shown.text, url=made.action, cookies=shown.cookies)
        return shown


def needs(**wanted: str) -> Callable[[Mapping[str, str]], str]:
    """Complains about a form whose values differ from those given."""

    def takes(form: Mapping[str, str]) -> str:
        wrong = [name for name, value in wanted.items() if form.get(name) != value]
        return f"Wrong: {', '.join(wrong)}" if wrong else ""

    return takes
