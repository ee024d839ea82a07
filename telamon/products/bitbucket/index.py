"""Bitbucket's search index, which its companion keeps for all nodes.

Sources: ``sync`` and ``status`` below ``/rest/indexing`` as the client library atlassian-python-api asks for them
(``Bitbucket.reindex``, ``check_reindexing_status``); the vendor's own reference names neither, so an answer of another
shape is no fault. README of atlassian-bitbucket-diy-backup: the index is made anew from database and repositories.
"""

from __future__ import annotations

from telamon.products.base import Flow, Identity, Request
from telamon.products.indexing import Rebuild
from telamon.products.rest import NO_CHECK, as_, demand

REBUILD = Request("POST", "/rest/indexing/latest/sync", headers=NO_CHECK, json={}, timeout=30.0)
REBUILDING = Request("GET", "/rest/indexing/latest/status", timeout=10.0)
UNDER_WAY = "INDEXING"
AWAY = "UNAVAILABLE"


def rebuild() -> Flow[None]:
    """Have everything sent to the companion again."""
    demand(REBUILD, (yield from as_(Identity.SERVICE_ACCOUNT, REBUILD)))


def rebuilt() -> Flow[Rebuild]:
    """How far the companion is, where that is told."""
    response = yield from as_(Identity.SERVICE_ACCOUNT, REBUILDING)
    told = response.document() if 200 <= response.status < 300 else {}
    status = told.get("status")
    if not isinstance(status, str):
        return Rebuild(finished=True, words="how far the companion is, is not told")
    words = f"{told['behind']} repositories to go" if isinstance(told.get("behind"), int) else status
    return Rebuild(finished=status not in {UNDER_WAY, AWAY}, words=words)
