"""The clients of one node, and the edits on their way to them. Runs on the event loop."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from understudy.kit.edit_tokens import check_token
from understudy.kit.errors import BadRequest, DatabaseUnavailable, HttpProblem
from understudy.synchrony.documents import Documents, Edit, Proposal
from understudy.synchrony.operations import read_operation

_LOG = logging.getLogger("understudy.synchrony.hub")
_SEND_SECONDS = 5.0
_LOOK_SECONDS = 1.0
_MAXIMUM_NAME = 200


@dataclass(eq=False)
class Client:
    """One connection to one document; ``revision`` is the last one sent to it."""

    socket: WebSocket
    document: str
    author: str
    revision: int


class Hub:
    """Takes messages from clients and gives edits to them.

    Args:
        documents: where edits are committed.
        secret: gives the key of the tokens.
        tell_peers: called with the name of a document after an edit was committed here.
    """

    def __init__(
        self, documents: Documents, *, secret: Callable[[], bytes], tell_peers: Callable[[str], None]
    ) -> None:
        self._documents = documents
        self._secret = secret
        self._tell_peers = tell_peers
        self._clients: dict[str, set[Client]] = {}
        self._pumps: dict[str, asyncio.Task[None]] = {}
        self._news: dict[str, asyncio.Event] = {}

    def hint(self, document: str) -> None:
        """There may be a new edit of a document."""
        if (event := self._news.get(document)) is not None:
            event.set()

    async def serve(self, socket: WebSocket) -> None:
        """Converse with one client until it goes."""
        await socket.accept()
        client: Client | None = None
        try:
            while True:
                client = await self._take(socket, client, await socket.receive_text())
        except WebSocketDisconnect:
            _LOG.debug("a client has gone")
        finally:
            if client is not None:
                self._drop(client)

    async def _take(self, socket: WebSocket, client: Client | None, text: str) -> Client | None:
        """Do what a message says; gives the client that the connection is now."""
        try:
            message = _read(text)
            if message["type"] == "join":
                return await self._join(socket, client, message)
            if message["type"] != "edit" or client is None or message.get("document") != client.document:
                raise BadRequest("join a document first")
            await self._edit(client, message)
        except (HttpProblem, DatabaseUnavailable) as error:
            await _send(socket, {"type": "error", "message": str(error)})
        return client

    async def _join(self, socket: WebSocket, client: Client | None, message: dict[str, Any]) -> Client:
        if client is not None:
            raise BadRequest("this connection has joined a document already")
        document = _name(message, "document")
        claims = check_token(
            self._secret(), str(message.get("token", "")), document=document, now=time.time()
        )
        since = message.get("since")
        if isinstance(since, int):
            joined = Client(socket, document, claims.user, since)
        else:
            snapshot = await run_in_threadpool(self._documents.snapshot, document)
            joined = Client(socket, document, claims.user, snapshot.revision)
            state = {
                "type": "state",
                "document": document,
                "revision": snapshot.revision,
                "text": snapshot.text,
            }
            await _send(socket, state)
        self._clients.setdefault(document, set()).add(joined)
        self._ensure_pump(document)
        return joined

    async def _edit(self, client: Client, message: dict[str, Any]) -> None:
        base = message.get("base")
        if not isinstance(base, int) or base < 0:
            raise BadRequest("base is the number of a revision")
        proposal = Proposal(
            document=client.document,
            base=base,
            edit_id=_name(message, "id"),
            author=client.author,
            operation=read_operation(message.get("operation")),
        )
        made = await run_in_threadpool(self._documents.commit, proposal)
        await _send(
            client.socket,
            {"type": "ack", "document": client.document, "id": made.edit_id, "revision": made.revision},
        )
        self.hint(client.document)
        self._tell_peers(client.document)

    def _drop(self, client: Client) -> None:
        clients = self._clients.get(client.document, set())
        clients.discard(client)
        if not clients:
            self._clients.pop(client.document, None)
            self._news.pop(client.document, None)
            if (pump := self._pumps.pop(client.document, None)) is not None:
                pump.cancel()

    def _ensure_pump(self, document: str) -> None:
        self._news.setdefault(document, asyncio.Event()).set()
        if document not in self._pumps:
            self._pumps[document] = asyncio.create_task(self._pump(document))

    async def _pump(self, document: str) -> None:
        """Send every edit of a document to its clients; look by itself too, should a hint be lost."""
        event = self._news[document]
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), _LOOK_SECONDS)
            event.clear()
            clients = list(self._clients.get(document, ()))
            if not clients:
                continue
            try:
                oldest = min(client.revision for client in clients)
                edits = await run_in_threadpool(self._documents.edits_after, document, oldest)
            except DatabaseUnavailable as error:
                _LOG.warning("edits of %s cannot be read: %s", document, error)
                continue
            await asyncio.gather(*(self._deliver(client, edits) for client in clients))

    async def _deliver(self, client: Client, edits: list[Edit]) -> None:
        for edit in edits:
            if edit.revision <= client.revision:
                continue
            message = {
                "type": "edit",
                "document": client.document,
                "revision": edit.revision,
                "operation": edit.operation,
                "author": edit.author,
                "id": edit.edit_id,
            }
            if not await _send(client.socket, message):
                return
            client.revision = edit.revision


def _read(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except ValueError as error:
        raise BadRequest("a message is a JSON object") from error
    if not isinstance(message, dict) or "type" not in message:
        raise BadRequest("a message is a JSON object with a type")
    return message


def _name(message: dict[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= _MAXIMUM_NAME:
        raise BadRequest(f"{key} is a text of 1 to {_MAXIMUM_NAME} characters")
    return value


async def _send(socket: WebSocket, message: dict[str, Any]) -> bool:
    """Send to a client; one that does not take it in time is cut off, and its own task tidies up."""
    try:
        await asyncio.wait_for(socket.send_text(json.dumps(message)), _SEND_SECONDS)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        if socket.client_state is WebSocketState.CONNECTED:
            with suppress(RuntimeError):
                await socket.close(1011)
        return False
    return True
