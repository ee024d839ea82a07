"""Everything a route may use, in one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from understudy.jira.attachments import Attachments
from understudy.jira.indexing import IssueIndex
from understudy.jira.issuerows import IssueReader
from understudy.jira.issues import Issues, Operations
from understudy.jira.locks import ClusterLocks
from understudy.jira.projects import Projects
from understudy.jira.properties import BASE_URL, Properties
from understudy.jira.registry import Registry
from understudy.jira.settings import JiraSettings
from understudy.jira.upgrades import Upgrades
from understudy.kit.accounts import Accounts, Principal
from understudy.kit.cluster import Mesh
from understudy.kit.database import Database
from understudy.kit.lifecycle import Lifecycle
from understudy.kit.logins import Logins
from understudy.kit.outgoing import Event, Outgoing

ADMINISTRATORS = "jira-administrators"
USERS = "jira-software-users"
XSRF_COOKIE = "atlassian.xsrf.token"
PRODUCT = "Understudy of an issue tracker"


@dataclass(frozen=True)
class Services:
    """The parts of one node.

    ``mesh`` is None where the node is not clustered; ``finish_setup`` makes a node that was set up go
    on to RUNNING.
    """

    settings: JiraSettings
    lifecycle: Lifecycle
    node_id: str
    clustered: bool
    database: Database
    properties: Properties
    accounts: Accounts
    logins: Logins
    registry: Registry
    locks: ClusterLocks
    upgrades: Upgrades
    projects: Projects
    operations: Operations
    issues: Issues
    reader: IssueReader
    attachments: Attachments
    index: IssueIndex
    mesh: Mesh | None
    outgoing: Outgoing
    finish_setup: Callable[[], None]

    def tell(self, name: str, key: str, *, by: Principal) -> None:
        """Tell others what happened to an issue."""
        self.outgoing.tell(Event(name, f"{name} {key}", (by.email,), {"issue": {"key": key}}))

    def base(self, request: Request) -> str:
        """Base URL for links in answers: that of the proxy where one is set, else of the request."""
        settings = self.settings
        if settings.proxy_name:
            usual = {"http": 80, "https": 443}.get(settings.scheme)
            port = "" if settings.proxy_port in {0, usual} else f":{settings.proxy_port}"
            return f"{settings.scheme}://{settings.proxy_name}{port}{settings.context_path}"
        return f"{request.url.scheme}://{request.url.netloc}{settings.context_path}"

    def configured_base_url(self, request: Request) -> str:
        """The base URL that was set; that of the request before."""
        return self.properties.get(BASE_URL) or self.base(request)


def is_administrator(principal: Principal) -> bool:
    """Whether somebody is an administrator."""
    return principal.is_in(frozenset({ADMINISTRATORS}))
