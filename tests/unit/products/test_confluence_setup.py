from dataclasses import replace

import pytest

from telamon.products.base import Response, SetupInputs, SetupVerdict
from telamon.products.confluence.lifecycle import set_up
from telamon.products.notes import standing
from tests.support.flows import INPUTS, Played, page, play, result_of, script, state
from tests.support.wizards import PageMade, WizardMade, needs

LICENSE = PageMade(
    "/setup/setuplicense.action",
    "/setup/dosetuplicense.action",
    ("confLicenseString",),
    needs(confLicenseString="AAABBBBCDDDE"),
)
CLUSTER = PageMade(
    "/setup/setupcluster-start.action",
    "/setup/setupcluster.action",
    ("newCluster", "clusterName", "isClusteringEnabled"),
    needs(newCluster="skipCluster", isClusteringEnabled="true"),
)
DATA = PageMade(
    "/setup/setupdata-start.action",
    "/setup/setupdata.action",
    ("contentChoice", "dbchoiceSelect"),
    needs(contentChoice="blank", dbchoiceSelect="Empty Site"),
)
PEOPLE = PageMade(
    "/setup/setupusermanagementchoice-start.action",
    "/setup/setupusermanagementchoice.action",
    ("userManagementChoice", "internal"),
    needs(userManagementChoice="internal", internal="Manage users and groups within Confluence"),
)
ADMINISTRATOR = PageMade(
    "/setup/setupadministrator-start.action",
    "/setup/setupadministrator.action",
    ("username", "fullName", "email", "password", "confirm", "setup-next-button"),
    needs(username="ada", fullName="Ada L.", email="ada@acme.example", password="correct horse"),
)
USUAL = (CLUSTER, DATA, PEOPLE, ADMINISTRATOR)
ENTRY = "/bootstrap/selectsetupstep.action"
FINISH = "/setup/finishsetup.action"


def made(*pages: PageMade, **more: object) -> WizardMade:
    return WizardMade(pages, entry=ENTRY, running_at=FINISH, **more)  # type: ignore[arg-type]


def passes(wizard: WizardMade, *, most: int = 20) -> list[Played[object]]:
    """Passes as a controller makes them, a second apart, with the notes of all earlier ones."""
    notes: list[tuple[float, str]] = []
    played: list[Played[object]] = []
    for second in range(most):
        inputs = replace(INPUTS, posted=standing(notes, now=float(second), patience=300.0))
        played.append(play(set_up(inputs), wizard))
        notes += [(float(second), text) for text in played[-1].notes]
        if result_of(played[-1]).verdict is not SetupVerdict.WAITING:  # type: ignore[attr-defined]
            break
    return played


@pytest.mark.parametrize(
    "pages",
    [USUAL, (LICENSE, *USUAL), (DATA, PEOPLE, ADMINISTRATOR)],
    ids=["usual", "asks-for-license", "leaves-cluster-out"],
)
def test_one_pass_walks_every_page(pages: tuple[PageMade, ...]) -> None:
    wizard = made(*pages)
    played = play(set_up(INPUTS), wizard)
    assert result_of(played).verdict is SetupVerdict.COMPLETE
    assert wizard.taken == [shown.action for shown in pages]
    assert f"GET {FINISH}" in played.asked


def test_the_token_is_that_of_the_answer_that_brought_the_form() -> None:
    played = play(set_up(INPUTS), made(*USUAL))
    assert [(post.form or {})["atl_token"] for post in played.posts()] == [
        f"token-{step}" for step in range(4)
    ]


@pytest.mark.parametrize("stale", [False, True], ids=["honest", "shows-the-first-page-until-the-end"])
@pytest.mark.parametrize("answers", [1, 4, 12])
def test_nothing_is_posted_while_the_context_is_rebuilt(stale: bool, answers: int) -> None:
    wizard = made(*USUAL, stale=stale, busy={CLUSTER.action: answers})
    played = passes(wizard)
    outcomes = [result_of(one) for one in played]
    assert outcomes[-1].verdict is SetupVerdict.COMPLETE  # type: ignore[attr-defined]
    assert wizard.taken == [shown.action for shown in USUAL]
    assert [post.path for one in played for post in one.posts()].count(CLUSTER.action) == 1


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("reached", range(1, 5))
def test_a_pass_that_broke_off_is_taken_up_where_it_was(stale: bool, reached: int) -> None:
    wizard = made(*USUAL, stale=stale, step=reached)
    names = ("setupcluster", "setupdata", "setupusermanagementchoice", "setupadministrator")
    inputs = replace(INPUTS, posted=frozenset(f"passed:{name}" for name in names[:reached]))
    played = play(set_up(inputs), wizard)
    assert wizard.taken == [shown.action for shown in USUAL[reached:]]
    assert result_of(played).verdict is SetupVerdict.COMPLETE


def test_a_step_that_still_shows_is_left_alone() -> None:
    wizard = made(*USUAL)
    played = play(set_up(replace(INPUTS, posted=frozenset({"posted:setupcluster"}))), wizard)
    outcome = result_of(played)
    assert (outcome.verdict, outcome.step) == (SetupVerdict.WAITING, "setupcluster")
    assert played.posts() == []


def test_a_page_that_leads_in_circles_is_left_alone() -> None:
    circle = page("", url=ENTRY, status=302)
    outcome = result_of(play(set_up(INPUTS), script(state("FIRST_RUN"), circle)))
    assert outcome.verdict is SetupVerdict.WAITING


def test_a_value_that_is_refused_without_a_word() -> None:
    inputs: SetupInputs = replace(INPUTS, admin_email="nobody")
    outcome = result_of(play(set_up(inputs), made(*USUAL)))
    assert (outcome.verdict, outcome.detail) == (SetupVerdict.REJECTED, "Wrong: email")
    silent = [state("FIRST_RUN"), made(*USUAL)._show(1), replace(made(*USUAL)._show(1), url=DATA.action)]
    outcome = result_of(play(set_up(INPUTS), script(*silent)))
    assert outcome.detail == "the page came again without saying why"
    assert outcome.url == DATA.action


@pytest.mark.parametrize("status", [200, 401, 403])
def test_a_refusal_proves_as_well_that_rest_serves(status: int) -> None:
    outcome = result_of(play(set_up(INPUTS), script(state("RUNNING"), Response(status=status))))
    assert outcome.verdict is SetupVerdict.COMPLETE


def test_the_license_page_may_want_to_know_the_kind_of_setup() -> None:
    shown = page('<form><input name="confLicenseString"><input name="setupTypeCustom" type="submit"></form>')
    played = play(set_up(INPUTS), script(state("FIRST_RUN"), shown, page("", status=500)))
    assert (played.posts()[0].form or {})["setupTypeCustom"] == "custom"
