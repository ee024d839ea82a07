"""What the vendor's three Data Center products have in common, whatever else differs.

Each runs as a cluster of Java processes that can be told of a rolling upgrade, judges itself by the same health checks,
serves its static files below ``/s/``, and keeps the setting of a content delivery network in the same place.
"""

from __future__ import annotations

from telamon.products import cdn
from telamon.products.base import Flow, HealthReport, Product
from telamon.products.health import health_checks


class DataCenterProduct(Product):
    """A product of the vendor in its clustered edition."""

    static_prefix = "/s/"
    clustered = True
    has_upgrade_mode = True
    dumps_threads = True

    def health_checks(self) -> Flow[tuple[HealthReport, ...]]:
        """The product's own checks, as the support tools of all three tell them."""
        return health_checks()

    def cdn_in_use(self) -> Flow[bool | None]:
        """Whether static files come from a content delivery network."""
        return cdn.in_use()

    def switch_cdn(self, *, on: bool) -> Flow[None]:
        """Have static files come from that network, or from the nodes."""
        return cdn.switch(on=on)
