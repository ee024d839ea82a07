"""REST about the permissions held at one kind of place: everywhere, in a project, in a repository.

Source: Bitbucket Data Center REST documentation, "Permission Management".
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from understudy.bitbucket.errors import Refusal
from understudy.bitbucket.permissions import Grant, grant, revoke
from understudy.bitbucket.services import RestRoutes, Services, answer, no_content, page_of
from understudy.bitbucket.shapes import Json, paged
from understudy.kit.web import Access, Call, Site

Scope = Callable[[Call], tuple[str, int]]
"""Gives the place a call is about, and refuses who may not administer it."""


class GrantsRest:
    """The routes about one kind of place.

    Args:
        services: the parts of the node.
        scope: see :data:`Scope`.
    """

    def __init__(self, services: Services, scope: Scope) -> None:
        self._services = services
        self._scope = scope

    def add_to(self, site: Site, path: str, *, access: Access) -> None:
        """Add the routes below a path, for users and for groups."""
        api = RestRoutes(site, "api")
        for method, users, groups in (
            ("GET", self.users, self.groups),
            ("PUT", self.grant_user, self.grant_group),
            ("DELETE", self.revoke_user, self.revoke_group),
        ):
            api.add(path + "/users", users, methods=(method,), access=access)
            api.add(path + "/groups", groups, methods=(method,), access=access)

    def users(self, call: Call) -> Response:
        """``GET .../users``."""
        held = self._held(call, "USER")
        people = self._services.shapes.people(one.grantee for one in held)
        return self._page(
            call,
            held,
            lambda one: {
                "user": self._services.shapes.named(one.grantee, people),
                "permission": one.permission,
            },
        )

    def groups(self, call: Call) -> Response:
        """``GET .../groups``."""
        held = self._held(call, "GROUP")
        return self._page(
            call, held, lambda one: {"group": {"name": one.grantee}, "permission": one.permission}
        )

    def _held(self, call: Call, kind: str) -> list[Grant]:
        text = call.query("filter").lower()
        held = self._services.permissions.grants(*self._scope(call), kind=kind)
        return [one for one in held if text in one.grantee]

    def _page(self, call: Call, held: list[Grant], shape: Callable[[Grant], Json]) -> Response:
        start, limit = page_of(call)
        return answer(paged(held[start : start + limit + 1], shape, start=start, limit=limit))

    def grant_user(self, call: Call) -> Response:
        """``PUT .../users?name=&permission=``; several names may be given."""
        for name in _names(call):
            if self._services.accounts.find(name) is None:
                raise Refusal(f"{name} does not exist.", status=404, exception="user.NoSuchUserException")
        return self._grant(call, "USER")

    def grant_group(self, call: Call) -> Response:
        """``PUT .../groups?name=&permission=``."""
        for name in _names(call):
            if self._services.accounts.find_group(name) is None:
                raise Refusal(f"{name} does not exist.", status=404, exception="user.NoSuchGroupException")
        return self._grant(call, "GROUP")

    def _grant(self, call: Call, kind: str) -> Response:
        scope, place = self._scope(call)
        with self._services.database.transaction() as connection:
            for name in _names(call):
                given = Grant(kind, name, call.query("permission"))
                grant(connection, scope=scope, scope_id=place, given=given)
        return no_content()

    def revoke_user(self, call: Call) -> Response:
        """``DELETE .../users?name=``."""
        return self._revoke(call, "USER")

    def revoke_group(self, call: Call) -> Response:
        """``DELETE .../groups?name=``."""
        return self._revoke(call, "GROUP")

    def _revoke(self, call: Call, kind: str) -> Response:
        scope, place = self._scope(call)
        with self._services.database.transaction() as connection:
            revoke(connection, scope=scope, scope_id=place, kind=kind, grantee=call.query("name"))
        return no_content()


def _names(call: Call) -> list[str]:
    given = call.request.query_params.getlist("name")
    return [name for value in given for name in value.split(",") if name]
