from collections.abc import Iterable
from dataclasses import replace

import pytest

from telamon.errors import ProductError, TemporaryError
from telamon.products.base import AccountInputs, Identity, PasswordOf, Product, Request, Response
from telamon.products.notes import refused_logins
from telamon.products.registry import registry
from tests.support.flows import json_answer, page, play, script, table

ACCOUNT = AccountInputs("telamon", "battery staple", "telamon@acme.example", "Telamon")
JIRA, CONFLUENCE, BITBUCKET = (registry()[name] for name in ("jira", "confluence", "bitbucket"))
OK, MADE, GONE = json_answer({}), json_answer({}, 201), json_answer({}, 404)
PAT = "/rest/pat/latest/tokens"
FRESH = {
    "jira": {
        "GET /rest/api/2/user": GONE,
        "POST /rest/api/2/user": MADE,
        "POST /rest/api/2/group/user": MADE,
        f"GET {PAT}": json_answer([]),
        f"POST {PAT}": json_answer({"rawToken": "raw"}, 201),
        "GET /rest/api/2/cluster/nodes": OK,
    },
    "confluence": {
        "GET /rest/api/user": GONE,
        "POST /rest/api/admin/user": MADE,
        "GET /rest/api/user/memberof": json_answer({"results": [{"name": "confluence-users"}]}),
        "PUT /rest/api/user/telamon/group/confluence-administrators": json_answer(None, 204),
        f"GET {PAT}": json_answer([]),
        f"POST {PAT}": json_answer({"rawToken": "raw"}, 201),
        "GET /rest/zdu/cluster": OK,
    },
    "bitbucket": {
        "GET /rest/api/latest/users/telamon": GONE,
        "POST /rest/api/latest/admin/users": MADE,
        "PUT /rest/api/latest/admin/permissions/users": json_answer(None, 204),
        "GET /rest/access-tokens/latest/users/telamon": json_answer({"values": []}),
        "PUT /rest/access-tokens/latest/users/telamon": json_answer({"token": "raw"}),
        "GET /rest/zdu/cluster": OK,
    },
}
THERE = {
    "jira": {"GET /rest/api/2/user": json_answer({"groups": {"items": [{"name": "jira-administrators"}]}})},
    "confluence": {
        "GET /rest/api/user": OK,
        "GET /rest/api/user/memberof": json_answer({"results": [{"name": "confluence-administrators"}]}),
    },
    "bitbucket": {"GET /rest/api/latest/users/telamon": OK},
}
NAMES = sorted(FRESH)


def is_token(request: Request) -> bool:
    return "token" in request.path


@pytest.mark.parametrize("name", NAMES)
def test_the_account_is_made(name: str) -> None:
    played = play(registry()[name].make_service_account(ACCOUNT), table(FRESH[name]))
    assert (played.error, played.result) == (None, "raw")
    assert played.asked == list(FRESH[name])
    assert played.notes == []
    for request in played.requests[:-1]:
        assert request.identity is (Identity.SERVICE_ACCOUNT if is_token(request) else Identity.ADMINISTRATOR)
    assert played.requests[-1].headers == {"Authorization": "Bearer raw"}
    assert "battery staple" not in repr(played.events)


