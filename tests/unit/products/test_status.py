import pytest
from hypothesis import given
from hypothesis import strategies as st

from telamon.products.base import Response
from telamon.products.registry import registry
from telamon.state.phase import Phase
from tests.support.flows import SILENCE, json_answer, state

PRODUCTS = sorted(registry())


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("phase", ["STARTING", "FIRST_RUN", "RUNNING", "STOPPING"])
def test_a_phase_is_read_from_the_body(name: str, phase: str) -> None:
    assert registry()[name].read_status(state(phase)) is Phase(phase)


@pytest.mark.parametrize(
    ("name", "response", "phase"),
    [
        ("jira", state("MAINTENANCE", 503), Phase.MAINTENANCE),
        ("jira", state("ERROR", 500), Phase.ERROR),
        ("jira", Response(status=503, text="<h1>Reindexing"), Phase.MAINTENANCE),
        ("jira", Response(status=500, text="<h1>Broken"), Phase.ERROR),
        ("confluence", state("ERROR", 500), Phase.ERROR),
        ("confluence", state("ERROR", 503), Phase.ERROR),
        ("confluence", state("STARTING", 503), Phase.STARTING),
        ("confluence", Response(status=500, text="<h1>Broken"), Phase.UNREACHABLE),
        ("bitbucket", state("STARTING", 503), Phase.STARTING),
        ("bitbucket", state("MAINTENANCE", 200), Phase.MAINTENANCE),
        ("bitbucket", state("ERROR", 503), Phase.ERROR),
        ("bitbucket", Response(status=503, text=""), Phase.STARTING),
    ],
)
def test_codes_are_those_of_the_product(name: str, response: Response, phase: Phase) -> None:
    assert registry()[name].read_status(response) is phase


@pytest.mark.parametrize("name", PRODUCTS)
def test_running_needs_the_code_and_the_word(name: str) -> None:
    read = registry()[name].read_status
    assert read(Response(status=200, text="RUNNING")) is not Phase.RUNNING
    assert read(state("RUNNING", 503)) is not Phase.RUNNING
    assert read(json_answer(["RUNNING"])) is not Phase.RUNNING
    assert read(SILENCE) is Phase.UNREACHABLE


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_state_with_an_unknown_name_is_left_alone(name: str) -> None:
    assert registry()[name].read_status(state("PAUSED")) is Phase.MAINTENANCE


@pytest.mark.parametrize("name", PRODUCTS)
@given(
    status=st.integers(0, 599),
    text=st.text(max_size=60) | st.sampled_from(['{"state": 1}', "[", '{"state":""}']),
)
def test_no_answer_is_too_strange(name: str, status: int, text: str) -> None:
    product = registry()[name]
    assert product.read_status(Response(status=status, text=text)) in Phase
    for companion in product.companions.values():
        assert companion.read_status(Response(status=status, text=text)) in Phase
