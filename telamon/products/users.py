"""The facet of a product that says what its users do, for load runs and drills."""

from __future__ import annotations

from telamon.products.flow import Flow
from telamon.products.traffic import GitSeed, Traffic, TrafficInputs


class Users:
    """What users do; a product overrides what it knows."""

    def seed_repository(self, inputs: TrafficInputs) -> Flow[GitSeed | None]:
        """Make the repository that load needs, where the product keeps any; git fills it afterwards."""
        yield from ()
        return None

    def prepare_traffic(self, inputs: TrafficInputs) -> Flow[Traffic | None]:
        """Make the content that load reads and writes to, and say what load consists of.

        Requests are made as :attr:`telamon.products.flow.Identity.SERVICE_ACCOUNT`, whoever that is for the caller.

        Returns:
            The mix; ``None`` where nobody says what users of the product do.
        """
        yield from ()
        return None
