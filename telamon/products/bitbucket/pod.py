"""How the images of Bitbucket and OpenSearch are run in a cluster.

Sources: atlassian/data-center-helm-charts, container documentation ``BITBUCKET.md`` (user 2003, "Shutdown") and chart
``bitbucket``; OpenSearch, "Docker" (user 1000, variables for ``opensearch.yml``, ``OPENSEARCH_JAVA_OPTS``),
"Configuring TLS certificates" (``plugins.security.ssl.*``, ``plugins.security.nodes_dn``), "Set up a demo
configuration" (the image's own installer writes into ``config``).
"""

from __future__ import annotations

from typing import Final

from telamon.products.container import Container, Needs
from telamon.units import Bytes, Cpu

_HOMES: Final = "/var/atlassian/application-data"
_SEARCH: Final = "/usr/share/opensearch"

CONTAINER: Final = Container(
    repository="atlassian/bitbucket",
    user=2003,
    home=f"{_HOMES}/bitbucket",
    shared_home=f"{_HOMES}/shared-home",
    # git runs beside the virtual machine, in memory of its own.
    needs=Needs(
        Cpu.parse("2"),
        Bytes.parse("4Gi"),
        heap_share=0.35,
        disk=Bytes.parse("10Gi"),
        shared_disk=Bytes.parse("100Gi"),
    ),
    stop=("/shutdown-wait.sh",),
    asks_cluster=True,
    java=True,
    python=True,
)
OPENSEARCH_CONTAINER: Final = Container(
    repository="opensearchproject/opensearch",
    user=1000,
    home=f"{_SEARCH}/data",
    # Half for the heap, the other half for what the system keeps of the index: the vendor's own advice.
    needs=Needs(Cpu.parse("1"), Bytes.parse("2Gi"), heap_share=0.5, disk=Bytes.parse("10Gi")),
    empty=(f"{_SEARCH}/logs",),
    filled=(f"{_SEARCH}/config",),
    certificate=f"{_SEARCH}/config/tls",
)
