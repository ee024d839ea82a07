"""What the REST flows of the products share: reading refusals, and saying what they mean.

Three refused log-ins raise a CAPTCHA that only a person at a browser can clear, so a flow that is refused once stops
at once and says so in a note; two refusals in a row and it does not try again by itself. Source: Atlassian KB,
"Configure CAPTCHA for failed log-ins"; the header names are those of Seraph, the products' security filter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from telamon.errors import ProductError, TemporaryError
from telamon.products.base import Exchange, Identity, Note, Request, Response, ask
from telamon.products.notes import LOGIN_REFUSED

NO_CHECK: Mapping[str, str] = {"X-Atlassian-Token": "no-check"}
"""Says that a script sends the request, not a page of another site. Source: Atlassian, "Form token handling"."""

BUSY_DELAY = 5.0
"""Seconds to leave a node alone that is too busy to answer."""

LOGIN_DELAY = 180.0
"""Seconds to wait after a refused log-in. Public reports say that Jira refuses basic log-ins for some minutes after
its set-up, though the password is right."""

PATIENCE = 30.0
"""Seconds for a request that changes something for good."""

_WORDS = 160


def patient(identity: Identity, request: Request) -> Exchange:
    """Make a request as :func:`as_` does, and give a node that is only just up the time that it needs.

    Raises:
        TemporaryError: see :func:`as_`.
        ProductError: see :func:`as_`.
    """
    return (yield from as_(identity, replace(request, timeout=PATIENCE)))


def as_(identity: Identity, request: Request) -> Exchange:
    """Make a request under an identity, and stop the flow where its log-in is refused.

    Args:
        identity: as whom.
        request: the request; its own identity is replaced.

    Raises:
        TemporaryError: no answer, 5xx, too many requests, or the log-in was refused.
        ProductError: a CAPTCHA stands before the account.
    """
    response = yield from ask(replace(request, identity=identity))
    return (yield from settle(request, response, identity=identity))


def settle(request: Request, response: Response, *, identity: Identity) -> Exchange:
    """Stop the flow where a response says that the node is busy, or that the log-in was refused.

    Args:
        request: what was asked.
        response: the answer to it.
        identity: as whom it was asked.

    Raises:
        TemporaryError: no answer, 5xx, too many requests, or the log-in was refused.
        ProductError: a CAPTCHA stands before the account.
    """
    if not response.answered:
        raise TemporaryError(f"{_what(request)}: {response.error or 'no answer'}", delay=BUSY_DELAY)
    if response.status >= 500 or response.status == 429:
        raise TemporaryError(f"{_what(request)} answered HTTP {response.status}", delay=BUSY_DELAY)
    if challenged(response):
        raise ProductError(
            f"{_what(request)}: the product asks the {identity.value} for a CAPTCHA",
            remedy="Log in once at the product's own login page as that account, then run `telamon retry`.",
        )
    if login_refused(response):
        yield Note(LOGIN_REFUSED + identity.value)
        raise TemporaryError(
            f"{_what(request)}: the log-in of the {identity.value} was refused",
            delay=LOGIN_DELAY,
            remedy="If its password was changed in the product, put the new one into the secret.",
        )
    return response


def login_refused(response: Response) -> bool:
    """Whether the product did not believe who asks, as against not letting that person do it."""
    if asks_web_sudo(response):
        return False
    reason = response.headers.get("x-seraph-loginreason", "")
    if "AUTHENTICATED_FAILED" in reason or "AUTHENTICATION_DENIED" in reason:
        return True
    return response.status == 401 and "OK" not in reason


def asks_web_sudo(response: Response) -> bool:
    """Whether the product wants the password confirmed before it lets an administrator do this.

    Source: Atlassian, "Configuring secure administrator sessions"; a REST call is told so with 401 or 403 and a
    sentence, a page is led to the form.
    """
    if 300 <= response.status < 400:
        return "websudo" in response.headers.get("location", "").lower()
    return response.status in {401, 403} and "websudo" in response.text.lower()


def challenged(response: Response) -> bool:
    """Whether a CAPTCHA stands before the account."""
    denied = response.headers.get("x-authentication-denied-reason", "")
    reason = response.headers.get("x-seraph-loginreason", "")
    return "CAPTCHA" in denied or "AUTHENTICATION_DENIED" in reason


def demand(request: Request, response: Response, *, allowed: frozenset[int] | None = None) -> Response:
    """The response, if its code is one of those allowed.

    Args:
        request: what was asked.
        response: the answer to it.
        allowed: codes; every 2xx where ``None``.

    Raises:
        ProductError: another code, with the product's own words.
    """
    fine = 200 <= response.status < 300 if allowed is None else response.status in allowed
    if fine:
        return response
    remedy = None
    if response.status in {401, 403}:
        remedy = "The account lacks the right to do this: check the groups and permissions that it has in the product."
    raise ProductError(f"{_what(request)} answered HTTP {response.status}{words_of(response)}", remedy=remedy)


GONE: Final = frozenset({200, 201, 202, 204, 404})
"""Answers to a request that takes something away: it is not there afterwards, whoever took it."""


def words_of(response: Response) -> str:
    """The product's own words about an error, cut short, after a colon; "" where it has none."""
    text = "; ".join(dict.fromkeys(_messages(response.document())))
    return f": {text[:_WORDS]}" if text else ""


def _messages(document: Mapping[str, Any]) -> Iterator[str]:
    """The texts of the three shapes in which the products report errors."""
    yield from (str(text) for text in _list(document.get("errorMessages")))
    errors = document.get("errors")
    if isinstance(errors, dict):
        yield from (str(text) for text in errors.values())
    yield from (str(error["message"]) for error in items(errors) if error.get("message"))
    if isinstance(document.get("message"), str) and document["message"]:
        yield document["message"]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def items(value: object) -> list[Mapping[str, Any]]:
    """The objects in a JSON list; none where it is no list."""
    return [item for item in _list(value) if isinstance(item, dict)]


def _what(request: Request) -> str:
    return f"{request.method} {request.path}"
