from dataclasses import replace

import pytest

from telamon.products.base import Response, SetupVerdict
from telamon.products.jira.lifecycle import set_up
from tests.support.flows import BASE, INPUTS, REFUSED, SILENCE, page, play, result_of, script, state, table
from tests.support.wizards import PageMade, WizardMade, needs

TRAP = '<form action="/secure/SetupLicense.jspa"><input type="hidden" name="atl_token" value="trap"></form>'
PAGES = (
    PageMade(
        "/secure/SetupApplicationProperties!default.jspa",
        "/secure/SetupApplicationProperties.jspa",
        ("title", "mode", "baseURL", "nextStep"),
        needs(title="Acme tracker", mode="private", baseURL=BASE, nextStep="true"),
    ),
    PageMade(
        "/secure/SetupLicense!default.jspa",
        "/secure/SetupLicense.jspa",
        ("setupLicenseKey",),
        needs(setupLicenseKey="AAABBBBCDDDE"),
        before=TRAP,
    ),
    PageMade(
        "/secure/SetupAdminAccount!default.jspa",
        "/secure/SetupAdminAccount.jspa",
        ("fullname", "email", "username", "password", "confirm"),
        needs(
            fullname="Ada L.",
            email="ada@acme.example",
            username="ada",
            password="correct horse",
            confirm="correct horse",
        ),
    ),
    PageMade(
        "/secure/SetupMailNotifications!default.jspa",
        "/secure/SetupMailNotifications.jspa",
        ("noemail", "testingMailConnection"),
        needs(noemail="true", testingMailConnection=""),
    ),
)


@pytest.mark.parametrize(
    ("cookie", "hidden"),
    [("atlassian.xsrf.token", True), ("atlassian.xsrf.token", False), ("", True)],
    ids=["both", "cookie-alone", "field-alone"],
)
@pytest.mark.parametrize("redirects", [True, False], ids=["leads-on", "shows-next"])
def test_one_pass_walks_every_page(cookie: str, hidden: bool, redirects: bool) -> None:
    wizard = WizardMade(PAGES, cookie=cookie, hidden=hidden, referer=True, redirects=redirects)
    played = play(set_up(INPUTS), wizard)
    assert result_of(played).verdict is SetupVerdict.COMPLETE
    assert wizard.taken == [made.action for made in PAGES]
    assert played.notes == [
        f"{word}:{step}"
        for step in (
            "SetupApplicationProperties",
            "SetupLicense",
            "SetupAdminAccount",
            "SetupMailNotifications",
        )
        for word in ("posted", "passed")
    ]
    assert all(post.headers["Referer"].startswith(BASE + "/secure/") for post in played.posts())


@pytest.mark.parametrize("step", range(4))
def test_a_pass_goes_on_from_the_form_it_finds(step: int) -> None:
    wizard = WizardMade(PAGES, cookie="atlassian.xsrf.token", step=step)
    assert result_of(play(set_up(INPUTS), wizard)).verdict is SetupVerdict.COMPLETE
    assert wizard.taken == [made.action for made in PAGES[step:]]


def test_a_refused_value_is_told_in_the_words_of_the_page() -> None:
    wizard = WizardMade(PAGES, cookie="atlassian.xsrf.token", step=1)
    played = play(set_up(replace(INPUTS, license="expired")), wizard)
    outcome = result_of(played)
    assert outcome.verdict is SetupVerdict.REJECTED
    assert (outcome.step, outcome.detail) == ("SetupLicense", "Wrong: setupLicenseKey")
    assert outcome.url == "/secure/SetupLicense.jspa"
    assert played.notes == ["posted:SetupLicense", "refused:SetupLicense"]


def test_a_missing_token_is_a_refusal_and_no_end_of_the_road() -> None:
    answers = [
        state("FIRST_RUN"),
        WizardMade(PAGES)._show(1),
        page("<title>XSRF</title>", url="/secure/SetupLicense.jspa", status=403),
    ]
    outcome = result_of(play(set_up(INPUTS), script(*answers)))
    assert outcome.verdict is SetupVerdict.REJECTED
    assert outcome.detail == 'HTTP 403, "XSRF"'


