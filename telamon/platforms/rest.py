"""Perform what a product's flow asks for: the only place where a product hears from the engine.

Requests go to one node, never through the front door, and say that they came through it: Confluence takes its base URL
from the host of the request. A flow has one cookie jar and no kept-alive connection, so that a connection that the
node has closed meanwhile is never mistaken for a request that got lost.

What was sent, and to whom, is never logged: bodies and queries hold passwords, and answers hold tokens. For that reason
the bare transport is used; the client around it logs every URL.
"""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast
from urllib.parse import urlencode, urljoin, urlsplit

import httpx

from telamon.errors import Interrupted, NotReadyError, ProductError
from telamon.products.base import (
    Endpoint,
    Flow,
    FormValue,
    FrontAddress,
    Identity,
    Note,
    Pause,
    Request,
    Response,
    UsernameOf,
)

T = TypeVar("T")

LARGEST_BODY = 1 << 20
"""Bytes of an answer that are read; the rest is left."""
LONGEST_NAP = 0.25
"""Seconds after which a pause looks whether it is given up."""
MOST_REDIRECTS = 10
"""The longest chain seen, on Confluence's set-up pages."""


@dataclass(frozen=True)
class Password:
    """Log in by user name and password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Token:
    """Log in by a token."""

    token: str = field(repr=False)


Credential = Password | Token


def perform(
    flow: Flow[T],
    *,
    endpoint: Endpoint,
    front: FrontAddress,
    credentials: Mapping[Identity, Credential],
    on_note: Callable[[str], None],
    cancelled: Callable[[], bool],
    authority: str | None = None,
    name: str = "",
) -> T:
    """Run a flow against one node to its end.

    Args:
        flow: what to do; it is closed whatever happens.
        endpoint: where the node listens for HTTP.
        front: the address that users type; its context path is the node's too.
        credentials: how to log in as whom.
        on_note: keeps a note; it returns before the next request leaves.
        cancelled: whether to give up; asked before every request, and during pauses.
        authority: whom to trust (PEM), where the endpoint speaks TLS: a front door, or a node that shows a certificate.
        name: that the certificate must name, where it is not the endpoint's host.

    Returns:
        What the flow returns.

    Raises:
        Interrupted: it was given up.
        NotReadyError: there is no credential for an identity that the flow asks for.
        TelamonError: whatever the flow raises.
    """
    limits = httpx.Limits(max_keepalive_connections=0)
    context = _no_tls() if authority is None else ssl.create_default_context(cadata=authority)
    with httpx.HTTPTransport(verify=context, limits=limits, trust_env=False) as transport:
        scheme = "http" if authority is None else "https"
        caller = _Caller(_Wire(transport, endpoint, front=front, scheme=scheme, name=name), credentials)
        answer: Response | None = None
        try:
            while True:
                asked = flow.send(answer)
                if isinstance(asked, Note):
                    on_note(asked.text)
                    answer = None
                    continue
                if isinstance(asked, Pause):
                    _wait(asked, cancelled)
                    answer = None
                    continue
                if cancelled():
                    raise Interrupted(f"given up before {asked.method} {asked.path}")
                answer = caller.answer(asked)
        except StopIteration as end:
            return cast("T", end.value)
        finally:
            flow.close()


def _wait(pause: Pause, cancelled: Callable[[], bool]) -> None:
    end = time.monotonic() + pause.seconds
    while (left := end - time.monotonic()) > 0 and not cancelled():
        time.sleep(min(left, LONGEST_NAP))


class _Caller:
    """Makes the requests of one flow: log-in, cookies, redirects."""

    def __init__(self, wire: _Wire, credentials: Mapping[Identity, Credential]) -> None:
        self._wire = wire
        self._credentials = credentials
        self._cookies: dict[str, str] = {}

    def answer(self, request: Request) -> Response:
        """Make a request, following redirects as GET where it says so."""
        headers = {**self._login(request.identity), **request.headers}
        content = b""
        if request.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            content = urlencode({name: self._plain(value) for name, value in request.form.items()}).encode()
        elif request.json is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(request.json).encode()
        query = f"?{urlencode(request.query)}" if request.query else ""
        call = _Call(
            request.method, request.path + query, headers=headers, content=content, timeout=request.timeout
        )
        response = self._send(call)
        for _ in range(MOST_REDIRECTS if request.redirect else 0):
            target = self._wire.redirected(response)
            if target is None:
                break
            login = self._login(request.identity)
            response = self._send(_Call("GET", target, headers=login, timeout=request.timeout))
        return response

    def _send(self, call: _Call) -> Response:
        if self._cookies:
            cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
            call = replace(call, headers={**call.headers, "Cookie": cookies})
        answer = self._wire.send(call)
        for line in answer.cookies:
            _keep(self._cookies, line)
        return replace(answer.response, cookies=dict(self._cookies))

    def _credential(self, identity: Identity) -> Credential:
        credential = self._credentials.get(identity)
        if credential is None:
            raise NotReadyError(f"there is no credential for the {identity.value} yet")
        return credential

    def _login(self, identity: Identity) -> Mapping[str, str]:
        if identity is Identity.ANONYMOUS:
            return {}
        match self._credential(identity):
            case Token(token):
                return {"Authorization": f"Bearer {token}"}
            case Password(username, password):
                encoded = base64.b64encode(f"{username}:{password}".encode()).decode()
                return {"Authorization": f"Basic {encoded}"}

    def _plain(self, value: FormValue) -> str:
        if isinstance(value, str):
            return value
        credential = self._credential(value.identity)
        if isinstance(credential, Token):
            raise ProductError(
                f"the product asks for the password of the {value.identity.value}, and a token is given"
            )
        return credential.username if isinstance(value, UsernameOf) else credential.password


@dataclass(frozen=True)
class _Call:
    """One request as it goes over the wire; ``target`` is path and query below the context path."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)
    timeout: float = 5.0
    largest: int = LARGEST_BODY


