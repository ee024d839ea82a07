"""What the products share in making the account that the engine acts as.

The first administrator's password is used here and nowhere else. A pass stops at the first refused log-in, and after
two refused passes in a row it does not try at all: the third refusal would raise a CAPTCHA.
"""

from __future__ import annotations

from collections.abc import Callable

from telamon.errors import ProductError
from telamon.products.base import (
    AccountInputs,
    Exchange,
    Flow,
    FormValue,
    Identity,
    Note,
    PasswordOf,
    Request,
    UsernameOf,
    ask,
)
from telamon.products.notes import LOGIN_ACCEPTED
from telamon.products.rest import NO_CHECK, PATIENCE, asks_web_sudo, demand, patient

_MOST_REFUSALS = 2
_NOT_ALLOWED = frozenset({401, 403})


def refuse_more_logins(account: AccountInputs) -> None:
    """Stop before a third refused log-in.

    Raises:
        ProductError: two log-ins in a row were refused.
    """
    if account.refused_logins >= _MOST_REFUSALS:
        raise ProductError(
            f"{account.refused_logins} log-ins in a row were refused; one more would raise a CAPTCHA",
            remedy="Check the passwords of the administrator and of the service account in their secrets, log in once "
            "by hand as the administrator, then run `telamon retry`.",
        )


def renew(account: AccountInputs, making: Flow[str | None], *, proof: str) -> Flow[str | None]:
    """Make the account another token, with the account's own password and nothing of the administrator's.

    Args:
        account: the account, with the refusals of earlier passes.
        making: the product's way to make a token.
        proof: as for :func:`finish`.

    Raises:
        ProductError: two log-ins in a row were refused.
        TemporaryError: a log-in was refused, or the node is busy.
    """
    refuse_more_logins(account)
    token = yield from making
    return (yield from finish(account, token, proof=proof))


def administrate(request: Request, web_sudo: Callable[[], Flow[None]]) -> Exchange:
    """Make a request as the first administrator, confirming the password where the product asks for it.

    Which calls ask is not told for every release, so the request goes out first. The confirmation belongs to a session,
    so the request is repeated with the session's cookies alone.

    Args:
        request: what to ask.
        web_sudo: the product's way to begin a session and to confirm the password in it.
    """
    response = yield from patient(Identity.ADMINISTRATOR, request)
    if not asks_web_sudo(response):
        return response
    yield from web_sudo()
    return (yield from patient(Identity.ANONYMOUS, request))


def log_in(page: str) -> Flow[None]:
    """Begin a session of the first administrator; the cookies of this flow carry it.

    Args:
        page: path that the log-in form of the product is sent to. The names of its fields are the same in Jira and
            Confluence. Source: Atlassian's public performance toolkit, which sends both forms.

    Raises:
        TemporaryError: the log-in was refused, or the node is busy.
    """
    body: dict[str, FormValue] = {
        "os_username": UsernameOf(Identity.ADMINISTRATOR),
        "os_password": PasswordOf(Identity.ADMINISTRATOR),
    }
    entering = Request("POST", page, headers=NO_CHECK, form=body)
    demand(entering, (yield from patient(Identity.ANONYMOUS, entering)), allowed=frozenset({200, 302}))


def finish(account: AccountInputs, token: str | None, *, proof: str) -> Flow[str | None]:
    """Try the token on what the engine will ask with it, and note that the log-ins went well.

    Args:
        account: the account, with the refusals of earlier passes.
        token: the token just made, if any.
        proof: path that only an administrator may ask.

    Returns:
        The token; ``None`` where there is none or it carries too few rights, so that the engine keeps to the password.
    """
    if account.refused_logins:
        yield Note(LOGIN_ACCEPTED)
    if token is None:
        return None
    login = {"Authorization": f"Bearer {token}"}
    tried = yield from ask(Request("GET", proof, headers=login, timeout=PATIENCE))
    return None if tried.status in _NOT_ALLOWED else token
