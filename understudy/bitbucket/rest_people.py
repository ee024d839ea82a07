"""REST about people: users, groups, global permissions, access tokens, SSH keys.

Source: Bitbucket Data Center REST documentation, "Permission Management", "System Maintenance" (users) and
"Authentication" (HTTP access tokens: ``/rest/access-tokens/latest/users/{slug}``; SSH keys: ``/rest/ssh/latest/keys``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from understudy.bitbucket.errors import Refusal, invalid, not_permitted, taken
from understudy.bitbucket.permissions import DEFAULT_GROUP, GLOBAL
from understudy.bitbucket.rest_grants import GrantsRest
from understudy.bitbucket.services import RestRoutes, Services, answer, no_content, page_of
from understudy.bitbucket.shapes import Json, milliseconds, paged
from understudy.bitbucket.sshkeys import RegisteredKey
from understudy.kit.accounts import Principal, Token
from understudy.kit.web import Access, Call, Site

_ADMINISTRATOR = Access.ADMINISTRATOR
_LONGEST_TOKEN_DAYS = 36500


class PeopleRest:
    """The routes.

    Args:
        services: the parts of the node.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        access_tokens = RestRoutes(site, "access-tokens")
        api = RestRoutes(site, "api")
        ssh = RestRoutes(site, "ssh")
        api.add("/users", self.users)
        api.add("/users/{user}", self.user)
        api.add("/groups", self.groups)
        admin: tuple[tuple[str, str, Callable[[Call], Response]], ...] = (
            ("GET", "/admin/users", self.users),
            ("POST", "/admin/users", self.create_user),
            ("DELETE", "/admin/users", self.delete_user),
            ("PUT", "/admin/users/credentials", self.set_password),
            ("POST", "/admin/users/add-groups", self.add_groups),
            ("GET", "/admin/groups", self.groups),
            ("POST", "/admin/groups", self.create_group),
            ("POST", "/admin/groups/add-users", self.add_users),
            ("GET", "/admin/groups/more-members", self.group_members),
        )
        for method, path, handler in admin:
            api.add(path, handler, methods=(method,), access=_ADMINISTRATOR)
        GrantsRest(self._services, lambda _: (GLOBAL, 0)).add_to(
            site, "/admin/permissions", access=_ADMINISTRATOR
        )
        tokens = "/users/{user}"
        access_tokens.add(tokens, self.tokens)
        access_tokens.add(tokens, self.create_token, methods=("PUT", "POST"))
        access_tokens.add(tokens + "/{token}", self.revoke_token, methods=("DELETE",))
        ssh.add("/keys", self.keys)
        ssh.add("/keys", self.add_key, methods=("POST",))
        ssh.add("/keys", self.remove_keys, methods=("DELETE",))
        ssh.add("/keys/{key}", self.key)
        ssh.add("/keys/{key}", self.remove_key, methods=("DELETE",))
        ssh.add("/settings", self.ssh_settings, access=Access.ANYONE)

    def users(self, call: Call) -> Response:
        """``GET users``: a page of them, by name."""
        start, limit = page_of(call)
        found = self._services.accounts.search(call.query("filter"), limit=limit + 1, offset=start)
        return answer(paged(found, self._services.shapes.user, start=start, limit=limit))

    def user(self, call: Call) -> Response:
        """``GET users/{slug}``."""
        return answer(self._services.shapes.user(self._find(call.path("user"))))

    def _find(self, name: str) -> Principal:
        principal = self._services.accounts.find(name)
        if principal is None:
            raise Refusal(f"{name} does not exist.", status=404, exception="user.NoSuchUserException")
        return principal

    def create_user(self, call: Call) -> Response:
        """``POST admin/users``: values are query parameters, as documented."""
        name, password = call.query("name"), call.query("password")
        display_name, email = call.query("displayName"), call.query("emailAddress")
        for field, value in (
            ("name", name),
            ("password", password),
            ("displayName", display_name),
            ("emailAddress", email),
        ):
            if not value.strip():
                raise invalid(f"{field} is needed.", field=field)
        groups = [DEFAULT_GROUP] if call.query("addToDefaultGroup", "true") == "true" else []
        with self._services.database.transaction() as connection:
            made = self._services.accounts.create_user(
                connection, name, password=password, display_name=display_name, email=email, groups=groups
            )
        if not made:
            message = f"A user with the name {name} already exists."
            raise taken(message, exception="user.DuplicateUserException", field="name")
        return no_content()

    def delete_user(self, call: Call) -> Response:
        """``DELETE admin/users?name=``; gives who it was."""
        principal = self._find(call.query("name"))
        if principal.name == call.principal.name:
            raise taken("You cannot delete yourself.", exception="IntegrityException")
        with self._services.database.transaction() as connection:
            self._services.accounts.delete_user(connection, principal.name)
        return answer(self._services.shapes.user(principal))

    def set_password(self, call: Call) -> Response:
        """``PUT admin/users/credentials``."""
        wanted = call.json()
        principal = self._find(str(wanted.get("name", "")))
        password = str(wanted.get("password", ""))
        if not password or password != wanted.get("passwordConfirm"):
            raise invalid("The passwords do not match.", field="passwordConfirm")
        with self._services.database.transaction() as connection:
            self._services.accounts.set_password(connection, principal.name, password=password)
        return no_content()

    def groups(self, call: Call) -> Response:
        """``GET groups`` and ``GET admin/groups``."""
        start, limit = page_of(call)
        text = call.query("filter").lower()
        found = [group for group in self._services.accounts.groups() if text in group.lower()]
        shown = found[start : start + limit + 1]
        if "/admin/" in call.request.url.path:
            shaped = [{"name": group, "deletable": group != DEFAULT_GROUP} for group in shown]
            return answer(paged(shaped, lambda group: group, start=start, limit=limit))
        return answer(paged(shown, lambda group: group, start=start, limit=limit))

    def create_group(self, call: Call) -> Response:
        """``POST admin/groups?name=``."""
        name = call.query("name").strip()
        if not name:
            raise invalid("A name is needed.", field="name")
        with self._services.database.transaction() as connection:
            made = self._services.accounts.create_group(connection, name)
        if not made:
            raise taken("This group exists already.", exception="user.DuplicateGroupException", field="name")
        return answer({"name": name, "deletable": True})

    def add_users(self, call: Call) -> Response:
        """``POST admin/groups/add-users``: several users to one group."""
        wanted = call.json()
        return self._add([str(name) for name in wanted.get("users", [])], [str(wanted.get("group", ""))])

    def add_groups(self, call: Call) -> Response:
        """``POST admin/users/add-groups``: one user to several groups."""
        wanted = call.json()
        return self._add([str(wanted.get("user", ""))], [str(name) for name in wanted.get("groups", [])])

    def _add(self, users: list[str], groups: list[str]) -> Response:
        for user in users:
            self._find(user)
        for group in groups:
            self._find_group(group)
        with self._services.database.transaction() as connection:
            for user in users:
                for group in groups:
                    self._services.accounts.add_to_group(connection, user, group=group)
        return no_content()

    def _find_group(self, name: str) -> str:
        found = self._services.accounts.find_group(name)
        if found is None:
            raise Refusal(
                f"The group {name} does not exist.", status=404, exception="user.NoSuchGroupException"
            )
        return found

    def group_members(self, call: Call) -> Response:
        """``GET admin/groups/more-members?context=``."""
        start, limit = page_of(call)
        members = self._services.accounts.members(self._find_group(call.query("context")))
        shown = members[start : start + limit + 1]
        return answer(paged(shown, self._services.shapes.user, start=start, limit=limit))

    def _self_or_administrator(self, call: Call) -> Principal:
        principal = self._find(call.path("user"))
        if principal.name != call.principal.name and not self._services.permissions.is_administrator(
            call.principal
        ):
            raise not_permitted()
        return principal

    def tokens(self, call: Call) -> Response:
        """``GET access-tokens/.../users/{slug}``: without their secrets."""
        principal = self._self_or_administrator(call)
        start, limit = page_of(call)
        shown = self._services.accounts.tokens_of(principal.name)[start : start + limit + 1]
        return answer(paged(shown, lambda token: self._token(token, principal), start=start, limit=limit))

    def create_token(self, call: Call) -> Response:
        """``PUT access-tokens/.../users/{slug}``: the secret is in the answer, once."""
        principal = self._find(call.path("user"))
        if principal.name != call.principal.name:
            raise not_permitted("create a token for somebody else")
        wanted = call.json()
        name = str(wanted.get("name", "")).strip()
        if not name:
            raise invalid("A name is needed.", field="name")
        permissions = [str(permission) for permission in wanted.get("permissions", [])]
        token = self._services.accounts.create_token(
            principal.name, name, days=_days(wanted.get("expiryDays")), permissions=" ".join(permissions)
        )
        return answer({**self._token(token, principal), "permissions": permissions, "token": token.raw})

    def revoke_token(self, call: Call) -> Response:
        """``DELETE access-tokens/.../users/{slug}/{id}``."""
        principal = self._self_or_administrator(call)
        identity = call.path("token")
        if not identity.isdecimal() or not self._services.accounts.revoke_token(
            principal.name, int(identity)
        ):
            raise Refusal("No such access token.", status=404, exception="NoSuchEntityException")
        return no_content()

    def _token(self, token: Token, owner: Principal) -> Json:
        shaped: Json = {
            "id": str(token.row_id),
            "name": token.name,
            "createdDate": milliseconds(token.created_at),
            "user": self._services.shapes.user(owner),
        }
        if token.expires_at is not None:
            shaped["expiryDate"] = milliseconds(token.expires_at)
        return shaped

    def _key_owner(self, call: Call) -> Principal:
        """Whose keys it is about: the caller's, or with ``?user=`` for administrators somebody else's."""
        name = call.query("user")
        if not name or name.lower() == call.principal.name.lower():
            return call.principal
        if not self._services.permissions.is_administrator(call.principal):
            raise not_permitted()
        return self._find(name)

    def keys(self, call: Call) -> Response:
        """``GET ssh/.../keys``."""
        start, limit = page_of(call)
        shown = self._services.keys.of(self._key_owner(call))[start : start + limit + 1]
        return answer(paged(shown, _key, start=start, limit=limit))

    def add_key(self, call: Call) -> Response:
        """``POST ssh/.../keys``."""
        added = self._services.keys.add(self._key_owner(call), str(call.json().get("text", "")))
        return answer(_key(added), 201)

    def key(self, call: Call) -> Response:
        """``GET ssh/.../keys/{id}``."""
        return answer(_key(self._services.keys.find(call.principal, _number(call.path("key")))))

    def remove_key(self, call: Call) -> Response:
        """``DELETE ssh/.../keys/{id}``."""
        self._services.keys.remove(call.principal, _number(call.path("key")))
        return no_content()

    def remove_keys(self, call: Call) -> Response:
        """``DELETE ssh/.../keys``: all of them."""
        self._services.keys.remove(self._key_owner(call))
        return no_content()

    def ssh_settings(self, _: Call) -> Response:
        """``GET ssh/.../settings``."""
        ssh = self._services.settings.ssh
        return answer(
            {"enabled": ssh.enabled, "port": ssh.listen.port, "baseUrl": self._services.shapes.ssh_url}
        )


def _days(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or not 0 < value <= _LONGEST_TOKEN_DAYS:
        raise invalid("expiryDays must be a number of days.", field="expiryDays")
    return value


def _number(text: str) -> int:
    if not text.isdecimal():
        raise Refusal("No such SSH key.", status=404, exception="ssh.NoSuchSshKeyException")
    return int(text)


def _key(key: RegisteredKey) -> Json:
    algorithm = key.text.split(" ", 1)[0].removeprefix("ssh-").upper()
    return {
        "id": key.id,
        "text": key.text,
        "label": key.label,
        "fingerprint": key.fingerprint,
        "algorithmType": algorithm,
    }
