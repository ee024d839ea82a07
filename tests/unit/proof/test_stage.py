"""A plan is made for a product as its users reach it: through the front door, below its context path."""

from __future__ import annotations

from pathlib import Path

import pytest

from telamon.errors import UsageError
from telamon.products.base import Flow, HealthMatch, Product, Request, Route
from telamon.products.flow import Identity, ask
from telamon.products.rest import demand
from telamon.products.traffic import Kind, Login, Sockets, Traffic, TrafficInputs, Writer
from telamon.proof.repository import Account
from telamon.proof.stage import Place, Script, dismiss, stage, target_of
from telamon.proof.workload import Target
from tests.unit.proof.server import served

LOGIN = Login(page="/login", fields={"user": "ali", "pass": "$TELAMON_LOAD_PASSWORD"})


class Notes(Product):
    """A product that keeps notes."""

    name = "notes"
    title = "Notes"
    ports = ()
    health = HealthMatch("/open", "")
    routes = (Route("/", sticky_cookie="pin"),)

    def enlist(self, writer: Writer) -> Flow[None]:
        request = Request("GET", f"/made/{writer.username}/open", identity=Identity.ADMINISTRATOR)
        demand(request, (yield from ask(request)))

    def dismiss(self, username: str) -> Flow[None]:
        request = Request("GET", f"/let-go/{username}/open", identity=Identity.ADMINISTRATOR)
        demand(request, (yield from ask(request)))

    def prepare_traffic(self, inputs: TrafficInputs) -> Flow[Traffic | None]:
        request = Request("GET", "/open", identity=Identity.SERVICE_ACCOUNT)
        demand(request, (yield from ask(request)))
        return Traffic(
            kinds=(Kind(name="read", path="/page"),),
            login=LOGIN,
            sockets=Sockets(companion="editor", path="/live", sticky_cookie="live"),
        )


class Silent(Notes):
    """A product of which nobody says what its users do."""

    def prepare_traffic(self, inputs: TrafficInputs) -> Flow[Traffic | None]:
        yield from ()
        return None


def place(
    port: int, *, product: Product | None = None, path: str = "", companions: frozenset[str] = frozenset()
) -> Place:
    target = Target(address="127.0.0.1", port=port, host=f"notes.localhost:{port}")
    url = f"http://{target.host}{path}"
    return Place(product or Notes(), url, target, Account("ali", "secret"), companions=companions)


SCRIPT = Script("trial", "TRIAL", rate=10.0, seconds=5.0, sessions=4)


def test_where_a_url_leads_on_this_machine() -> None:
    assert target_of("http://wiki.acme.localhost:8080/x") == Target(
        address="127.0.0.1", port=8080, host="wiki.acme.localhost:8080"
    )
    assert target_of("http://127.9.8.7").address == "127.9.8.7"


def test_a_plan_holds_no_password_and_asks_below_the_context_path() -> None:
    with served() as (application, port):
        staged = stage(place(port, path="/team"), SCRIPT)
    host = f"notes.localhost:{port}"
    made = [f"GET /team/made/trial-{number}/open {host}" for number in range(3)]
    assert application.seen == [*made, f"GET /team/open {host}"]
    plan = staged.plan
    assert plan.kinds[0].path == "/team/page"
    assert plan.login is not None
    assert plan.login.page == "/team/login"
    assert plan.sticky_cookie == "pin"
    assert plan.audit is not None
    (password,) = staged.secrets.values()
    assert set(staged.secrets) == {"TELAMON_LOAD_PASSWORD"}
    assert len(password) >= 24
    assert password not in plan.model_dump_json() + repr(staged)


def test_whoever_was_made_for_a_load_is_let_go() -> None:
    with served() as (application, port):
        here = place(port)
        staged = stage(here, SCRIPT)
        application.seen.clear()
        dismiss(here, staged.writers)
        gone = [f"GET /let-go/trial-{number}/open notes.localhost:{port}" for number in range(3)]
        assert application.seen == gone


def test_sockets_are_opened_only_where_somebody_answers_them() -> None:
    with served() as (_, port):
        assert stage(place(port), SCRIPT).plan.sockets is None
        sockets = stage(place(port, path="/team", companions=frozenset({"editor"})), SCRIPT).plan.sockets
    assert sockets is not None
    assert sockets.path == "/team/live"


def test_a_product_of_which_nobody_knows_anything_is_refused(tmp_path: Path) -> None:
    with served() as (_, port), pytest.raises(UsageError, match="nobody says what users of Notes do"):
        stage(place(port, product=Silent()), SCRIPT, folder=tmp_path)