@dataclass(frozen=True)
class _Answer:
    """What came over the wire. ``dropped``: the connection ended before an answer came, which a kept one may do."""

    response: Response
    cookies: tuple[str, ...] = ()
    dropped: bool = False


class _Wire:
    """The way to one node."""

    def __init__(
        self,
        transport: httpx.HTTPTransport,
        endpoint: Endpoint,
        *,
        front: FrontAddress,
        scheme: str = "http",
        name: str = "",
    ) -> None:
        self._transport = transport
        self._named = {"sni_hostname": name} if name else {}
        self._scheme = scheme
        self._endpoint = endpoint
        self._front = front

    def send(self, call: _Call) -> _Answer:
        """Send one request; an answer with status 0 says why there is none."""
        try:
            return self._exchange(call)
        except (httpx.ConnectTimeout, httpx.PoolTimeout):
            return _none(call, f"no connection within {call.timeout:g} s", sent=False)
        except httpx.ConnectError as error:
            untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
            why = "its certificate is not trusted" if untrusted else "the connection was refused"
            return _none(call, why, sent=False)
        except httpx.TimeoutException:
            return _none(call, f"no answer within {call.timeout:g} s")
        except httpx.TransportError:
            return _none(call, "the connection broke off", dropped=True)
        except httpx.InvalidURL as error:
            raise ProductError(
                f"{call.method} to {self._endpoint}: the product leads to no valid path"
            ) from error

    def redirected(self, response: Response) -> str | None:
        """Where a redirect leads on this node, below the context path; ``None`` where it leads to no page of it."""
        location = response.headers.get("location", "")
        if response.status not in {301, 302, 303, 307, 308} or not location:
            return None
        try:
            there = urlsplit(urljoin(self._front.url + response.url, location))
        except ValueError:
            return None
        if there.netloc not in {self._front.authority, self._front.host, str(self._endpoint)}:
            return None
        path, context = there.path or "/", self._front.context_path
        if context and path != context and not path.startswith(f"{context}/"):
            return None
        below = path.removeprefix(context) or "/"
        return f"{below}?{there.query}" if there.query else below

    def _exchange(self, call: _Call) -> _Answer:
        ends = time.monotonic() + call.timeout
        limits = dict.fromkeys(("connect", "read", "write", "pool"), call.timeout)
        request = httpx.Request(
            call.method,
            f"{self._scheme}://{self._endpoint}{self._front.context_path}{call.target}",
            headers={**forwarded(self._front), **call.headers},
            content=call.content,
            extensions={"timeout": limits, **self._named},
        )
        raw = self._transport.handle_request(request)
        try:
            body = bytearray()
            for chunk in raw.iter_bytes():
                body += chunk
                if len(body) >= call.largest:
                    break
                if time.monotonic() > ends:
                    raise httpx.ReadTimeout("the body came too slowly", request=request)
        finally:
            raw.close()
        headers = {name.lower(): value for name, value in raw.headers.items()}
        text = bytes(body[: call.largest]).decode(_charset(raw), errors="replace")
        response = Response(status=raw.status_code, url=call.target, headers=headers, text=text)
        return _Answer(response, cookies=tuple(raw.headers.get_list("set-cookie")))


def forwarded(front: FrontAddress) -> Mapping[str, str]:
    """What a proxy in front of a node would say of the address that users type."""
    return {
        "Host": front.authority,
        "X-Forwarded-Host": front.authority,
        "X-Forwarded-Port": str(front.port),
        "X-Forwarded-Proto": front.scheme,
        "User-Agent": "telamon",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }


def _no_tls() -> ssl.SSLContext:
    """A context that trusts nobody: nodes speak plain HTTP, and reading every authority costs more than a request."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _none(call: _Call, error: str, *, sent: bool = True, dropped: bool = False) -> _Answer:
    return _Answer(Response(status=0, url=call.target, error=error, sent=sent), dropped=dropped)


def _charset(raw: httpx.Response) -> str:
    name = raw.charset_encoding or "utf-8"
    try:
        "".encode(name)
    except (LookupError, ValueError):
        return "utf-8"
    return name


def _keep(cookies: dict[str, str], line: str) -> None:
    """Put a ``Set-Cookie`` line into the jar, or take out what it ends.

    A cookie marked "secure" is kept all the same: it was meant for the front door, for which the request stands.
    """
    pair, *attributes = line.split(";")
    name, _, value = pair.strip().partition("=")
    ended = any(word.strip().lower() in {"max-age=0", "max-age=-1"} for word in attributes)
    if ended or not value:
        cookies.pop(name, None)
    elif name:
        cookies[name] = value
