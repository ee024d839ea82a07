"""Apps of Jira that have a process of their own.

eazyBI computes reports in a child process of the node, so that they do not take the heap of Jira. Every node is asked
for reports, and passes them on to the child process of the nodes that its settings name; imports run there alone.

Sources: eazyBI documentation, "Child process" (port 3801, ``-Xmx1024m`` where nobody says otherwise) and "Dedicated
nodes for Data Center" (nodes are named by their id in Jira's cluster).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from telamon.products.apps import App
from telamon.units import Bytes

APPS: Final[Mapping[str, App]] = MappingProxyType(
    {"eazybi": App("eazybi", "eazyBI for Jira", 3801, Bytes.parse("1Gi"), has_database=True)}
)
