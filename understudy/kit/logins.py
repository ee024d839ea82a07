"""Who makes a request: bearer token, basic authentication, session cookie or remember-me cookie.

Headers of a refused login are those of Seraph, the products' security filter: ``X-Seraph-LoginReason``
and, once a challenge stands, ``X-Authentication-Denied-Reason: CAPTCHA_CHALLENGE`` with 403. Source:
Atlassian REST API examples, "Basic authentication", section on CAPTCHA.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from understudy.kit.accounts import Accounts, Principal
from understudy.kit.errors import DatabaseUnavailable, Forbidden, LoginRequired
from understudy.kit.sessions import Session, Sessions


@dataclass(frozen=True)
class LoginRules:
    """Names and lengths that differ by product; lengths in seconds.

    ``cookie_path`` is the context path, or ``/``.
    """

    session_cookie: str
    remember_cookie: str
    remember_seconds: float
    cookie_path: str
    secure_cookies: bool
    login_path: str


@dataclass(frozen=True)
class Identity:
    """Who makes a request and how that is known.

    ``session`` is the session of the browser, if it has one on this node; ``fresh`` says that its
    cookie still has to be set; ``by_cookie`` that a browser sent the proof by itself, which is what
    makes a check against cross-site requests necessary.
    """

    principal: Principal | None
    session: Session | None = None
    fresh: bool = False
    by_cookie: bool = False


class Logins:
    """Finds out who makes a request, and starts and ends sessions.

    Args:
        accounts: the people.
        sessions: of this node.
        rules: cookie names and lengths.
    """

    def __init__(self, accounts: Accounts, sessions: Sessions, rules: LoginRules) -> None:
        self.accounts = accounts
        self.sessions = sessions
        self.rules = rules
        self._recent = _RecentIdentities()

    def identify(self, request: Request) -> Identity:
        """Who makes this request.

        While the database cannot be reached, somebody who was known lately still is, as with the
        products, whose directory is cached: an administrator can then still read the health checks.

        Raises:
            DatabaseUnavailable: the database cannot be reached and nobody is remembered.
            LoginRequired: credentials were sent and are wrong.
            Forbidden: a challenge must be solved in a browser first.
        """
        try:
            identity = self._ask(request)
        except DatabaseUnavailable:
            return self._recent.recall(self._proof(request))
        if identity.principal is not None:
            self._recent.keep(self._proof(request), identity)
        return identity

    def _ask(self, request: Request) -> Identity:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._by_token(value.strip())
        if scheme.lower() == "basic":
            return self._by_password(value.strip())
        return self._by_cookie(request)

    def begin(self, principal: Principal | None) -> Session:
        """Begin a session for somebody, or for nobody yet."""
        return self.sessions.begin(None if principal is None else principal.name)

    def set_session_cookie(self, response: Response, session: Session) -> None:
        """Give the browser the id of its session."""
        response.set_cookie(
            self.rules.session_cookie,
            session.session_id,
            path=self.rules.cookie_path,
            secure=self.rules.secure_cookies,
            httponly=True,
            samesite="lax",
        )

    def set_remember_cookie(self, response: Response, principal: Principal) -> None:
        """Make a remember-me token and give it to the browser."""
        response.set_cookie(
            self.rules.remember_cookie,
            self.accounts.remember(principal.name).replace(":", "%3A"),
            max_age=int(self.rules.remember_seconds),
            path=self.rules.cookie_path,
            secure=self.rules.secure_cookies,
            httponly=True,
            samesite="lax",
        )

    def log_out(self, request: Request, response: Response) -> None:
        """End the session and the remember-me token of a browser."""
        self.sessions.end(request.cookies.get(self.rules.session_cookie, ""))
        if remembered := request.cookies.get(self.rules.remember_cookie):
            self.accounts.forget_remember_me(_unquote(remembered))
        for name in (self.rules.session_cookie, self.rules.remember_cookie):
            response.delete_cookie(name, path=self.rules.cookie_path)

    def _proof(self, request: Request) -> str:
        cookie = request.cookies.get(self.rules.session_cookie, "")
        return f"{request.headers.get('authorization', '')} {cookie}"

    def _by_token(self, raw: str) -> Identity:
        principal = self.accounts.find_by_token(raw)
        if principal is None:
            raise LoginRequired("The access token is not valid.", headers=_reason("AUTHENTICATED_FAILED"))
        return Identity(principal)

    def _by_password(self, encoded: str) -> Identity:
        try:
            user_name, separator, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise LoginRequired("The authorization header is not valid.") from error
        checked = self.accounts.check_password(user_name, password) if separator else None
        if checked is not None and checked.principal is not None:
            return Identity(checked.principal)
        if checked is not None and checked.challenged:
            headers = _reason("AUTHENTICATION_DENIED")
            headers["X-Authentication-Denied-Reason"] = (
                f"CAPTCHA_CHALLENGE; login-url={self.rules.login_path}"
            )
            raise Forbidden("A challenge must be solved at the login page first.", headers=headers)
        headers = _reason("AUTHENTICATED_FAILED") | {"WWW-Authenticate": 'Basic realm="protected-area"'}
        raise LoginRequired("Wrong user name or password.", headers=headers)

    def _by_cookie(self, request: Request) -> Identity:
        session = self.sessions.find(request.cookies.get(self.rules.session_cookie, ""))
        if session is not None and session.user_name is not None:
            principal = self.accounts.recall(session.user_name)
            if principal is not None and principal.active:
                return Identity(principal, session, by_cookie=True)
            self.sessions.end(session.session_id)
            session = None
        if remembered := request.cookies.get(self.rules.remember_cookie):
            principal = self.accounts.find_by_remember_me(
                _unquote(remembered), seconds=self.rules.remember_seconds
            )
            if principal is not None:
                return Identity(principal, self.begin(principal), fresh=True, by_cookie=True)
        return Identity(None, session)


class _RecentIdentities:
    """Who was known lately, by a keyed fingerprint of what they sent."""

    def __init__(self, maximum: int = 1000) -> None:
        self._key = secrets.token_bytes(32)
        self._maximum = maximum
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, Identity] = OrderedDict()

    def keep(self, proof: str, identity: Identity) -> None:
        with self._lock:
            self._known[self._fingerprint(proof)] = replace(identity, fresh=False)
            while len(self._known) > self._maximum:
                self._known.popitem(last=False)

    def recall(self, proof: str) -> Identity:
        with self._lock:
            identity = self._known.get(self._fingerprint(proof))
        if identity is None:
            raise DatabaseUnavailable("nobody can be identified without the database")
        return identity

    def _fingerprint(self, proof: str) -> bytes:
        return hmac.digest(self._key, proof.encode(), "sha256")


def _reason(word: str) -> dict[str, str]:
    return {"X-Seraph-LoginReason": word}


def _unquote(cookie: str) -> str:
    return cookie.replace("%3A", ":").replace("%3a", ":")
