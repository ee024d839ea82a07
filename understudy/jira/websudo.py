"""Web sudo: an administrator gives the password once more before administration.

It guards administration by session. Under basic login and access tokens it does not, unless the variant
``websudo-basic`` says so: public sources do not settle which REST calls need it on current releases.
Switched off by ``-Djira.websudo.is.disabled=true``. Source: Atlassian "Configuring secure administrator
sessions"; JRASERVER-73595 for the base URL.
"""

from __future__ import annotations

import time

from understudy.jira.services import Services
from understudy.kit.errors import HttpProblem
from understudy.kit.web import Call

_SUDO_SECONDS = 600.0
_DISABLED = "jira.websudo.is.disabled"


def has_web_sudo(call: Call, services: Services) -> bool:
    """Whether the caller needs no password now."""
    if services.settings.java_flag(_DISABLED, False):
        return True
    session = call.identity.session
    if session is None or not call.identity.by_cookie:
        return not services.settings.has("websudo-basic")
    return session.sudo_until > time.monotonic()


def require_web_sudo(call: Call, services: Services) -> None:
    """Refuse a REST call that needs web sudo.

    Raises:
        HttpProblem: 401, with the sentence the product gives.
    """
    if not has_web_sudo(call, services):
        raise HttpProblem("This resource requires WebSudo.", status=401)


def grant_web_sudo(call: Call) -> None:
    """The password was right: ten minutes of administration."""
    if call.identity.session is not None:
        call.identity.session.sudo_until = time.monotonic() + _SUDO_SECONDS
