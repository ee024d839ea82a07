"""The application of a node: its routes, and what differs at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from understudy.confluence import answers
from understudy.confluence.node import ADMINISTRATORS, WikiNode
from understudy.confluence.outgoing import add_links
from understudy.confluence.pages import PageRoutes
from understudy.confluence.render import Links
from understudy.confluence.rest_admin import AdminRoutes
from understudy.confluence.rest_content import ContentRoutes
from understudy.confluence.rest_files import FileRoutes
from understudy.confluence.rest_properties import PropertyRoutes
from understudy.confluence.rest_search import SearchRoutes
from understudy.confluence.settings import read_settings
from understudy.kit.accounts import Principal
from understudy.kit.control import Command
from understudy.kit.errors import HttpProblem
from understudy.kit.lifecycle import Lifecycle
from understudy.kit.logins import Identity
from understudy.kit.sabotage import STALE_AFTER_FAILOVER, StaleAfterFailover
from understudy.kit.settings import Endpoint, Environment, KitSettings
from understudy.kit.static_files import StaticFiles
from understudy.kit.web import Site, SiteRules


class WikiProcess:
    """A node with its routes, as :func:`understudy.kit.main.run` wants it.

    Args:
        environment: of the process.

    Raises:
        SettingsError: with every problem found.
    """

    def __init__(self, environment: Environment) -> None:
        self._node = WikiNode(read_settings(environment))

    @property
    def kit(self) -> KitSettings:
        """Settings of the stand-in itself."""
        return self._node.kit

    @property
    def lifecycle(self) -> Lifecycle:
        """The states of the node."""
        return self._node.lifecycle

    @property
    def endpoint(self) -> Endpoint:
        """Where to serve HTTP."""
        return self._node.endpoint

    @property
    def log_file(self) -> Path:
        """Where the log is written."""
        return self._node.log_file

    def start(self) -> None:
        """Bring the node to RUNNING or FIRST_RUN."""
        self._node.start()

    def stop(self) -> None:
        """Leave the cluster and close everything."""
        self._node.stop()

    def commands(self) -> Mapping[str, Command]:
        """Commands for the control listener."""
        return self._node.commands()

    def application(self) -> ASGIApp:
        """The web application."""
        node = self._node
        context = node.settings.context_path
        rules = SiteRules(
            context_path=context,
            gate=node.gate,
            problem=lambda problem, request: _problem(problem, request, context),
            is_administrator=_is_administrator,
            decorate=_decorate,
        )
        site = Site(node.logins, rules)
        site.raw("/status", answers.status_endpoint(node.lifecycle, node.settings))
        SearchRoutes(node, self._links).add_to(site)
        ContentRoutes(node, self._links, lambda call: _is_administrator(call.principal)).add_to(site)
        FileRoutes(node, self._links).add_to(site)
        PropertyRoutes(node).add_to(site)
        AdminRoutes(node, self._links, _is_administrator).add_to(site)
        add_links(site, node.database)
        PageRoutes(node, node.synchrony_token).add_to(site)
        if not node.settings.has("cdn-rest-absent"):
            StaticFiles(node.database).add_to(site)
        application = site.build()
        if STALE_AFTER_FAILOVER in node.kit.sabotage:
            return StaleAfterFailover(application, lambda: len(node.membership.members()))
        return application

    def _links(self) -> Links:
        return Links(self._node.site_settings.base_url, self._node.settings.context_path)


def _is_administrator(principal: Principal) -> bool:
    return principal.is_in(frozenset({ADMINISTRATORS}))


def _problem(problem: HttpProblem, request: Request, context_path: str) -> Response:
    return answers.problem_answer(problem, request, context_path=context_path)


def _decorate(response: Response, identity: Identity, _: Request) -> None:
    """Name the user in a header, which the access log of the product prints."""
    if identity.principal is not None:
        response.headers["X-AUSERNAME"] = identity.principal.name
