"""Who makes a request: as everywhere, and with an access token in place of a password.

Source: Bitbucket Data Center documentation, "HTTP access tokens": git clients use them as the password.
"""

from __future__ import annotations

import base64
import binascii

from starlette.requests import Request

from understudy.kit.logins import Identity, Logins

SESSION_COOKIE = "BITBUCKETSESSIONID"
REMEMBER_COOKIE = "_atl_bitbucket_remember_me"


class BitbucketLogins(Logins):
    """Finds out who makes a request."""

    def identify(self, request: Request) -> Identity:
        """Who makes this request; see :meth:`understudy.kit.logins.Logins.identify`."""
        if (token := _token_as_password(request)) is not None:
            user_name, raw = token
            principal = self.accounts.find_by_token(raw)
            if principal is not None and principal.name.lower() == user_name.lower():
                return Identity(principal)
        return super().identify(request)


def _token_as_password(request: Request) -> tuple[str, str] | None:
    """User name and password of basic authentication, if the password has the form of a token."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user_name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        number, separator, _ = base64.b64decode(password, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user_name, password) if separator and number.isdigit() else None
