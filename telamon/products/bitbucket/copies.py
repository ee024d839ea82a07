"""Whether a search cluster holds every copy of its data.

Green means that every primary and every replica is assigned; the vendor has nobody take a node away before that, and
go on to the next one only after it. A node of a cluster that has no manager answers 503.

Sources: OpenSearch documentation, "Cluster health" (``status``, ``number_of_nodes``, ``unassigned_shards``) and
"Rolling upgrade" ("Verify the health of your OpenSearch cluster before you begin", and after each node).
"""

from __future__ import annotations

from typing import Final

from telamon.errors import ProductError
from telamon.products.base import CopiesReport, Flow, Identity, Request, ask

HEALTH: Final = "/_cluster/health"
TIMEOUT: Final = 10.0


def copies() -> Flow[CopiesReport | None]:
    """Ask a node for the health of its cluster.

    Raises:
        ProductError: it does not let the engine ask, or says something that nobody understands.
    """
    response = yield from ask(Request("GET", HEALTH, identity=Identity.SERVICE_ACCOUNT, timeout=TIMEOUT))
    if not response.answered:
        return CopiesReport(0, whole=False, detail=f"nobody can ask it: {response.error}")
    if response.status in {401, 403}:
        raise ProductError(
            "the search cluster does not let the engine ask for its health",
            remedy="Its password is set when its first node starts; the secret must still hold that one.",
        )
    told = response.document()
    status, nodes = told.get("status"), told.get("number_of_nodes")
    if response.status != 200 or not isinstance(status, str) or not isinstance(nodes, int):
        return CopiesReport(
            0, whole=False, detail=f"its cluster has no health to tell, HTTP {response.status}"
        )
    if status == "green":
        return CopiesReport(nodes, whole=True)
    missing = told.get("unassigned_shards"), told.get("initializing_shards")
    counted = [each for each in missing if isinstance(each, int)]
    return CopiesReport(
        nodes, whole=False, detail=f"its cluster is {status}, {sum(counted)} shards are not there yet"
    )
