"""Whatever a product answers, a pass over its set-up pages ends with a verdict, and posts nothing twice."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telamon.errors import TelamonError
from telamon.products.base import Note, Request, Response, SetupOutcome, SetupVerdict
from telamon.products.notes import standing
from telamon.products.registry import registry
from tests.support.flows import INPUTS, Played, play

FIELDS = st.lists(
    st.sampled_from(
        [
            "atl_token",
            "title",
            "baseURL",
            "nextStep",
            "setupLicenseKey",
            "fullname",
            "fullName",
            "noemail",
            "databaseOption",
            "confLicenseString",
            "newCluster",
            "contentChoice",
            "userManagementChoice",
            "username",
            "whatever",
        ]
    ),
    max_size=5,
)
URLS = st.sampled_from(
    [
        "/",
        "/setup/setupcluster.action",
        "/setup/setupcluster-start.action",
        "/setup/finishsetup.action",
        "/secure/SetupLicense.jspa",
        "/bootstrap/selectsetupstep.action",
    ]
)


@st.composite
def answers(draw: st.DrawFn) -> Response:
    """Anything that a product might answer."""
    kind = draw(st.sampled_from(["page", "page", "page", "state", "silence", "unsent", "noise"]))
    status = draw(st.sampled_from([200, 200, 200, 302, 400, 401, 403, 404, 405, 429, 500, 503]))
    if kind == "state":
        name = draw(
            st.sampled_from(["FIRST_RUN", "FIRST_RUN", "RUNNING", "STARTING", "ERROR", "STOPPING", "?"])
        )
        return Response(status=draw(st.sampled_from([200, 503, 500])), text=f'{{"state":"{name}"}}')
    if kind in {"silence", "unsent"}:
        return Response(status=0, error="the connection broke off", sent=kind == "silence")
    if kind == "noise":
        return Response(status=status, text=draw(st.text(max_size=40)))
    fields = "".join(f'<input name="{name}" value="v">' for name in draw(FIELDS))
    told = draw(st.sampled_from(["", "<p class=error>No</p>"]))
    return Response(status=status, url=draw(URLS), text=f"<title>T</title><form>{fields}</form>{told}")


FIRST_RUN = Response(status=200, text='{"state":"FIRST_RUN"}')


def product_of(drawn: list[Response], *, honest: bool) -> Callable[[Request], Response]:
    """A product that gives the drawn answers in turn, the last one for ever; an honest one is in FIRST_RUN."""
    left = list(drawn)

    def answer(request: Request) -> Response:
        if honest and request.path == "/status":
            return FIRST_RUN
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


@pytest.mark.parametrize("name", sorted(registry()))
@settings(max_examples=150)
@given(drawn=st.lists(answers(), min_size=1, max_size=12), honest=st.booleans(), passes=st.integers(1, 4))
def test_a_pass_ends_and_nothing_is_posted_twice(
    name: str, drawn: list[Response], honest: bool, passes: int
) -> None:
    product = registry()[name]
    answer = product_of(drawn, honest=honest)
    notes: list[tuple[float, str]] = []
    doubtful: set[str] = set()
    for second in range(passes):
        known = standing(notes, now=float(second), patience=product.setup_patience)
        played: Played[SetupOutcome] = play(product.set_up(replace(INPUTS, posted=known)), answer)
        assert played.error is None or isinstance(played.error, TelamonError)
        assert len(played.events) < 100
        doubtful = check_posts(played, doubtful)
        notes += [(float(second), text) for text in played.notes]
        if played.result is None or played.result.verdict is not SetupVerdict.WAITING:
            break


def check_posts(played: Played[SetupOutcome], doubtful: set[str]) -> set[str]:
    """Every post is announced, and none repeats a step whose outcome nobody knows, or which is done."""
    open_steps = set(doubtful)
    for event in played.events:
        if isinstance(event, Request):
            if event.method == "POST":
                assert event.form is not None
            continue
        assert isinstance(event, Note)
        word, _, step = event.text.partition(":")
        if word == "posted":
            assert step not in open_steps, played.events
            open_steps.add(step)
        elif word == "refused":
            open_steps.discard(step)
    posts = [event for event in played.requests if event.method == "POST"]
    assert len(posts) == sum(1 for text in played.notes if text.startswith("posted:"))
    return open_steps
