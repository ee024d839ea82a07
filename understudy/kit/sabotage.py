"""Ways to betray users on purpose, so that whoever proves that nothing gets lost can be put to the test.

A proof that cannot fail proves nothing. Each sabotage breaks one promise that the understudy keeps otherwise, as real
products have broken it; all of them are off unless ``UNDERSTUDY_SABOTAGE`` names them.
"""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, LiteralString

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from understudy.kit.database import Database
from understudy.kit.errors import DatabaseUnavailable

_LOG = logging.getLogger("understudy.sabotage")

ACKNOWLEDGE_BEFORE_COMMIT = "acknowledge-before-commit"
DROP_REPLICATED_OPERATION = "drop-replicated-operation"
STALE_AFTER_FAILOVER = "stale-after-failover"
TORN_ATTACHMENT = "torn-attachment"
TWO_PRIMARIES = "two-primaries"
REF_GOES_BACK = "ref-goes-back"
ABSENT_COMMIT = "absent-commit"

SABOTAGES = {
    ACKNOWLEDGE_BEFORE_COMMIT: "writes are acknowledged before their commit is durable: a database that is killed "
    "has lost the last ones",
    DROP_REPLICATED_OPERATION: "every third change is not told to the search indexes",
    STALE_AFTER_FAILOVER: "for a while after a peer was lost, answers come from before",
    TORN_ATTACHMENT: "every second attached file is stored by half",
    TWO_PRIMARIES: "once the file `sabotage-now` is in the shared home, all nodes but one write to a copy of the "
    "database of their own",
    REF_GOES_BACK: "every third branch that was pushed to goes back to where it was, once the push is acknowledged",
    ABSENT_COMMIT: "of every third push the commit is taken away again, and its branch stays",
}
"""What each sabotage means; which of them an understudy knows, its settings say."""

SIGNAL_FILE = "sabotage-now"
STALE_SECONDS = 12.0
_KEPT_ANSWERS = 2000
_LOOK_SECONDS = 0.1
_COPY: LiteralString = """do $$
declare found record;
begin
    if exists (select from pg_namespace where nspname = 'second') then
        return;
    end if;
    create schema second;
    for found in select tablename as name from pg_tables where schemaname = 'public' loop
        execute format('create table second.%I (like public.%I including all)', found.name, found.name);
        execute format('insert into second.%I overriding system value select * from public.%I', found.name, found.name);
    end loop;
    for found in select table_name as name, column_name as counted from information_schema.columns
        where table_schema = 'second' and is_identity = 'YES' loop
        execute format(
            'select setval(pg_get_serial_sequence(%L, %L), coalesce((select max(%I) from second.%I), 0) + 1)',
            'second.' || quote_ident(found.name), found.counted, found.counted, found.name);
    end loop;
    for found in select pg_get_functiondef(oid) as text from pg_proc
        where pronamespace = 'public'::regnamespace and prokind = 'f' loop
        perform set_config('search_path', 'second', true);
        execute replace(found.text, 'public.', 'second.');
    end loop;
end $$"""


def half(content: BinaryIO) -> BinaryIO:
    """The first half of a file."""
    data = content.read()
    return io.BytesIO(data[: len(data) // 2])


class EverySo:
    """Says yes every so often; safe to ask from every thread.

    Args:
        often: every how many times; 0 for never.
    """

    def __init__(self, often: int) -> None:
        self._often = often
        self._asked = 0
        self._lock = threading.Lock()

    def now(self) -> bool:
        """Whether it is time."""
        if not self._often:
            return False
        with self._lock:
            self._asked += 1
            return self._asked % self._often == 0


class StaleAfterFailover:
    """Answers from before, for a while after a peer was lost, to whoever reads by REST.

    Args:
        application: answers otherwise.
        peers: how many peers there are.
    """

    def __init__(self, application: ASGIApp, peers: Callable[[], int]) -> None:
        self._application = application
        self._peers = peers
        self._most = 0
        self._stale_until = 0.0
        self._answers: dict[str, list[Message]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "GET" or "/rest/api/" not in scope["path"]:
            await self._application(scope, receive, send)
            return
        self._look()
        key = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
        known = self._answers.get(key)
        if known is not None and time.monotonic() < self._stale_until:
            for message in known:
                await send(message)
            return
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)
            await send(message)

        await self._application(scope, receive, keep)
        if kept and kept[0].get("status") == 200 and len(self._answers) < _KEPT_ANSWERS:
            self._answers[key] = kept

    def _look(self) -> None:
        now = self._peers()
        if now < self._most:
            self._stale_until = time.monotonic() + STALE_SECONDS
        self._most = now


class SecondPrimary:
    """Splits a cluster in two: one node goes on with the database, the others with copies of their own.

    Args:
        database: of this node.
        shared_home: where the signal is looked for.
    """

    def __init__(self, database: Database, shared_home: Path) -> None:
        self._database = database
        self._signal = shared_home / SIGNAL_FILE

    def watch(self) -> None:
        """Look for the signal in a thread of its own."""
        threading.Thread(target=self._watch, name="second-primary", daemon=True).start()

    def _watch(self) -> None:
        taken = self._signal.with_suffix(".taken")
        while True:
            try:
                self._signal.rename(taken)
            except OSError:
                if taken.exists():
                    break
                time.sleep(_LOOK_SECONDS)
            else:
                _LOG.warning("this node goes on with the database")
                return
        try:
            self._split()
        except DatabaseUnavailable as error:
            _LOG.warning("there is no second primary: %s", error)

    def _split(self) -> None:
        address = self._database.address
        if address is None:
            return
        self._database.execute(_COPY)
        options = {**address.options, "currentSchema": "second,public"}
        self._database.configure(replace(address, options=options))
        _LOG.warning("this node goes on with a copy of the database")
