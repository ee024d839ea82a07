"""REST of people, tokens, the cluster, upgrades, health and apps.

Sources: the vendor's "Confluence REST API" reference (users, groups, cluster information, server
information); Atlassian, "Using Personal Access Tokens" and "Upgrade a Confluence cluster through the API
without downtime"; public clients of these routes.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Callable

from starlette.responses import JSONResponse, Response

from understudy.confluence import render
from understudy.confluence.membership import Member
from understudy.confluence.node import USERS, WikiNode
from understudy.confluence.render import Json, Links
from understudy.confluence.rest_content import bounds
from understudy.confluence.upgrade import cluster_state
from understudy.kit.accounts import Principal, Token
from understudy.kit.errors import BadRequest, Conflict, Forbidden, NotFound
from understudy.kit.web import Access, Call, Site, json_answer

_UPM_KEY = "com.atlassian.upm.atlassian-universal-plugin-manager-plugin"


class AdminRoutes:
    """Routes for what is not content.

    Args:
        node: of these routes.
        links: how addresses are written.
        is_administrator: whether somebody is one.
    """

    def __init__(
        self, node: WikiNode, links: Callable[[], Links], is_administrator: Callable[[Principal], bool]
    ) -> None:
        self._node = node
        self._links = links
        self._is_administrator = is_administrator

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        self._add_people(site)
        self._add_cluster(site)
        administrator = Access.ADMINISTRATOR
        site.route("/rest/pat/latest/tokens", self.tokens)
        site.route("/rest/pat/latest/tokens", self.create_token, methods=("POST",))
        site.route("/rest/pat/latest/tokens/{token_id}", self.revoke_token, methods=("DELETE",))
        site.route("/rest/troubleshooting/1.0/check/", self.health, access=administrator)
        site.route("/rest/troubleshooting/1.0/check", self.health, access=administrator)
        site.route("/rest/supportHealthCheck/1.0/check/", self.health, access=administrator)
        site.route("/rest/plugins/1.0/", self.apps, access=administrator)
        site.route("/rest/api/server-information", self.server_information)
        site.route("/rest/applinks/1.0/manifest", self.manifest, access=Access.ANYONE)
        site.route("/rest/api/accessmode", self.access_mode)
        site.route("/rest/synchrony-interop/status", self.shared_drafts)
        site.route("/rest/synchrony-interop/synchrony-status", self.synchrony_status)

    def _add_people(self, site: Site) -> None:
        administrator = Access.ADMINISTRATOR
        site.route("/rest/api/user/current", self.current_user, access=Access.ANYONE)
        site.route("/rest/api/user", self.user)
        site.route("/rest/api/user/memberof", self.memberships)
        site.route(
            "/rest/api/user/{name}/group/{group}", self.join_group, methods=("PUT",), access=administrator
        )
        site.route("/rest/api/admin/user", self.create_user, methods=("POST",), access=administrator)
        for act in ("enable", "disable"):
            path = f"/rest/api/admin/user/{{name}}/{act}"
            site.route(path, self._activate(active=act == "enable"), methods=("PUT",), access=administrator)
        site.route("/rest/api/admin/user/{name}", self.delete_user, methods=("DELETE",), access=administrator)
        site.route("/rest/api/admin/group", self.create_group, methods=("POST",), access=administrator)
        site.route("/rest/api/group", self.groups)
        site.route("/rest/api/group/{group}/member", self.members)

    def _add_cluster(self, site: Site) -> None:
        administrator = Access.ADMINISTRATOR
        site.route("/rest/api/cluster/nodes", self.cluster_nodes, access=administrator)
        site.route(
            "/rest/atlassian-cluster-monitoring/cluster/nodes", self.monitored_nodes, access=administrator
        )
        site.route("/rest/zdu/cluster", self.upgrade_overview, access=administrator)
        site.route("/rest/zdu/nodes/{node_id}", self.upgrade_node, access=administrator)
        upgrade = self._node.upgrade
        base = "/rest/zdu/cluster/zdu" if self._node.settings.has("zdu-admin-path") else "/rest/zdu"
        site.route(f"{base}/state", self.upgrade_overview, access=administrator)
        acts = {
            "start": upgrade.start,
            "cancel": upgrade.cancel,
            "approve": upgrade.approve,
            "retryUpgrade": upgrade.retry,
        }
        for name, act in acts.items():
            site.route(f"{base}/{name}", self._upgrade_act(act), methods=("POST",), access=administrator)

    def current_user(self, call: Call) -> Response:
        """Who is logged in."""
        principal = call.identity.principal
        if principal is None:
            return json_answer({"type": "anonymous", "displayName": "Anonymous"})
        return json_answer(render.user_json(principal))

    def user(self, call: Call) -> Response:
        """Somebody, by name or key."""
        return json_answer(render.user_json(self._find_user(call.query("username") or call.query("key"))))

    def memberships(self, call: Call) -> Response:
        """The groups of somebody."""
        found = self._find_user(call.query("username") or call.query("key"))
        return self._group_page(call, sorted(found.groups), "/rest/api/user/memberof")

    def create_user(self, call: Call) -> Response:
        """Create somebody."""
        body = call.json()
        name, password = str(body.get("userName") or ""), str(body.get("password") or "")
        full_name, email = str(body.get("fullName") or ""), str(body.get("email") or "")
        if not (name and password and full_name and "@" in email):
            raise BadRequest("userName, fullName, email and password are required")
        with self._node.database.transaction() as connection:
            made = self._node.accounts.create_user(
                connection, name, password=password, display_name=full_name, email=email, groups=(USERS,)
            )
        if not made:
            raise BadRequest(f"A user with the name {name[:80]} exists already")
        return json_answer(render.user_json(self._find_user(name)), status=201)

    def delete_user(self, call: Call) -> Response:
        """Remove somebody."""
        with self._node.database.transaction() as connection:
            if not self._node.accounts.delete_user(connection, call.path("name")):
                raise NotFound(f"No user {call.path('name')[:80]}")
        return Response(status_code=204)

    def _activate(self, *, active: bool) -> Callable[[Call], Response]:
        def change(call: Call) -> Response:
            found = self._find_user(call.path("name"))
            with self._node.database.transaction() as connection:
                self._node.accounts.set_active(connection, found.name, active=active)
            return Response(status_code=204)

        return change

    def join_group(self, call: Call) -> Response:
        """Put somebody into a group."""
        found, group = self._find_user(call.path("name")), self._find_group(call.path("group"))
        with self._node.database.transaction() as connection:
            self._node.accounts.add_to_group(connection, found.name, group=group)
        return Response(status_code=204)

    def create_group(self, call: Call) -> Response:
        """Create a group."""
        name = str(call.json().get("name") or "").strip()
        if not name:
            raise BadRequest("A group needs a name")
        with self._node.database.transaction() as connection:
            if not self._node.accounts.create_group(connection, name):
                raise Conflict(f"A group {name[:80]} exists already")
        return json_answer(_group_json(name), status=201)

    def groups(self, call: Call) -> Response:
        """Every group."""
        return self._group_page(call, self._node.accounts.groups(), "/rest/api/group")

    def members(self, call: Call) -> Response:
        """The people in a group."""
        group = self._find_group(call.path("group"))
        start, limit = bounds(call, 200)
        found = self._node.accounts.members(group)
        results = [render.user_json(member) for member in found[start : start + limit]]
        path = f"/rest/api/group/{group}/member"
        more = len(found) > start + limit
        return json_answer(
            render.page_of(results, self._links(), path=path, start=start, limit=limit, more=more)
        )

    def tokens(self, call: Call) -> Response:
        """The caller's tokens."""
        return json_answer(
            [_token_json(token) for token in self._node.accounts.tokens_of(call.principal.name)]
        )

    def create_token(self, call: Call) -> Response:
        """Make a token for the caller; it is shown once."""
        body = call.json()
        name, days = str(body.get("name") or "").strip(), body.get("expirationDuration")
        if not name or not (days is None or (isinstance(days, int) and 0 < days <= 3650)):
            raise BadRequest("A token needs a name, and a number of days or none")
        token = self._node.accounts.create_token(call.principal.name, name, days=days)
        return json_answer(_token_json(token) | {"rawToken": token.raw}, status=201)

    def revoke_token(self, call: Call) -> Response:
        """Revoke one of the caller's tokens."""
        row_id = call.path("token_id")
        if not row_id.isdigit() or not self._node.accounts.revoke_token(call.principal.name, int(row_id)):
            raise NotFound("There is no such token")
        return Response(status_code=204)

    def cluster_nodes(self, call: Call) -> Response:
        """The members of the cluster, a page at a time."""
        start, limit = bounds(call)
        members = self._node.membership.members()
        results = [_node_status_json(member) for member in members[start : start + limit]]
        path = "/rest/api/cluster/nodes"
        more = len(members) > start + limit
        answer = render.page_of(results, self._links(), path=path, start=start, limit=limit, more=more)
        return json_answer(answer | {"totalCount": len(members)})

    def monitored_nodes(self, _: Call) -> Response:
        """The members as the cluster monitoring app lists them."""
        return json_answer(
            [
                {"nodeId": member.node_id, "name": member.name, "ip": member.address}
                for member in self._node.membership.members()
            ]
        )

    def upgrade_overview(self, _: Call) -> Response:
        """The state of a rolling upgrade, and the nodes."""
        self._refuse_unclustered()
        return json_answer(self._node.upgrade.overview())

    def upgrade_node(self, call: Call) -> Response:
        """One node."""
        self._refuse_unclustered()
        return json_answer(self._node.upgrade.node(call.path("node_id")))

    def health(self, _: Call) -> Response:
        """The health checks of this node, run now."""
        return json_answer({"statuses": self._node.health.statuses()})

    def apps(self, _: Call) -> Response:
        """The apps of this node; no user has installed any."""
        own = {
            "enabled": True,
            "key": _UPM_KEY,
            "name": "Atlassian Universal Plugin Manager Plugin",
            "version": "8.0.0",
            "userInstalled": False,
            "optional": False,
            "static": False,
            "unrecognisedModuleTypes": False,
            "links": {"self": f"/rest/plugins/1.0/{_UPM_KEY}-key"},
        }
        return JSONResponse(
            {"plugins": [own], "links": {}},
            media_type="application/vnd.atl.plugins.installed+json",
            headers={"upm-token": str(secrets.randbelow(2**62))},
        )

    def server_information(self, _: Call) -> Response:
        """Release and build of this node."""
        release = self._node.kit.release
        return json_answer(
            {
                "baseUrl": self._links().base,
                "version": str(release),
                "versionNumbers": [release.major, release.minor, release.patch],
                "deploymentType": "Data Center",
                "buildNumber": release.build_number,
            }
        )

    def manifest(self, _: Call) -> Response:
        """What the site tells other applications, without a login."""
        release = self._node.kit.release
        return json_answer(
            {
                "id": "understudy-wiki",
                "name": "Understudy of a wiki",
                "typeId": "confluence",
                "version": str(release),
                "buildNumber": release.build_number,
                "url": self._links().base,
            }
        )

    def access_mode(self, _: Call) -> Response:
        """Read-only mode is not held, so the site can always be written."""
        return json_answer("READ_WRITE")

    def shared_drafts(self, _: Call) -> Response:
        """Whether collaborative editing is on."""
        return json_answer({"sharedDraftsEnabled": bool(self._node.settings.synchrony_url)})

    def synchrony_status(self, _: Call) -> Response:
        """Whether the companion answers."""
        return json_answer({"status": "running" if self._node.health.synchrony_runs() else "stopped"})

    def _upgrade_act(self, act: Callable[[], None]) -> Callable[[Call], Response]:
        def perform(_: Call) -> Response:
            self._refuse_unclustered()
            act()
            stored = self._node.upgrade.stored()
            state = cluster_state(stored, self._node.membership.members())
            return json_answer({"state": state, "upgradeModeEnabled": stored.upgrade_mode})

        return perform

    def _refuse_unclustered(self) -> None:
        if not self._node.membership.clustered:
            raise Forbidden("This is only available in a clustered installation")

    def _find_user(self, name: str) -> Principal:
        found = self._node.accounts.find(name)
        if found is None:
            raise NotFound(f"No user found with key : {name[:80]}")
        return found

    def _find_group(self, name: str) -> str:
        found = self._node.accounts.find_group(name)
        if found is None:
            raise NotFound(f"No group found with name : {name[:80]}")
        return found

    def _group_page(self, call: Call, names: list[str], path: str) -> Response:
        start, limit = bounds(call, 200)
        results = [_group_json(name) for name in names[start : start + limit]]
        more = len(names) > start + limit
        return json_answer(
            render.page_of(results, self._links(), path=path, start=start, limit=limit, more=more)
        )


def _group_json(name: str) -> Json:
    return {"type": "group", "name": name}


def _token_json(token: Token) -> Json:
    return {
        "id": str(token.row_id),
        "name": token.name,
        "createdAt": render.time_json(token.created_at),
        "expiringAt": None if token.expires_at is None else render.time_json(token.expires_at),
    }


def _node_status_json(member: Member) -> Json:
    """Shape ``NodeStatus`` of the reference; the id is a number there, so it is one made from ours."""
    return {
        "nodeId": zlib.crc32(member.node_id.encode()) & 0x7FFFFFFF,
        "jvmStats": {},
        "props": {"confluence.cluster.node.name": member.name, "ip": member.address},
        "buildStats": {"version": member.version, "buildNumber": str(member.build_number)},
    }
