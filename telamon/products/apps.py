"""Apps of a product that are more than a file within it: a process beside each node, a port, a database.

An app is installed and set up in the product, by whoever administers it: its vendor gives no other way. What a cluster
has to have for it is known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from telamon.naming import AppName
from telamon.units import Bytes

if TYPE_CHECKING:
    from telamon.model.products import ProductSpec
    from telamon.products.base import Product

_BESIDE_THE_HEAP: Final = 1.5
"""Memory of a virtual machine as a multiple of its heap. Source: atlassian/data-center-helm-charts, "Resource requests
and limits" of its guide."""


@dataclass(frozen=True)
class App:
    """An app, as its vendor describes it.

    Attributes:
        name: in the stack file, and of its port.
        title: for people.
        port: on which its process listens, in every node that has one.
        heap: largest heap of that process where nobody says.
        has_database: whether it keeps its data in a database of its own.
    """

    name: str
    title: str
    port: int
    heap: Bytes
    has_database: bool


@dataclass(frozen=True)
class AppRun:
    """An app as a stack file asks for it.

    Attributes:
        app: which.
        port: on which its process listens.
        heap: largest heap of that process.
        makes_database: whether Telamon makes its database.
    """

    app: App
    port: int
    heap: Bytes
    makes_database: bool

    @property
    def memory(self) -> Bytes:
        """Of its process, with everything beside the heap."""
        return Bytes(round(self.heap.count * _BESIDE_THE_HEAP))


def apps_run(product: Product, section: ProductSpec) -> Iterator[AppRun]:
    """Every app of a product that its section asks for, in the product's own order.

    Args:
        product: any.
        section: its section of the stack file.
    """
    for name, app in product.apps.items():
        asked = section.apps.get(AppName(name))
        if asked is not None:
            makes = app.has_database and asked.database == "made"
            yield AppRun(app, asked.port or app.port, asked.heap or app.heap, makes)


def apps_memory(product: Product, section: ProductSpec) -> int:
    """Bytes that the processes of apps take in each node.

    Args:
        product: any.
        section: its section of the stack file.
    """
    return sum(each.memory.count for each in apps_run(product, section))
