"""Walk set-up pages: driven by the form that is found, not by a list of what should come.

A product describes its pages as a :class:`Wizard`; :func:`walk` is one pass over them. The rules of a pass, each
learnt from somebody's trouble with these pages (public set-up scripts for Jira 8.20, 10.3 and 11.3 and Confluence 9.2
and 10.2 agree on them):

* The step has succeeded when another page comes. A refused value brings the same form again, with HTTP 200.
* Redirects are followed as GET; posting to the next page is answered with 405.
* A page that answers 5xx, or not at all, is busy: look again later, post nothing.
* A step is posted again only when it is certain that nothing came of it. Confluence rebuilds its whole context after
  some steps, and a second post meanwhile lets its recorded step and its database drift apart. See
  :mod:`telamon.products.notes`.
* A form nobody described stops the pass: a person goes on, at the URL that the outcome names.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass

from telamon.products.base import (
    Flow,
    Note,
    Request,
    Response,
    SetupInputs,
    SetupOutcome,
    SetupVerdict,
    Yielded,
    ask,
)
from telamon.products.notes import PASSED, POSTED, REFUSED
from telamon.products.pages import Form, Page, read_page
from telamon.state.phase import Phase

GET_TIMEOUT = 30.0
"""Seconds for a page of a product that is still warming up."""


@dataclass(frozen=True)
class Step:
    """One set-up page.

    Attributes:
        name: as the product calls it.
        path: where its form is posted to, below the context path.
        fields: the page is the one whose form has any of these fields.
        fill: what is put into the form, beside what the page has put into it itself.
        start: path of the page itself, where the product lets one go there; "" where not.
        timeout: seconds for the answer to the post.
    """

    name: str
    path: str
    fields: frozenset[str]
    fill: Callable[[SetupInputs, Form], Mapping[str, str]]
    start: str = ""
    timeout: float = 60.0


@dataclass(frozen=True)
class Stumbling:
    """A page that should not be shown at all, and what it means that it is.

    Attributes:
        name: as the product calls it.
        fields: the page is the one whose form has any of these fields.
        meaning: for people: what is wrong, and where.
    """

    name: str
    fields: frozenset[str]
    meaning: str


@dataclass(frozen=True)
class Wizard:
    """The set-up pages of a product.

    Attributes:
        status: path that tells the node's phase.
        read_status: reads it.
        entry: path that leads to the page that is due.
        steps: in the order in which the product shows them.
        stumbling: pages that mean that something else is wrong.
        token: the value of ``atl_token`` for a form, from the answer that brought it; "" for none.
        last: path to be fetched when the last page is done, "" for none.
        proof: path that answers without a login once the product really serves.
        proven: codes of that answer that prove it.
    """

    status: str
    read_status: Callable[[Response], Phase]
    entry: str
    steps: tuple[Step, ...]
    token: Callable[[Response, Form], str]
    proof: str
    proven: frozenset[int]
    stumbling: tuple[Stumbling, ...] = ()
    last: str = ""

    def find(self, page: Page) -> tuple[Step, Form] | None:
        """The step a page shows, and its form."""
        for step in self.steps:
            form = page.form_with(step.fields)
            if form is not None:
                return step, form
        return None

    def due(self, done: Collection[str]) -> Step | None:
        """The step after the last one that was sent; ``None`` where none was, or the last."""
        sent = [index for index, step in enumerate(self.steps) if _sent(step, done)]
        following = self.steps[sent[-1] + 1 :] if sent else ()
        return following[0] if following else None


Part = Generator[Yielded, Response | None, SetupOutcome | Response]
"""A part of a pass: it ends the pass with an outcome, or goes on with the page it came to."""


def walk(wizard: Wizard, inputs: SetupInputs) -> Flow[SetupOutcome]:
    """One pass over the set-up pages; it waits for nothing and may be run again at any time.

    Args:
        wizard: the pages.
        inputs: what is put into them, and the notes of earlier passes.
    """
    done = set(inputs.posted)
    # No step is posted twice in a pass, and whatever finds none to post ends it, so this ends.
    while True:
        found = yield from _look(wizard)
        while isinstance(found, Response):
            step = wizard.find(read_page(found.text))
            if step is None or _sent(step[0], done):
                found = yield from _look_further(wizard, found, done=frozenset(done))
                continue
            found = yield from _post(wizard, inputs, found, step=step)
            done.add(PASSED + step[0].name)
            if isinstance(found, Response) and wizard.find(read_page(found.text)) is None:
                break
        if isinstance(found, SetupOutcome):
            return found


def _look(wizard: Wizard) -> Part:
    """Ask what the node is doing, and fetch the page that is due."""
    status = yield from ask(Request("GET", wizard.status))
    phase = wizard.read_status(status)
    if phase is Phase.RUNNING:
        return (yield from _prove(wizard))
    if phase is not Phase.FIRST_RUN:
        return _waiting("", f"the node is {phase.value}")
    page = yield from ask(Request("GET", wizard.entry, timeout=GET_TIMEOUT, redirect=True))
    if not page.answered or page.status >= 500:
        return _waiting("", f"the set-up pages are not served yet: {_why(page)}")
    return page


def _prove(wizard: Wizard) -> Flow[SetupOutcome]:
    """A node that is RUNNING is set up once its REST serves too."""
    proof = yield from ask(Request("GET", wizard.proof, timeout=GET_TIMEOUT))
    if proof.status in wizard.proven:
        return SetupOutcome(SetupVerdict.COMPLETE, "", "/")
    return _waiting("", f"the node is RUNNING, and {wizard.proof} does not serve yet: {_why(proof)}")


def _finish(wizard: Wizard) -> Flow[SetupOutcome]:
    """The last page was taken, and the product wants one more to be fetched before it runs."""
    yield from ask(Request("GET", wizard.last, timeout=GET_TIMEOUT, redirect=True))
    status = yield from ask(Request("GET", wizard.status))
    if wizard.read_status(status) is Phase.RUNNING:
        return (yield from _prove(wizard))
    return _waiting("", "the set-up is being finished", url=wizard.last)


def _post(wizard: Wizard, inputs: SetupInputs, shown: Response, *, step: tuple[Step, Form]) -> Part:
    """Fill in a form and send it; note before and after what is known of it."""
    what, form = step
    body = {**form.values, **what.fill(inputs, form)}
    token = wizard.token(shown, form)
    if token:
        body["atl_token"] = token
    yield Note(POSTED + what.name)
    headers = {"Referer": inputs.base_url + shown.url}
    answer = yield from ask(
        Request("POST", what.path, form=body, headers=headers, timeout=what.timeout, redirect=True)
    )
    if not answer.sent:
        yield Note(REFUSED + what.name)
        return _waiting(what.name, f"the node could not be reached: {_why(answer)}", url=shown.url)
    if not answer.answered or answer.status >= 500 or 300 <= answer.status < 400:
        detail = f"the page was sent, and the node is busy with it: {_why(answer)}"
        return _waiting(what.name, detail, url=shown.url)
    page = read_page(answer.text)
    shown_again = wizard.find(page)
    stayed = answer.url.partition("?")[0] == what.path
    again = shown_again is not None and shown_again[0] is what and (stayed or bool(page.complaints))
    if again or (stayed and answer.status >= 400):
        yield Note(REFUSED + what.name)
        told = page.complaint or _without_words(answer, page)
        return SetupOutcome(SetupVerdict.REJECTED, what.name, answer.url, told)
    yield Note(PASSED + what.name)
    return answer


def _look_further(wizard: Wizard, shown: Response, *, done: frozenset[str]) -> Part:
    """The page that is due cannot be seen, or it was sent already: look, without posting, at the next one's address.

    Confluence may go on showing an earlier page, or lead round in circles, until its set-up is complete.
    """
    if wizard.last and PASSED + wizard.steps[-1].name in done:
        return (yield from _finish(wizard))
    due = wizard.due(done)
    if due is not None and due.start and due.start != shown.url:
        page = yield from ask(Request("GET", due.start, timeout=GET_TIMEOUT, redirect=True))
        found = wizard.find(read_page(page.text)) if page.status == 200 else None
        if found is not None and found[0] is due:
            return page
    behind = wizard.find(read_page(shown.text))
    if behind is None:
        return _unknown(wizard, shown)
    detail = "the page was sent, and the node still shows it; it is not sent again meanwhile"
    return _waiting(behind[0].name, detail, url=shown.url)


def _sent(step: Step, done: Collection[str]) -> bool:
    """Whether a step was sent, with whatever came of it."""
    return PASSED + step.name in done or POSTED + step.name in done


def _unknown(wizard: Wizard, page: Response) -> SetupOutcome:
    """Nobody described this page: say what can be said."""
    read = read_page(page.text)
    url = page.url
    name = page.url.partition("?")[0].rstrip("/").rpartition("/")[2] or "start page"
    for trap in wizard.stumbling:
        if read.form_with(trap.fields) is not None:
            return SetupOutcome(SetupVerdict.UNKNOWN_FORM, trap.name, url, trap.meaning)
    if not read.forms and page.status < 400:
        return SetupOutcome(
            SetupVerdict.WAITING, name, url, f'the node shows "{read.title}", a page without a form'
        )
    detail = read.complaint or (f'"{read.title}"' if read.title else f"HTTP {page.status}")
    return SetupOutcome(SetupVerdict.UNKNOWN_FORM, name, url, detail)


def _waiting(step: str, detail: str, *, url: str = "/") -> SetupOutcome:
    return SetupOutcome(SetupVerdict.WAITING, step, url, detail)


def _why(response: Response) -> str:
    return f"HTTP {response.status}" if response.answered else response.error or "no answer"


def _without_words(answer: Response, page: Page) -> str:
    if answer.status >= 400:
        return f"HTTP {answer.status}" + (f', "{page.title}"' if page.title else "")
    return "the page came again without saying why"
