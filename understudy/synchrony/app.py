"""One node of the companion: routes, cluster, start and stop."""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from understudy.kit.cluster import Mesh, MeshSettings, Message
from understudy.kit.control import Arguments, Command
from understudy.kit.database import Database, DatabaseAddress
from understudy.kit.discovery import Neighbours
from understudy.kit.edit_tokens import load_secret
from understudy.kit.errors import DatabaseUnavailable, SettingsError
from understudy.kit.lifecycle import Lifecycle, State
from understudy.kit.settings import Endpoint, Environment, KitSettings
from understudy.kit.strangers import Strangers
from understudy.synchrony.documents import Documents
from understudy.synchrony.hub import Hub
from understudy.synchrony.settings import SynchronySettings, read_settings

_LOG = logging.getLogger("understudy.synchrony")
_CLUSTER = "synchrony"
_DATABASE_SECONDS = 10.0


class SynchronyNode:
    """A node, as :func:`understudy.kit.main.run` wants it.

    Args:
        environment: of the process.

    Raises:
        SettingsError: with every problem found.
    """

    def __init__(self, environment: Environment) -> None:
        self._settings = read_settings(environment)
        self.lifecycle = Lifecycle()
        self._database = Database(_address(self._settings))
        self._documents = Documents(self._database)
        self._hub = Hub(self._documents, secret=lambda: self._token_secret, tell_peers=self._tell_peers)
        self._token_secret = b""
        self._meshes: list[Mesh] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def kit(self) -> KitSettings:
        """Settings of the stand-in itself."""
        return self._settings.kit

    @property
    def endpoint(self) -> Endpoint:
        """Where clients connect."""
        return Endpoint(self._settings.bind, self._settings.http_port)

    @property
    def log_file(self) -> Path:
        """Where the log is written. Source: Atlassian, "Working with Confluence logs"."""
        return self._settings.home / "logs" / "atlassian-synchrony.log"

    def start(self) -> None:
        """Find the database and the other nodes.

        Raises:
            DatabaseUnavailable: there is no database.
        """
        began = time.monotonic()
        if not self._database.wait_until_reachable(_DATABASE_SECONDS):
            raise DatabaseUnavailable("the database cannot be reached")
        self._documents.prepare()
        self._token_secret = load_secret(self._database, "jwt")
        secret = load_secret(self._database, "cluster")
        for port in (self._settings.cluster_port, self._settings.message_port):
            mesh = self._make_mesh(port, secret)
            mesh.open()
            self._meshes.append(mesh)
        self.lifecycle.pause(self.kit.start_seconds - (time.monotonic() - began))
        self.lifecycle.move(State.RUNNING, "the start is complete")

    def stop(self) -> None:
        """Leave the cluster and close everything."""
        for mesh in self._meshes:
            mesh.close()
        self._database.close()

    def commands(self) -> Mapping[str, Command]:
        """Commands for the control listener."""

        def cut_database(arguments: Arguments) -> Arguments:
            self._database.cut(bool(arguments["cut"]))
            return {}

        return {"cut-database": cut_database}

    def application(self) -> ASGIApp:
        """The web application."""
        path = self._settings.service_path

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            self._loop = asyncio.get_running_loop()
            yield

        return Starlette(
            routes=[
                Route(f"{path}/heartbeat", self._heartbeat),
                WebSocketRoute(f"{path}/v1/bayeux-sync1", self._serve),
            ],
            lifespan=lifespan,
        )

    async def _heartbeat(self, _: Request) -> Response:
        """200 while the node serves. Source: the chart's readiness probe of Synchrony."""
        running = self.lifecycle.state is State.RUNNING
        return PlainTextResponse(
            "OK" if running else str(self.lifecycle.state), status_code=200 if running else 503
        )

    async def _serve(self, socket: WebSocket) -> None:
        if self.lifecycle.state is not State.RUNNING:
            await socket.close(1013)
            return
        await self._hub.serve(socket)

    def _make_mesh(self, port: int, secret: bytes) -> Mesh:
        settings = self._settings
        listen = Endpoint(settings.bind, port)
        discovery = settings.discovery and replace(settings.discovery, port=port)
        neighbours = Neighbours(frozenset(Endpoint(member, port) for member in settings.members), discovery)
        strangers = Strangers()

        def receive(sender: str, message: Message) -> Message:
            return {} if strangers.hear(sender, message) else self._receive(sender, message)

        mesh = Mesh(
            MeshSettings(
                node_id=f"{zlib.crc32(f'{listen}'.encode()):08x}",
                cluster=_CLUSTER,
                secret=secret,
                listen=listen,
                advertised=listen,
                registry=None,
                heartbeat=settings.kit.link_seconds,
            ),
            find_peers=lambda: tuple(neighbours.endpoints() | strangers.endpoints(mesh)),
            receive=receive,
        )
        return mesh

    def _tell_peers(self, document: str) -> None:
        """Tell the other nodes over the message port; should one miss it, it looks by itself soon."""
        self._meshes[-1].broadcast({"kind": "edited", "document": document})

    def _receive(self, _: str, message: Message) -> Message:
        if message.get("kind") == "edited" and self._loop is not None:
            self._loop.call_soon_threadsafe(self._hub.hint, str(message.get("document", "")))
        return {}


def _address(settings: SynchronySettings) -> DatabaseAddress:
    try:
        return DatabaseAddress.from_jdbc(
            settings.database_url, user=settings.database_user, password=settings.database_password
        )
    except ValueError as error:
        raise SettingsError((f"SYNCHRONY_DATABASE_URL: {error}",)) from error
