from telamon.products.base import Response, SetupVerdict
from telamon.products.bitbucket.lifecycle import set_up
from tests.support.flows import SILENCE, page, play, result_of, script, state

SETUP = page(
    '<title>Administrator account setup</title><form action="/setup"><input name="username"></form>',
    url="/setup",
)


def test_it_has_set_itself_up() -> None:
    played = play(set_up(), script(state("RUNNING"), page("{}")))
    assert result_of(played).verdict is SetupVerdict.COMPLETE
    assert played.posts() == []


def test_a_page_that_asks_names_what_is_missing() -> None:
    played = play(set_up(), script(state("FIRST_RUN"), SETUP))
    outcome = result_of(played)
    assert (outcome.verdict, outcome.step, outcome.url) == (
        SetupVerdict.UNKNOWN_FORM,
        "setup",
        "/setup",
    )
    assert "username" in outcome.detail
    assert "SETUP_SYSADMIN" in outcome.detail
    assert played.posts() == []


def test_it_is_waited_for() -> None:
    waits: tuple[tuple[Response, ...], ...] = (
        (state("STARTING", 503),),
        (SILENCE,),
        (state("FIRST_RUN"), page("<title>Starting</title>")),
        (state("FIRST_RUN"), SILENCE),
        (state("RUNNING"), SILENCE),
    )
    for answers in waits:
        assert result_of(play(set_up(), script(*answers))).verdict is SetupVerdict.WAITING
