"""What a drill can choose from: the parts of a running stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from telamon.errors import NotReadyError
from telamon.naming import DATABASE, EDGE

PRIMARY = "primary"
STANDBY = "standby"


@dataclass(frozen=True)
class Member:
    """A member as it stands before the drill.

    Attributes:
        name: its name.
        component: whose.
        address: where it listens, as the balancer's cookie names it.
        serving: whether it does its work.
        release: version it runs.
        role: part that a database server plays; "" for others.
    """

    name: str
    component: str
    address: str
    serving: bool
    release: str = ""
    role: str = ""


@dataclass(frozen=True)
class Scene:
    """A stack.

    Attributes:
        stack: its name.
        environment: dev, staging or production.
        allowed: drills that its file allows on production, by name.
        products: by name, in the order of the file.
        members: all of them.
        index_folders: folder of the search index below a node's home, by product; left out where nodes keep none.
        shared_homes: products whose nodes share a home.
        never_start: releases whose nodes do not come up, by product, as the file names them.
        never_start_major: the same, of releases that no rolling upgrade leads to.
        erring: releases whose nodes answer with errors, likewise.
        later: releases that a rolling upgrade leads to, and that products may stay at, likewise.
        later_major: the same, of releases that take an interruption to come to.
        rebuilt: products that can be asked to make their search index anew.
        databases: products that have a database.
        secrets: products whose nodes share a secret that can be renewed.
        saves: whether backups can be taken.
    """

    stack: str
    environment: str
    allowed: tuple[str, ...]
    products: tuple[str, ...]
    members: tuple[Member, ...]
    index_folders: Mapping[str, str] = field(default_factory=dict)
    shared_homes: frozenset[str] = frozenset()
    never_start: Mapping[str, str] = field(default_factory=dict)
    never_start_major: Mapping[str, str] = field(default_factory=dict)
    erring: Mapping[str, str] = field(default_factory=dict)
    later: Mapping[str, str] = field(default_factory=dict)
    later_major: Mapping[str, str] = field(default_factory=dict)
    rebuilt: frozenset[str] = frozenset()
    databases: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    saves: bool = False

    def of(self, component: str) -> tuple[Member, ...]:
        """The members of a component that serve.

        Raises:
            NotReadyError: there is none.
        """
        found = tuple(member for member in self.members if member.component == component and member.serving)
        if not found:
            raise NotReadyError(f"no member of {component} serves")
        return found

    def server(self, role: str) -> Member:
        """The database server that plays a part; the only one there is, where none says so.

        Raises:
            NotReadyError: there is none.
        """
        # A standby has nothing to do, so it does not count as one that serves.
        found = tuple(member for member in self.members if member.component == DATABASE)
        playing = [member for member in found if member.role == role]
        if not playing and (len(found) != 1 or role != PRIMARY):
            raise NotReadyError(f"no database server is a {role}")
        return playing[0] if playing else found[0]

    def companions(self, product: str) -> tuple[Member, ...]:
        """The members of all companions of a product; none where it has none."""
        others = {*self.products, DATABASE, EDGE}
        return tuple(
            member
            for member in self.members
            if member.component.startswith(f"{product}-") and member.component not in others
        )

    def member(self, name: str) -> Member | None:
        """The member of that name."""
        return next((member for member in self.members if member.name == name), None)
