"""One node, put together, and its way from STARTING to RUNNING.

Order of a start: homes and git, database and schema, cluster port and the right to join, set-up, then git over SSH.
Without a database, or refused by the cluster, a node goes to ERROR and stays there, as the product does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from starlette.types import ASGIApp

from understudy.bitbucket.betrayal import Betrayal
from understudy.bitbucket.cluster import Cluster
from understudy.bitbucket.comments import Comments
from understudy.bitbucket.companion import Companion
from understudy.bitbucket.edge import CountRequests, Edge
from understudy.bitbucket.git import Git
from understudy.bitbucket.hosting import Hosting
from understudy.bitbucket.housekeeping import Housekeeping
from understudy.bitbucket.http_git import HttpGit
from understudy.bitbucket.indexing import Indexer
from understudy.bitbucket.installation import Installation
from understudy.bitbucket.logins import REMEMBER_COOKIE, SESSION_COOKIE, BitbucketLogins
from understudy.bitbucket.maintenance import HINT, LOAD, Maintenance
from understudy.bitbucket.operations import Operations
from understudy.bitbucket.outgoing import Banner, OutgoingRest, addressees, mail_prefix
from understudy.bitbucket.pages import Pages
from understudy.bitbucket.permissions import Permissions
from understudy.bitbucket.projects import Projects
from understudy.bitbucket.properties import Properties
from understudy.bitbucket.pulls import PullRequests
from understudy.bitbucket.refs import Refs
from understudy.bitbucket.rest_admin import AdminRest
from understudy.bitbucket.rest_content import ContentRest
from understudy.bitbucket.rest_people import PeopleRest
from understudy.bitbucket.rest_projects import ProjectsRest
from understudy.bitbucket.rest_pulls import PullsRest
from understudy.bitbucket.rest_search import SearchRest
from understudy.bitbucket.rolling import RollingUpgrade
from understudy.bitbucket.schema import SCHEMA
from understudy.bitbucket.services import Services
from understudy.bitbucket.settings import BitbucketSettings
from understudy.bitbucket.shapes import Shapes
from understudy.bitbucket.ssh import SshServer
from understudy.bitbucket.sshkeys import SshKeys
from understudy.bitbucket.wizard import Wizard
from understudy.kit.accounts import ACCOUNT_SCHEMA, Accounts
from understudy.kit.cluster import Message
from understudy.kit.control import Arguments, Command
from understudy.kit.database import Database
from understudy.kit.errors import UnderstudyError
from understudy.kit.homes import exclusive_home, make_folder
from understudy.kit.lifecycle import Lifecycle, State
from understudy.kit.logins import LoginRules
from understudy.kit.outgoing import Outgoing
from understudy.kit.sabotage import (
    ABSENT_COMMIT,
    ACKNOWLEDGE_BEFORE_COMMIT,
    REF_GOES_BACK,
    STALE_AFTER_FAILOVER,
    EverySo,
    StaleAfterFailover,
)
from understudy.kit.sessions import Sessions
from understudy.kit.settings import Endpoint, KitSettings
from understudy.kit.static_files import StaticFiles
from understudy.kit.web import Site, SiteRules

Answer = Callable[[Message], Mapping[str, object]]

_DATABASE_PATIENCE_SECONDS = 10.0
_JOIN_HEARTBEATS = 3


class BitbucketNode:
    """A node; see :class:`understudy.kit.main.Node`.

    Args:
        settings: of this node.
    """

    def __init__(self, settings: BitbucketSettings) -> None:
        self._settings = settings
        self.lifecycle = Lifecycle()
        self._held = ExitStack()
        self._opening = threading.Lock()
        self._services = build_services(settings, self.lifecycle, answer=self._answer)
        services = self._services
        self._edge = Edge(settings, self.lifecycle)
        self._hosting = Hosting(
            services.git,
            services.projects,
            permissions=services.permissions,
            refs=services.refs,
            patience=settings.hosting_patience,
            betrayal=Betrayal(
                services.git,
                goes_back=EverySo(3 if REF_GOES_BACK in settings.kit.sabotage else 0),
                loses=EverySo(3 if ABSENT_COMMIT in settings.kit.sabotage else 0),
            ),
        )
        self._installation = Installation(
            services.database, services.properties, services.accounts, given=settings.set_up
        )
        self._ssh = SshServer(
            settings.ssh,
            settings.shared_home / "config" / "ssh-server-keys.pem",
            hosting=self._hosting,
            keys=services.keys,
            closed=self._closed,
        )
        self._housekeeping = Housekeeping(
            self.lifecycle,
            services.database,
            projects=services.projects,
            refs=services.refs,
            indexer=services.indexer,
            maintenance=services.maintenance,
            cluster=services.cluster,
        )

    @property
    def kit(self) -> KitSettings:
        """Settings of the stand-in itself."""
        return self._settings.kit

    @property
    def endpoint(self) -> Endpoint:
        """Where to serve HTTP."""
        return self._settings.listen

    @property
    def log_file(self) -> Path:
        """Source: Bitbucket KB "Enable debug logging" (``<home>/log/atlassian-bitbucket.log``)."""
        return self._settings.home / "log" / "atlassian-bitbucket.log"

    def application(self) -> ASGIApp:
        """The web application."""
        services, edge = self._services, self._edge
        rules = SiteRules(
            context_path=self._settings.context_path,
            gate=edge.gate,
            problem=edge.problem,
            is_administrator=services.permissions.is_administrator,
            decorate=lambda response, identity, _: edge.decorate(response, identity),
        )
        site = Site(services.logins, rules)
        site.raw("/status", edge.status)
        HttpGit(self._hosting, services.logins, gate=edge.gate).add_to(site)
        search = SearchRest(services)
        for part in (
            AdminRest(services),
            OutgoingRest(services),
            PeopleRest(services),
            ProjectsRest(services),
            ContentRest(services),
            PullsRest(services),
            search,
            Operations(services),
            Pages(services, search, Banner(services.database)),
            Wizard(
                self._installation,
                services.logins,
                context_path=self._settings.context_path,
                completed=self._open_doors,
            ),
        ):
            part.add_to(site)
        if not self._settings.has("cdn-rest-absent"):
            StaticFiles(services.database).add_to(site)
        application: ASGIApp = CountRequests(
            site.build(), services.maintenance, context_path=self._settings.context_path
        )
        if STALE_AFTER_FAILOVER in self.kit.sabotage:
            application = StaleAfterFailover(application, lambda: len(services.cluster.living()))
        return application

    def start(self) -> None:
        """Bring the node to RUNNING, or to FIRST_RUN where set-up lacks values.

        Raises:
            UnderstudyError: the node cannot start; it is in ERROR then.
        """
        self._open_homes()
        self._open_database()
        self._join()
        complete = self._installation.complete()
        self.lifecycle.pause(self.kit.start_seconds - self.lifecycle.age)
        if complete:
            self._open_doors()
            return
        self.lifecycle.move(State.FIRST_RUN, "set-up lacks values")
        while self.lifecycle.pause(1.0):
            # Another node may be the one on which set-up is completed.
            if self.lifecycle.state is not State.FIRST_RUN:
                return
            if self._installation.is_complete():
                self._open_doors()

    def _open_homes(self) -> None:
        self._held.enter_context(exclusive_home(self._settings.home / ".lock"))
        for folder in (self._settings.repositories, self._settings.shared_home / "config"):
            make_folder(folder)
        self._services.git.open()

    def _open_database(self) -> None:
        database = self._services.database
        if not database.wait_until_reachable(_DATABASE_PATIENCE_SECONDS):
            raise UnderstudyError("the database cannot be reached")
        database.prepare_schema("bitbucket schema", (*ACCOUNT_SCHEMA, *SCHEMA))

    def _join(self) -> None:
        """Find the other members, and leave again if they run what we may not join."""
        cluster = self._services.cluster
        cluster.open()
        deadline = time.monotonic() + _JOIN_HEARTBEATS * self.kit.link_seconds
        while len(cluster.members()) < cluster.expected() and time.monotonic() < deadline:
            if not self.lifecycle.pause(0.05):
                return
        objection = self._services.rolling.objection()
        if objection is not None:
            cluster.close()
            raise UnderstudyError(f"this node may not join the cluster: {objection}")

    def _open_doors(self) -> None:
        """The last step, done once."""
        with self._opening:
            if self.lifecycle.state not in {State.STARTING, State.FIRST_RUN}:
                return
            self._services.rolling.note_release()
            if self._settings.ssh.enabled:
                self._ssh.start()
            locked = self._services.maintenance.current() is not None
            state = State.MAINTENANCE if locked else State.RUNNING
            self.lifecycle.move(state, "the start is complete")
            self._housekeeping.start()

    def stop(self) -> None:
        """Leave the cluster and end everything."""
        self._ssh.stop()
        self._services.git.close()
        self._housekeeping.join(5.0)
        self._services.cluster.close()
        self._services.database.close()
        self._held.close()

    def commands(self) -> Mapping[str, Command]:
        """``database`` cuts the network to the database, or mends it."""

        def cut_database(arguments: Arguments) -> Arguments:
            self._services.database.cut(bool(arguments["cut"]))
            return {"cut": bool(arguments["cut"])}

        return {"database": cut_database}

    def _answer(self, message: Message) -> Mapping[str, object]:
        """Answer another member."""
        if message.get("kind") == HINT:
            self._services.maintenance.follow()
            return {}
        return self._services.maintenance.load() if message.get("kind") == LOAD else {}

    def _closed(self) -> str | None:
        """Why git over SSH serves nobody just now."""
        if self.lifecycle.state in {State.RUNNING, State.STOPPING}:
            return None
        return f"The server is not available: {self.lifecycle.state}."


def build_services(settings: BitbucketSettings, lifecycle: Lifecycle, *, answer: Answer) -> Services:
    """Make the parts of a node; nothing is opened yet."""
    durable = ACKNOWLEDGE_BEFORE_COMMIT not in settings.kit.sabotage
    database = Database(settings.database, durable=durable)
    accounts = Accounts(database)
    properties = Properties(database)
    git = Git(settings.home / "caches" / "git", tickets=settings.hosting_tickets)
    cluster = Cluster(settings, lifecycle, answer=answer)
    projects = Projects(database, git, settings.repositories)
    refs = Refs(database, projects, git, node=cluster.node_id)
    rules = LoginRules(
        session_cookie=SESSION_COOKIE,
        remember_cookie=REMEMBER_COOKIE,
        remember_seconds=settings.remember_seconds,
        cookie_path=settings.context_path or "/",
        secure_cookies=settings.secure_cookies,
        login_path=f"{settings.context_path}/login",
    )
    companion = Companion(settings.companion)
    prefix = mail_prefix(elsewhere=settings.has("mail-keys-elsewhere"))
    return Services(
        settings=settings,
        lifecycle=lifecycle,
        database=database,
        accounts=accounts,
        logins=BitbucketLogins(accounts, Sessions(idle_seconds=settings.session_seconds), rules),
        properties=properties,
        permissions=Permissions(database),
        git=git,
        projects=projects,
        refs=refs,
        pulls=PullRequests(database, projects, git, refs=refs),
        comments=Comments(database),
        keys=SshKeys(database, accounts),
        shapes=Shapes(accounts, properties, settings),
        companion=companion,
        indexer=Indexer(database, projects, companion),
        cluster=cluster,
        rolling=RollingUpgrade(database, properties, cluster),
        maintenance=Maintenance(database, properties, lifecycle, git=git),
        outgoing=Outgoing(lambda: addressees(database, prefix), mail_off=False, name_key="eventKey"),
    )
