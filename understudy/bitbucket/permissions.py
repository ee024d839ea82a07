"""Who may do what: global, project and repository permissions, held by users and groups.

Source: Bitbucket Data Center REST documentation, "Permission Management", and "Global permissions".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import LiteralString

from understudy.bitbucket.errors import invalid, not_permitted
from understudy.kit.accounts import Principal
from understudy.kit.database import Connection, Database

GLOBAL = "GLOBAL"
PROJECT = "PROJECT"
REPOSITORY = "REPO"
DEFAULT_GROUP = "stash-users"

SCALES: dict[str, tuple[str, ...]] = {
    GLOBAL: ("LICENSED_USER", "PROJECT_CREATE", "ADMIN", "SYS_ADMIN"),
    PROJECT: ("PROJECT_READ", "PROJECT_WRITE", "PROJECT_ADMIN"),
    REPOSITORY: ("REPO_READ", "REPO_WRITE", "REPO_ADMIN"),
}
"""The permissions of each scope, the weakest first; each includes those before it."""


class Level(IntEnum):
    """What somebody may do with one project or repository."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3


@dataclass(frozen=True)
class Grant:
    """A permission somebody holds; ``kind`` is USER or GROUP."""

    kind: str
    grantee: str
    permission: str


@dataclass(frozen=True)
class Place:
    """What a question is about: a project alone, or a repository in it."""

    project: int
    repository: int = 0
    public: bool = False


_HELD: LiteralString = """
    select scope, perm from sta_permission
    where ((grantee_kind = 'USER' and grantee = %(name)s) or (grantee_kind = 'GROUP' and grantee = any(%(groups)s)))
      and (scope = 'GLOBAL' or (scope = 'PROJECT' and scope_id = %(project)s)
           or (scope = 'REPO' and scope_id = %(repository)s))"""


class Permissions:
    """Answers questions about permissions, each with one query.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def _held(self, principal: Principal, place: Place) -> list[tuple[str, str]]:
        rows = self._database.fetch_all(
            _HELD,
            {
                "name": principal.name.lower(),
                "groups": [group.lower() for group in principal.groups],
                "project": place.project,
                "repository": place.repository,
            },
        )
        return [(row["scope"], row["perm"]) for row in rows]

    def global_rank(self, principal: Principal | None) -> int:
        """0 for none, 1 for LICENSED_USER up to 4 for SYS_ADMIN."""
        if principal is None:
            return 0
        return _global_rank(self._held(principal, Place(0)))

    def is_administrator(self, principal: Principal) -> bool:
        """Whether somebody has ADMIN or SYS_ADMIN."""
        return self.global_rank(principal) >= 3

    def may_create_projects(self, principal: Principal) -> bool:
        """Whether somebody has at least PROJECT_CREATE."""
        return self.global_rank(principal) >= 2

    def level(self, principal: Principal | None, place: Place) -> Level:
        """What somebody may do with a project or repository."""
        open_to_all = Level.READ if place.public else Level.NONE
        if principal is None:
            return open_to_all
        held = self._held(principal, place)
        rank = _global_rank(held)
        if rank >= 3:
            return Level.ADMIN
        if rank == 0:
            return open_to_all
        ranks = [SCALES[scope].index(permission) + 1 for scope, permission in held if scope != GLOBAL]
        return Level(max([int(open_to_all), *ranks]))

    def require(self, principal: Principal | None, place: Place, *, level: Level) -> None:
        """Refuse unless somebody may do this much.

        Raises:
            Refusal: they may not.
        """
        if self.level(principal, place) < level:
            raise not_permitted()

    def visible_projects(self, principal: Principal) -> list[int] | None:
        """The projects somebody may see because of themselves or of a repository; None for all of them."""
        if self.global_rank(principal) >= 3:
            return None
        rows = self._database.fetch_all(
            """select p.id from project p where p.is_public or exists (
                 select 1 from sta_permission s left join repository r on s.scope = 'REPO' and r.id = s.scope_id
                 where ((s.scope = 'PROJECT' and s.scope_id = p.id) or (s.scope = 'REPO' and r.project_id = p.id))
                   and ((s.grantee_kind = 'USER' and s.grantee = %(name)s)
                        or (s.grantee_kind = 'GROUP' and s.grantee = any(%(groups)s))))""",
            {"name": principal.name.lower(), "groups": [group.lower() for group in principal.groups]},
        )
        return [row["id"] for row in rows]

    def visible_repositories(self, principal: Principal) -> list[int] | None:
        """The repositories somebody may read; None for all of them."""
        if self.global_rank(principal) >= 3:
            return None
        rows = self._database.fetch_all(
            """select r.id from repository r join project p on p.id = r.project_id
               where r.is_public or p.is_public or exists (
                 select 1 from sta_permission s
                 where ((s.scope = 'PROJECT' and s.scope_id = p.id) or (s.scope = 'REPO' and s.scope_id = r.id))
                   and ((s.grantee_kind = 'USER' and s.grantee = %(name)s)
                        or (s.grantee_kind = 'GROUP' and s.grantee = any(%(groups)s))))""",
            {"name": principal.name.lower(), "groups": [group.lower() for group in principal.groups]},
        )
        return [row["id"] for row in rows]

    def grants(self, scope: str, scope_id: int, *, kind: str) -> list[Grant]:
        """The permissions held at one place by users or by groups."""
        rows = self._database.fetch_all(
            """select grantee_kind, grantee, perm from sta_permission
               where scope = %s and scope_id = %s and grantee_kind = %s order by grantee""",
            (scope, scope_id, kind),
        )
        return [Grant(row["grantee_kind"], row["grantee"], row["perm"]) for row in rows]


def _global_rank(held: Sequence[tuple[str, str]]) -> int:
    ranks = [SCALES[GLOBAL].index(permission) + 1 for scope, permission in held if scope == GLOBAL]
    return max(ranks, default=0)


def grant(connection: Connection, *, scope: str, scope_id: int, given: Grant) -> None:
    """Give somebody a permission at one place, in place of the one they had there.

    Raises:
        Refusal: the permission is none of this scope.
    """
    if given.permission not in SCALES[scope]:
        raise invalid(f"{given.permission} is not a valid permission here.", field="permission")
    connection.execute(
        """insert into sta_permission (scope, scope_id, grantee_kind, grantee, perm) values (%s, %s, %s, %s, %s)
           on conflict (scope, scope_id, grantee_kind, grantee) do update set perm = excluded.perm""",
        (scope, scope_id, given.kind, given.grantee.lower(), given.permission),
    )


def revoke(connection: Connection, *, scope: str, scope_id: int, kind: str, grantee: str) -> None:
    """Take every permission somebody holds at one place; holding none is fine."""
    connection.execute(
        "delete from sta_permission where scope = %s and scope_id = %s and grantee_kind = %s and grantee = %s",
        (scope, scope_id, kind, grantee.lower()),
    )