@pytest.mark.parametrize("phase", ["STARTING", "MAINTENANCE", "STOPPING", "ERROR"])
def test_another_phase_is_waited_for(phase: str) -> None:
    outcome = result_of(play(set_up(INPUTS), script(state(phase))))
    assert (outcome.verdict, outcome.detail) == (SetupVerdict.WAITING, f"the node is {phase}")


@pytest.mark.parametrize("answer", [SILENCE, page("", status=500), page("", status=503)])
def test_pages_that_are_not_served_yet_are_waited_for(answer: Response) -> None:
    outcome = result_of(play(set_up(INPUTS), table({"GET /status": state("FIRST_RUN"), "GET /": answer})))
    assert outcome.verdict is SetupVerdict.WAITING


def test_a_page_without_a_form_is_waited_for() -> None:
    splash = page("<title>Jira is starting</title>", url="/")
    outcome = result_of(play(set_up(INPUTS), table({"GET /status": state("FIRST_RUN"), "GET /": splash})))
    assert outcome.verdict is SetupVerdict.WAITING
    assert "Jira is starting" in outcome.detail


def test_an_unknown_form_stops_with_its_url() -> None:
    other = page(
        "<title>Usage</title><form><input name=usageData></form>", url="/secure/SetupUsageData!default.jspa"
    )
    played = play(set_up(INPUTS), table({"GET /status": state("FIRST_RUN"), "GET /": other}))
    outcome = result_of(played)
    assert (outcome.verdict, outcome.step) == (SetupVerdict.UNKNOWN_FORM, "SetupUsageData!default.jspa")
    assert outcome.url == "/secure/SetupUsageData!default.jspa"
    assert played.posts() == []


@pytest.mark.parametrize(
    ("name", "field"), [("SetupDatabase", "databaseOption"), ("SetupMode", "setupOption")]
)
def test_a_page_of_a_missing_database_says_what_is_wrong_with_the_environment(name: str, field: str) -> None:
    shown = page(f"<form><input name={field}></form>", url=f"/secure/{name}!default.jspa")
    played = play(set_up(INPUTS), table({"GET /status": state("FIRST_RUN"), "GET /": shown}))
    outcome = result_of(played)
    assert (outcome.verdict, outcome.step) == (SetupVerdict.UNKNOWN_FORM, name)
    assert "ATL_DB_DRIVER" in outcome.detail
    assert played.posts() == []


def test_a_lost_answer_leaves_the_step_in_doubt() -> None:
    wizard = WizardMade(PAGES, step=1)
    wizard.faults = [wizard._show(1), SILENCE]
    played = play(set_up(INPUTS), wizard)
    assert result_of(played).verdict is SetupVerdict.WAITING
    assert played.notes == ["posted:SetupLicense"]


def test_a_step_in_doubt_is_not_posted_again() -> None:
    wizard = WizardMade(PAGES, step=1)
    played = play(set_up(replace(INPUTS, posted=frozenset({"posted:SetupLicense"}))), wizard)
    assert result_of(played).verdict is SetupVerdict.WAITING
    assert played.posts() == []


def test_a_request_that_was_never_sent_leaves_no_doubt() -> None:
    wizard = WizardMade(PAGES, step=1)
    played = play(set_up(INPUTS), lambda request: REFUSED if request.method == "POST" else wizard(request))
    assert result_of(played).verdict is SetupVerdict.WAITING
    assert played.notes == ["posted:SetupLicense", "refused:SetupLicense"]


def test_running_without_rest_is_not_complete() -> None:
    answers = table({"GET /status": state("RUNNING"), "GET /rest/api/2/serverInfo": page("", status=503)})
    assert result_of(play(set_up(INPUTS), answers)).verdict is SetupVerdict.WAITING


def test_a_finished_node_is_left_alone() -> None:
    answers = table({"GET /status": state("RUNNING"), "GET /rest/api/2/serverInfo": page("{}")})
    played = play(set_up(INPUTS), answers)
    assert result_of(played).verdict is SetupVerdict.COMPLETE
    assert len(played.events) == 2


def test_no_secret_shows() -> None:
    wizard = WizardMade(PAGES)
    played = play(set_up(INPUTS), wizard)
    told = repr([*played.events, INPUTS, played.result])
    assert "correct horse" not in told
    assert "AAAB" not in told
