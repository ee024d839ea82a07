"""REST: users, groups and personal access tokens.

Source: the vendor's REST reference, and "Using Personal Access Tokens" for ``/rest/pat/latest/tokens``.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from understudy.jira.issuerows import timestamp
from understudy.jira.services import USERS, Services
from understudy.jira.websudo import require_web_sudo
from understudy.kit.accounts import Principal, Token
from understudy.kit.errors import BadRequest, NotFound
from understudy.kit.web import Access, Call, Site, json_answer


class PeopleRest:
    """Routes about people."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        admin = Access.ADMINISTRATOR
        site.route("/rest/api/2/user", self._user)
        site.route("/rest/api/2/user", self._create_user, methods=("POST",), access=admin)
        site.route("/rest/api/2/user", self._change_user, methods=("PUT",), access=admin)
        site.route("/rest/api/2/user", self._delete_user, methods=("DELETE",), access=admin)
        site.route("/rest/api/2/user/password", self._set_password, methods=("PUT",), access=admin)
        site.route("/rest/api/2/user/search", self._search)
        site.route("/rest/api/2/user/assignable/search", self._search)
        site.route("/rest/api/2/group", self._create_group, methods=("POST",), access=admin)
        site.route("/rest/api/2/group/member", self._members, access=admin)
        site.route("/rest/api/2/group/user", self._add_member, methods=("POST",), access=admin)
        site.route("/rest/api/2/groups/picker", self._groups)
        site.route("/rest/pat/latest/tokens", self._create_token, methods=("POST",))
        site.route("/rest/pat/latest/tokens", self._tokens)
        site.route("/rest/pat/latest/tokens/{token_id}", self._revoke_token, methods=("DELETE",))

    def _user(self, call: Call) -> Response:
        principal = self._find(call.query("username") or call.query("key"))
        return json_answer(principal_json(principal, self._services.base(call.request)))

    def _create_user(self, call: Call) -> Response:
        services = self._services
        require_web_sudo(call, services)
        body = call.json()
        name, email = str(body.get("name", "")).strip(), str(body.get("emailAddress", "")).strip()
        password, display = str(body.get("password", "")), str(body.get("displayName", "")).strip()
        problems = {}
        if not name or any(character in name for character in " <>&,\0"):
            problems["username"] = "You must specify a valid username."
        if "@" not in email:
            problems["email"] = "You must specify a valid email address."
        if not display:
            problems["displayName"] = "You must specify a display name."
        problems |= {} if password else {"password": "You must specify a password."}
        if problems:
            raise BadRequest("The user cannot be created.", fields=problems)
        applications = body.get("applicationKeys", ["jira-software"])
        with services.database.transaction() as connection:
            made = services.accounts.create_user(
                connection,
                name,
                password=password,
                display_name=display,
                email=email,
                groups=(USERS,) if applications else (),
            )
        if not made:
            taken = {"username": "A user with that username already exists."}
            raise BadRequest("The user cannot be created.", fields=taken)
        return json_answer(principal_json(self._find(name), services.base(call.request)), status=201)

    def _change_user(self, call: Call) -> Response:
        """Only whether somebody is active can be changed here; 8.3 and later know it."""
        services = self._services
        require_web_sudo(call, services)
        principal = self._find(call.query("username"))
        active = call.json().get("active")
        if str(active).lower() not in {"true", "false"}:
            raise BadRequest("Nothing that can be changed was given.", fields={"active": "true or false"})
        with services.database.transaction() as connection:
            services.accounts.set_active(connection, principal.name, active=str(active).lower() == "true")
        return json_answer(principal_json(self._find(principal.name), services.base(call.request)))

    def _delete_user(self, call: Call) -> Response:
        services = self._services
        require_web_sudo(call, services)
        with services.database.transaction() as connection:
            if not services.accounts.delete_user(connection, call.query("username")):
                raise NotFound(f"The user named '{call.query('username')}' does not exist")
        return Response(status_code=204)

    def _set_password(self, call: Call) -> Response:
        services = self._services
        require_web_sudo(call, services)
        principal = self._find(call.query("username"))
        password = str(call.json().get("password", ""))
        if not password:
            raise BadRequest("You must specify a password.")
        with services.database.transaction() as connection:
            services.accounts.set_password(connection, principal.name, password=password)
        return Response(status_code=204)

    def _search(self, call: Call) -> Response:
        text = call.query("username")
        limit, offset = call.whole_number("maxResults", 50, high=1000), call.whole_number("startAt", 0)
        found = self._services.accounts.search("" if text == "." else text, limit=limit, offset=offset)
        base = self._services.base(call.request)
        return json_answer([principal_json(principal, base) for principal in found])

    def _create_group(self, call: Call) -> Response:
        services = self._services
        require_web_sudo(call, services)
        name = str(call.json().get("name", "")).strip()
        if not name:
            raise BadRequest("You must specify a group name.")
        with services.database.transaction() as connection:
            if not services.accounts.create_group(connection, name):
                raise BadRequest("A group or user with this name already exists.")
        return json_answer(self._group_json(call, name), status=201)

    def _members(self, call: Call) -> Response:
        group = self._find_group(call.query("groupname"))
        base = self._services.base(call.request)
        values = [principal_json(one, base) for one in self._services.accounts.members(group)]
        paging = {"startAt": 0, "maxResults": max(50, len(values)), "total": len(values), "isLast": True}
        return json_answer({"self": call.request.url.path, **paging, "values": values})

    def _add_member(self, call: Call) -> Response:
        services = self._services
        require_web_sudo(call, services)
        group = self._find_group(call.query("groupname"))
        principal = self._find(str(call.json().get("name", "")))
        with services.database.transaction() as connection:
            if not services.accounts.add_to_group(connection, principal.name, group=group):
                message = f"Cannot add user '{principal.name}', user is already a member of '{group}'."
                raise BadRequest(message)
        return json_answer(self._group_json(call, group), status=201)

    def _groups(self, call: Call) -> Response:
        text = call.query("query").lower()
        names = [name for name in self._services.accounts.groups() if text in name.lower()]
        groups = [{"name": name, "html": name, "labels": []} for name in names]
        return json_answer(
            {
                "header": f"Showing {len(names)} of {len(names)} matching groups",
                "total": len(names),
                "groups": groups,
            }
        )

    def _create_token(self, call: Call) -> Response:
        body = call.json()
        name, days = str(body.get("name", "")).strip(), body.get("expirationDuration")
        if not name:
            raise BadRequest("The token has no name.", fields={"name": "required"})
        if days is not None and (not isinstance(days, int) or isinstance(days, bool) or not 0 < days <= 3650):
            raise BadRequest("expirationDuration is a number of days from 1 to 3650.")
        token = self._services.accounts.create_token(call.principal.name, name, days=days)
        return json_answer(_token_json(token) | {"rawToken": token.raw}, status=201)

    def _tokens(self, call: Call) -> Response:
        return json_answer(
            [_token_json(token) for token in self._services.accounts.tokens_of(call.principal.name)]
        )

    def _revoke_token(self, call: Call) -> Response:
        token_id = call.path("token_id")
        own = token_id.isdigit() and self._services.accounts.revoke_token(
            call.principal.name, int(token_id[:18])
        )
        if not own:
            raise NotFound("There is no such token.")
        return Response(status_code=204)

    def _find(self, name: str) -> Principal:
        principal = self._services.accounts.find(name)
        if principal is None:
            raise NotFound(f"The user named '{name}' does not exist")
        return principal

    def _find_group(self, name: str) -> str:
        group = self._services.accounts.find_group(name)
        if group is None:
            raise NotFound(f"The group named '{name}' does not exist.")
        return group

    def _group_json(self, call: Call, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "self": f"{self._services.base(call.request)}/rest/api/2/group?groupname={quote(name)}",
        }


def principal_json(principal: Principal, base: str) -> dict[str, Any]:
    """A user as the REST resources show it."""
    return {
        "self": f"{base}/rest/api/2/user?username={quote(principal.name)}",
        "key": f"JIRAUSER{principal.user_id}",
        "name": principal.name,
        "emailAddress": principal.email,
        "displayName": principal.display_name,
        "active": principal.active,
        "deleted": False,
        "timeZone": "Etc/UTC",
        "locale": "en_US",
        "groups": {
            "size": len(principal.groups),
            "items": [{"name": name} for name in sorted(principal.groups)],
        },
    }


def _token_json(token: Token) -> dict[str, Any]:
    expires = None if token.expires_at is None else timestamp(token.expires_at)
    return {
        "id": token.row_id,
        "name": token.name,
        "createdAt": timestamp(token.created_at),
        "expiringAt": expires,
    }