@pytest.mark.parametrize("name", NAMES)
def test_an_account_that_is_there_only_gets_a_token(name: str) -> None:
    played = play(registry()[name].make_service_account(ACCOUNT), table({**FRESH[name], **THERE[name]}))
    assert (played.error, played.result) == (None, "raw")
    changed = [request for request in played.posts() if not is_token(request)]
    # Giving a permission again is how it is made sure of; nothing else is repeated.
    assert [request.path for request in changed] == (
        ["/rest/api/latest/admin/permissions/users"] if name == "bitbucket" else []
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", [401, 403])
def test_a_token_with_too_few_rights_is_not_used(name: str, status: int) -> None:
    proof = list(FRESH[name])[-1]
    played = play(
        registry()[name].make_service_account(ACCOUNT), table({**FRESH[name], proof: json_answer({}, status)})
    )
    assert (played.error, played.result) == (None, None)


@pytest.mark.parametrize("name", NAMES)
def test_a_product_without_tokens_keeps_to_the_password(name: str) -> None:
    listing = next(key for key in FRESH[name] if key.startswith("GET") and "token" in key)
    played = play(registry()[name].make_service_account(ACCOUNT), table({**FRESH[name], listing: GONE}))
    assert (played.error, played.result) == (None, None)


@pytest.mark.parametrize("name", ["jira", "confluence"])
def test_old_tokens_are_revoked_but_the_newest(name: str) -> None:
    tokens = json_answer([{"id": n, "name": "telamon" if n != 3 else "mine"} for n in range(1, 7)])
    revoked = {f"DELETE {PAT}/{n}": json_answer(None, 204) for n in range(1, 7)}
    played = play(
        registry()[name].make_service_account(ACCOUNT),
        table({**FRESH[name], **revoked, f"GET {PAT}": tokens}),
    )
    assert played.result == "raw"
    assert [key for key in played.asked if key.startswith("DELETE")] == [
        f"DELETE {PAT}/{n}" for n in (1, 2, 4)
    ]


def test_bitbucket_is_asked_by_post_where_put_is_not_known() -> None:
    path = "/rest/access-tokens/latest/users/telamon"
    answers: dict[str, Response | Iterable[Response]] = {
        **FRESH["bitbucket"],
        f"PUT {path}": page("", status=405),
        f"POST {path}": json_answer({"token": "raw"}),
    }
    assert play(BITBUCKET.make_service_account(ACCOUNT), table(answers)).result == "raw"


@pytest.mark.parametrize("product", [JIRA, CONFLUENCE, BITBUCKET], ids=lambda product: product.name)
@pytest.mark.parametrize("reason", ["AUTHENTICATED_FAILED", None])
def test_a_refused_login_ends_the_pass_at_once(product: Product, reason: str | None) -> None:
    headers = {"x_seraph_loginreason": reason} if reason else {}
    played = play(product.make_service_account(ACCOUNT), script(json_answer({}, 401, **headers)))
    assert isinstance(played.error, TemporaryError)
    assert played.error.delay >= 60
    assert played.notes == ["login-refused:administrator"]
    assert len(played.requests) == 1


@pytest.mark.parametrize("product", [JIRA, CONFLUENCE, BITBUCKET], ids=lambda product: product.name)
def test_after_two_refusals_nobody_logs_in(product: Product) -> None:
    played = play(product.make_service_account(replace(ACCOUNT, refused_logins=2)), script())
    assert isinstance(played.error, ProductError)
    assert played.events == []


@pytest.mark.parametrize("name", NAMES)
def test_a_login_that_works_again_is_noted(name: str) -> None:
    played = play(
        registry()[name].make_service_account(replace(ACCOUNT, refused_logins=1)), table(FRESH[name])
    )
    assert played.notes == ["login-accepted"]
    assert (
        refused_logins([(0.0, "login-refused:administrator"), *((1.0, text) for text in played.notes)]) == 0
    )


def test_a_captcha_is_for_a_person() -> None:
    answer = Response(
        status=403, headers={"x-authentication-denied-reason": "CAPTCHA_CHALLENGE; login-url=/login"}
    )
    played = play(JIRA.make_service_account(ACCOUNT), script(answer))
    assert isinstance(played.error, ProductError)
    assert "CAPTCHA" in str(played.error)
    assert played.notes == []


def test_jira_confirms_the_password_in_a_session() -> None:
    wants = json_answer({"message": "This resource requires WebSudo."}, 401)
    form = page('<form><input type="hidden" name="atl_token" value="t"><input name="webSudoPassword"></form>')
    answers: dict[str, Response | Iterable[Response]] = {
        **FRESH["jira"],
        "POST /rest/api/2/user": [wants, MADE],
        "POST /login.jsp": page("", status=302),
        "GET /secure/admin/WebSudoAuthenticate!default.jspa": form,
        "POST /secure/admin/WebSudoAuthenticate.jspa": page("", status=302),
    }
    played = play(JIRA.make_service_account(ACCOUNT), table(answers))
    assert (played.error, played.result) == (None, "raw")
    confirmed = next(
        request for request in played.requests if request.path.endswith("WebSudoAuthenticate.jspa")
    )
    assert confirmed.form is not None
    assert confirmed.form["webSudoPassword"] == PasswordOf(Identity.ADMINISTRATOR)
    assert confirmed.form["atl_token"] == "t"
    repeated = [request for request in played.requests if request.path == "/rest/api/2/user"][-1]
    assert repeated.identity is Identity.ANONYMOUS


def test_confluence_confirms_the_password_in_a_session() -> None:
    wants = page("", status=302)
    wants = replace(wants, headers={"location": "/authenticate.action?websudo=1"})
    group = "PUT /rest/api/user/telamon/group/confluence-administrators"
    answers: dict[str, Response | Iterable[Response]] = {
        **FRESH["confluence"],
        group: [wants, json_answer(None, 204)],
        "POST /dologin.action": page("", status=302),
        "POST /doauthenticate.action": page("", status=302),
    }
    played = play(CONFLUENCE.make_service_account(ACCOUNT), table(answers))
    assert (played.error, played.result) == (None, "raw")


@pytest.mark.parametrize("name", NAMES)
def test_a_refusal_by_the_product_is_told_in_its_words(name: str) -> None:
    making = next(key for key in FRESH[name] if key.startswith("POST") and "user" in key)
    answer = json_answer({"errors": {"password": "too short"}}, 400)
    played = play(registry()[name].make_service_account(ACCOUNT), table({**FRESH[name], making: answer}))
    assert isinstance(played.error, ProductError)
    assert "too short" in str(played.error)
    assert "battery" not in str(played.error)


@pytest.mark.parametrize("name", NAMES)
def test_a_token_is_renewed_by_the_account_itself(name: str) -> None:
    played = play(registry()[name].renew_token(ACCOUNT), table(FRESH[name]))
    assert (played.error, played.result) == (None, "raw")
    assert {request.identity for request in played.requests[:-1]} == {Identity.SERVICE_ACCOUNT}
    assert all(is_token(request) for request in played.requests[:-1])
    assert played.requests[-1].headers == {"Authorization": "Bearer raw"}


@pytest.mark.parametrize("name", NAMES)
def test_a_renewal_stops_before_a_captcha(name: str) -> None:
    refused = json_answer({}, 401)
    once = play(registry()[name].renew_token(ACCOUNT), lambda _: refused)
    assert isinstance(once.error, TemporaryError)
    assert (len(once.requests), once.notes) == (1, ["login-refused:service-account"])
    warned = replace(ACCOUNT, refused_logins=2)
    never = play(registry()[name].renew_token(warned), lambda _: refused)
    assert isinstance(never.error, ProductError)
    assert never.requests == []


@pytest.mark.parametrize("name", NAMES)
def test_a_renewal_that_is_accepted_forgets_refusals(name: str) -> None:
    played = play(registry()[name].renew_token(replace(ACCOUNT, refused_logins=1)), table(FRESH[name]))
    assert played.notes == ["login-accepted"]
