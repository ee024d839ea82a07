"""Git over HTTP: the smart protocol at ``/scm/<project>/<repository>.git``.

Source: git's gitprotocol-http(5) and git-http-backend(1); paths: Bitbucket Data Center documentation, "Clone a
repository". Bodies are streamed both ways, so that their size costs no memory.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from understudy.bitbucket.errors import GitBusy
from understudy.bitbucket.hosting import Exchange, Hosting, Service
from understudy.bitbucket.pktline import MalformedPacket, packet
from understudy.kit.errors import BadRequest, DatabaseUnavailable, HttpProblem
from understudy.kit.logins import Identity, Logins
from understudy.kit.web import Site

_LOG = logging.getLogger("understudy.http_git")
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Git repositories"'}
_NO_CACHE = {"Cache-Control": "no-cache, max-age=0, must-revalidate", "Pragma": "no-cache"}

Gate = Callable[[Request], Response | None]


class HttpGit:
    """The endpoints.

    Args:
        hosting: runs fetches and pushes.
        logins: finds out who asks.
        gate: answers in place of the endpoint while the node cannot serve.
    """

    def __init__(self, hosting: Hosting, logins: Logins, *, gate: Gate) -> None:
        self._hosting = hosting
        self._logins = logins
        self._gate = gate

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        base = "/scm/{project}/{slug}"
        site.raw(base + "/info/refs", self.advertise)
        for service in Service:
            site.raw(f"{base}/{service}", self.exchange, methods=("POST",))

    async def advertise(self, request: Request) -> Response:
        """``GET .../info/refs?service=...``: what there is."""
        service = request.query_params.get("service", "")
        if service not in set(Service):
            return _plain(HttpProblem("This server speaks the smart protocol only.", status=403))
        opened = await self._open(request, Service(service))
        if isinstance(opened, Response):
            return opened
        exchange, _ = opened
        try:
            refs = await self._hosting.advertise(exchange)
        except GitBusy as error:
            return _plain(HttpProblem(str(error), status=503))
        intro = (
            b"" if "version=2" in exchange.protocol else packet(f"# service={service}\n".encode()) + b"0000"
        )
        return Response(intro + refs, media_type=f"application/x-{service}-advertisement", headers=_NO_CACHE)

    async def exchange(self, request: Request) -> Response:
        """``POST .../git-upload-pack`` and ``.../git-receive-pack``: the work itself."""
        service = Service(request.url.path.rpartition("/")[2])
        opened = await self._open(request, service)
        if isinstance(opened, Response):
            return opened
        exchange, identity = opened
        user = "" if identity.principal is None else identity.principal.name
        return _GitResponse(self._hosting, exchange, user=user)

    async def _open(self, request: Request, service: Service) -> tuple[Exchange, Identity] | Response:
        if (closed := self._gate(request)) is not None:
            return closed
        try:
            return await run_in_threadpool(self._check, request, service)
        except HttpProblem as problem:
            return _plain(problem)
        except DatabaseUnavailable:
            return _plain(HttpProblem("The database is not available.", status=500))

    def _check(self, request: Request, service: Service) -> tuple[Exchange, Identity]:
        identity = self._logins.identify(request)
        slug = str(request.path_params["slug"]).removesuffix(".git")
        try:
            repository = self._hosting.open(
                identity.principal, service, key=request.path_params["project"], slug=slug
            )
        except HttpProblem as problem:
            if identity.principal is None:
                raise HttpProblem("Log in first.", status=401, headers=_CHALLENGE) from problem
            raise
        protocol = request.headers.get("git-protocol", "")
        return Exchange(repository, service, stateless=True, protocol=protocol), identity


class _GitResponse(Response):
    """Runs git while it answers; git is ended when the client goes away."""

    def __init__(self, hosting: Hosting, exchange: Exchange, *, user: str) -> None:
        super().__init__()
        self._hosting = hosting
        self._exchange = exchange
        self._user = user
        self._send: Send | None = None
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._send = send
        request = Request(scope, receive)
        body_read = asyncio.Event()
        work = asyncio.create_task(self._work(_body(request, body_read)))
        watch = asyncio.create_task(_wait_for_disconnect(receive, body_read))
        try:
            await asyncio.wait((work, watch), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # A cancelled exchange still records what git did, so its end is awaited.
            for task in (watch, *(() if work.done() else (work,))):
                task.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)
        if work.cancelled():
            return
        problem = _problem_of(work.exception())
        if problem is None:
            await self._finish()
        elif not self._begun:
            await _plain(problem)(scope, receive, send)
        # Once the answer has begun, it is cut short without its end, which git takes for the failure it is.

    async def _work(self, source: AsyncIterator[bytes]) -> None:
        status = await self._hosting.run(
            self._exchange, source, sink=self._write, trouble=_log_trouble, user=self._user
        )
        if status != 0:
            _LOG.info(
                "%s of %s ended with %d", self._exchange.service, self._exchange.repository.slug, status
            )

    async def _write(self, data: bytes) -> None:
        await self._begin()
        if self._send is not None:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def _begin(self) -> None:
        if self._begun or self._send is None:
            return
        self._begun = True
        kind = f"application/x-{self._exchange.service}-result".encode()
        headers = [(b"content-type", kind), (b"cache-control", b"no-cache")]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _finish(self) -> None:
        await self._begin()
        if self._send is not None:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _problem_of(error: BaseException | None) -> HttpProblem | None:
    """The answer to an exchange that failed; None for one that did not."""
    if error is None:
        return None
    if isinstance(error, HttpProblem):
        return error
    if isinstance(error, MalformedPacket | ClientDisconnect):
        return BadRequest("The request is not the git protocol.")
    if isinstance(error, GitBusy):
        return HttpProblem(str(error), status=503)
    if not isinstance(error, DatabaseUnavailable):
        _LOG.error("a git exchange failed", exc_info=error)
    return HttpProblem("The exchange failed.", status=500)


async def _log_trouble(data: bytes) -> None:
    _LOG.info("git: %s", data.decode(errors="replace").strip()[-300:])


async def _body(request: Request, ended: asyncio.Event) -> AsyncIterator[bytes]:
    """The body of the request, unpacked where the client packed it.

    Raises:
        MalformedPacket: it is packed badly.
    """
    unpack = zlib.decompressobj(31) if request.headers.get("content-encoding") in {"gzip", "x-gzip"} else None
    try:
        async for data in request.stream():
            try:
                plain = data if unpack is None else unpack.decompress(data)
            except zlib.error as error:
                raise MalformedPacket("the body is not gzip") from error
            if plain:
                yield plain
    finally:
        ended.set()


async def _wait_for_disconnect(receive: Receive, body_read: asyncio.Event) -> None:
    await body_read.wait()
    while (await receive())["type"] != "http.disconnect":
        continue


def _plain(problem: HttpProblem) -> Response:
    """An error as git shows it to people."""
    headers = dict(problem.headers)
    if problem.status == 401:
        headers = _CHALLENGE | headers
    return PlainTextResponse(f"{problem.message}\n", problem.status, headers=headers)
