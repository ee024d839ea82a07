from typing import Any

import pytest

from telamon.errors import ProductError
from telamon.model.products import ProductSpec
from telamon.model.profile import Profile
from telamon.products.base import (
    HealthMatch,
    IndexKeeper,
    IndexReport,
    JoinedValue,
    Response,
    Route,
    SecretValue,
)
from telamon.products.custom.product import Custom
from telamon.products.registry import products_of, registry, with_custom
from telamon.state.phase import Phase
from tests.support.contexts import context, spec
from tests.support.flows import SILENCE, json_answer, page, play, script


def profile(**fields: Any) -> Profile:
    """A profile of an application, its keys as a file writes them."""
    usual = {"command": ["serve"], "ports": {"http": 8000}, "status": {"path": "/ready"}}
    return Profile.model_validate({**usual, **fields})


def test_every_placeholder_is_filled_in() -> None:
    wiki = Custom(
        "wiki",
        profile(
            command=["serve", "--listen", "${address}:${port.http}"],
            ports={"http": 8000, "cluster": 7000},
            homes={"shared": True},
            database="postgresql",
            secrets=["signing"],
            environment={
                "NODE": "${node.name}/${node.ordinal}",
                "HOMES": "${home.local}:${home.shared}",
                "PEERS": "${peers}",
                "URL": "${front.url}",
                "DATABASE": "${database.url}",
                "PARTS": "${database.host}:${database.port}/${database.name} ${database.user}",
                "KEY": "${secret.signing}",
                "LITERAL": "$${address} $5",
                "EMPTY": "",
            },
        ),
    )
    signing = SecretValue("acme-wiki-signing", "secret")
    node = context(wiki, 1, nodes=3, secrets={"signing": signing})
    assert wiki.command(node) == ("serve", "--listen", "127.7.0.2:8000")
    assert wiki.environment(node) == {
        "NODE": "wiki-1/1",
        "HOMES": "/state/homes/wiki-1:/state/shared/wiki",
        "PEERS": "127.7.0.1:7000,127.7.0.3:7000",
        "URL": "https://wiki.acme.example",
        "DATABASE": JoinedValue(
            ("postgresql://app:", SecretValue("acme-database", "password"), "@127.7.9.1:5432/app")
        ),
        "PARTS": "127.7.9.1:5432/app app",
        "KEY": signing,
        "LITERAL": "${address} $5",
        "EMPTY": "",
    }


def test_the_stack_file_wins_over_the_profile() -> None:
    wiki = Custom("wiki", profile(environment={"A": "1", "B": "1"}))
    assert wiki.environment(context(wiki, spec=spec(env={"B": "2"}))) == {"A": "1", "B": "2"}


@pytest.mark.parametrize(
    "text",
    [
        "${nothing}",
        "${port.ftp}",
        "${node.age}",
        "${home.shared}",
        "${database.url}",
        "${secret.x}",
        "${address.x}",
    ],
)
def test_an_unknown_placeholder_is_named(text: str) -> None:
    wiki = Custom("wiki", profile(environment={"A": text}))
    with pytest.raises(ProductError, match="unknown placeholder"):
        wiki.environment(context(wiki))


def test_no_secret_goes_into_a_command_line() -> None:
    wiki = Custom("wiki", profile(command=["serve", "--db=${database.url}"], database="postgresql"))
    with pytest.raises(ProductError, match="command lines can be read by everybody"):
        wiki.command(context(wiki))


CODE = {"path": "/ready", "reader": {"kind": "code", "states": {"RUNNING": [200, 204], "MAINTENANCE": [503]}}}
JSON = {
    "path": "/ready",
    "reader": {
        "kind": "json",
        "field": "status.ok",
        "states": {"RUNNING": ["true", "up"], "ERROR": ["false"], "STARTING": ["3"]},
    },
}
TEXT = {
    "path": "/ready",
    "reader": {"kind": "text", "states": {"RUNNING": ["ready"], "ERROR": ["not ready"]}},
    "otherwise": "MAINTENANCE",
}


