"""The facet of a product that says what its users do, for load runs and drills."""

from __future__ import annotations

from telamon.products.flow import Flow
from telamon.products.traffic import GitSeed, Traffic, TrafficInputs, Writer


class Users:
    """What users do; a product overrides what it knows."""

    def enlist(self, writer: Writer) -> Flow[None]:
        """Make an ordinary user, as :attr:`telamon.products.flow.Identity.ADMINISTRATOR`.

        Raises:
            ProductError: the product refuses, for example because the name is taken.
        """
        yield from ()

    def dismiss(self, username: str) -> Flow[None]:
        """See that a user whom :meth:`enlist` made logs in no more, and takes no seat of the licence.

        What the user wrote stays, and one who is not there is no error. Requests are made as
        :attr:`telamon.products.flow.Identity.ADMINISTRATOR`.
        """
        yield from ()

    def seed_repository(self, inputs: TrafficInputs) -> Flow[GitSeed | None]:
        """Make the repository that load needs, where the product keeps any; git fills it afterwards.

        Requests are made as for :meth:`prepare_traffic`.
        """
        yield from ()
        return None

    def prepare_traffic(self, inputs: TrafficInputs) -> Flow[Traffic | None]:
        """Make the content that load reads and writes to, and say what load consists of.

        What only an administrator may make is asked for as :attr:`telamon.products.flow.Identity.ADMINISTRATOR`,
        everything else as :attr:`telamon.products.flow.Identity.SERVICE_ACCOUNT`, who is the first of the writers here.

        Returns:
            The mix; ``None`` where nobody says what users of the product do.
        """
        yield from ()
        return None