@pytest.mark.parametrize(
    ("status", "answer", "phase"),
    [
        (CODE, page(""), Phase.RUNNING),
        (CODE, page("", status=204), Phase.RUNNING),
        (CODE, page("", status=503), Phase.MAINTENANCE),
        (CODE, page("", status=404), Phase.STARTING),
        (CODE, SILENCE, Phase.UNREACHABLE),
        (JSON, json_answer({"status": {"ok": True}}), Phase.RUNNING),
        (JSON, json_answer({"status": {"ok": "up"}}, 503), Phase.RUNNING),
        (JSON, json_answer({"status": {"ok": False}}), Phase.ERROR),
        (JSON, json_answer({"status": {"ok": 3}}), Phase.STARTING),
        (JSON, json_answer({"status": "ok"}), Phase.STARTING),
        (JSON, page("<h1>"), Phase.STARTING),
        (TEXT, page("I am ready."), Phase.RUNNING),
        (TEXT, page("I am not ready."), Phase.ERROR),
        (TEXT, page("?"), Phase.MAINTENANCE),
    ],
)
def test_the_status_page_is_read_as_the_profile_says(
    status: dict[str, Any], answer: Response, phase: Phase
) -> None:
    assert Custom("wiki", profile(status=status)).read_status(answer) is phase


@pytest.mark.parametrize(
    ("status", "match"),
    [
        ({"path": "/ready"}, HealthMatch("/ready", "")),
        (CODE, HealthMatch("/ready", "", (200, 204))),
        (JSON, HealthMatch("/ready", "")),
        (TEXT, HealthMatch("/ready", "ready")),
    ],
)
def test_a_balancer_is_given_what_it_can_match(status: dict[str, Any], match: HealthMatch) -> None:
    assert Custom("wiki", profile(status=status)).health == match


def test_the_edge_is_as_described() -> None:
    described = profile(
        ports={"http": 8000, "ssh": 2222, "cluster": 7000},
        stickyCookie="at",
        websockets=["/live"],
        tcp=[{"name": "ssh", "port": "ssh", "listen": 22, "expect": "SSH-2.0"}],
        homes={"index": "search"},
        maxNodes=3,
        startTimeout="90s",
        stopGrace="7s",
        title="Wiki of Acme",
    )
    wiki = Custom("wiki", described)
    assert wiki.routes == (Route("/", sticky_cookie="at"), Route("/live", websocket=True, sticky_cookie="at"))
    assert {port.name for port in wiki.ports if port.public} == {"http", "ssh"}
    assert [(route.name, route.front_port, route.expect) for route in wiki.tcp_routes] == [
        ("ssh", 22, "SSH-2.0")
    ]
    assert (wiki.title, wiki.max_nodes, wiki.start_timeout, wiki.stop_grace) == ("Wiki of Acme", 3, 90.0, 7.0)
    assert wiki.index is IndexKeeper.NODE
    report = play(wiki.index_report(), script()).result
    assert report == IndexReport(
        readable=True, behind=None, detail="the application tells nothing of its index"
    )


def test_it_asks_for_nothing_that_it_was_not_told_of() -> None:
    wiki = Custom("wiki", profile())
    told = (wiki.has_setup, wiki.has_account, wiki.clustered, wiki.needs_database, wiki.shares_home)
    assert not any(told)
    assert play(wiki.membership(), script()).result is None
    assert play(wiki.index_report(), script()).result is None
    assert play(wiki.health_checks(), script()).result == ()


def test_the_registry_is_made_anew() -> None:
    assert list(registry()) == ["jira", "confluence", "bitbucket"]
    assert registry()["jira"] is not registry()["jira"]
    assert all(name == product.name for name, product in registry().items())
    assert isinstance(with_custom("wiki", profile())["wiki"], Custom)


def test_any_other_name_with_a_profile_is_a_product() -> None:
    described = ProductSpec.model_validate({"profile": profile().model_dump(by_alias=True)})
    found = products_of({"jira": spec(), "wiki": described})
    assert found["jira"].title == "Jira"
    assert isinstance(found["wiki"], Custom)
    with pytest.raises(ProductError, match='"wiki" is no product'):
        products_of({"wiki": spec()})
