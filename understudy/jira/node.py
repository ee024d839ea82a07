"""One node: how it is put together, starts, and leaves."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from starlette.types import ASGIApp

from understudy.jira import configfiles
from understudy.jira.assembly import assemble, cluster_of
from understudy.jira.properties import SETUP_DONE
from understudy.jira.recovery import IndexNotRecovered, recover_index
from understudy.jira.registry import NodeState
from understudy.jira.schema import JIRA_SCHEMA
from understudy.jira.settings import JiraSettings
from understudy.jira.setup import SetupPages
from understudy.jira.site import JiraSite
from understudy.kit.accounts import ACCOUNT_SCHEMA
from understudy.kit.control import Arguments, Command
from understudy.kit.errors import DatabaseUnavailable, UnderstudyError
from understudy.kit.homes import exclusive_home, make_folder
from understudy.kit.lifecycle import Lifecycle, State
from understudy.kit.sabotage import TWO_PRIMARIES, SecondPrimary
from understudy.kit.settings import Endpoint, Environment, KitSettings

_LOCAL_FOLDERS = ("caches/indexesV1", "log", "tmp", "localq", "plugins/.bundled-plugins")
_SHARED_FOLDERS = (
    "data/attachments",
    "data/avatars",
    "plugins/installed-plugins",
    "export/indexsnapshots",
    "import",
    "caches",
    "logos",
    "keys",
    "node-status",
)
_DATABASE_PATIENCE = 5.0


class JiraNode:
    """A node as the process runs it; see :class:`understudy.kit.main.Node`."""

    def __init__(self, settings: JiraSettings) -> None:
        self.settings = settings
        self.lifecycle = Lifecycle()
        self._held = ExitStack()
        self.services = assemble(settings, self.lifecycle, finish_setup=self._finish_setup)
        self._setup = SetupPages(self.services)
        self._site = JiraSite(self.services, self._setup)

    @classmethod
    def from_environment(cls, environment: Environment) -> JiraNode:
        """What the entry point of the image does: write the files once, then start.

        Raises:
            SettingsError: a variable is missing or wrong.
        """
        settings = JiraSettings.read(environment)
        make_folder(settings.home)
        configfiles.write_database(settings.home, settings.database, overwrite=settings.force_config)
        if settings.cluster is not None:
            configfiles.write_cluster(
                settings.home,
                settings.shared_home,
                settings=settings.cluster,
                overwrite=settings.force_config,
            )
        if (found := configfiles.read_cluster(settings.home)) is not None:
            settings = replace(settings, cluster=found[0], shared_home=found[1])
        return cls(settings)

    @property
    def kit(self) -> KitSettings:
        """Settings of the stand-in itself."""
        return self.settings.kit

    @property
    def endpoint(self) -> Endpoint:
        """Where HTTP is served."""
        return self.settings.endpoint

    @property
    def log_file(self) -> Path:
        """The log of the product in the local home."""
        return self.settings.home / "log" / "atlassian-jira.log"

    def application(self) -> ASGIApp:
        """The web application."""
        return self._site.build()

    def start(self) -> None:
        """Bring the node to RUNNING or FIRST_RUN.

        Raises:
            UnderstudyError: "Startup check failed. Jira will be locked."; the process stays, in ERROR.
        """
        services = self.services
        self._prepare_homes()
        if services.database.address is None or not self._join():
            self.lifecycle.pause(self.kit.start_seconds - self.lifecycle.age)
            self._setup.begin()
            self.lifecycle.move(State.FIRST_RUN, "set-up is not complete")
            return
        self._serve()

    def stop(self) -> None:
        """Leave the cluster and close everything."""
        services = self.services
        services.index.close()
        with suppress(DatabaseUnavailable):
            services.registry.change_state(NodeState.OFFLINE)
        if services.mesh is not None:
            services.mesh.close()
        services.database.close()
        self._held.close()

    def commands(self) -> Mapping[str, Command]:
        """Ways to break this node: its way to the database, its index, the upgrade tasks it runs."""
        services = self.services

        def cut_database(arguments: Arguments) -> Arguments:
            services.database.cut(bool(arguments["cut"]))
            return {}

        def break_index(arguments: Arguments) -> Arguments:
            services.index.mark_broken(str(arguments.get("reason", "broken by the control listener")))
            return {}

        def set_tasks(arguments: Arguments) -> Arguments:
            services.upgrades.fail_tasks = bool(arguments["fail"])
            return {}

        return {"database": cut_database, "index": break_index, "upgrade-tasks": set_tasks}

    def _prepare_homes(self) -> None:
        settings = self.settings
        try:
            for name in _LOCAL_FOLDERS:
                make_folder(settings.home / name)
            for name in _SHARED_FOLDERS:
                make_folder(settings.shared_home / name)
        except OSError as error:
            raise UnderstudyError(f"A home cannot be used: {error.filename}: {error.strerror}.") from error
        self._held.enter_context(exclusive_home(settings.home / ".jira-home.lock"))

    def _join(self) -> bool:
        """Make the schema, enter the registry and open the mesh; False while set-up is pending."""
        services = self.services
        if not services.database.wait_until_reachable(_DATABASE_PATIENCE):
            raise UnderstudyError(
                "Startup check failed. Jira will be locked. The database cannot be reached."
            )
        services.database.prepare_schema("schema", ACCOUNT_SCHEMA + JIRA_SCHEMA)
        self._register()
        return services.properties.get(SETUP_DONE) == "true"

    def _register(self) -> None:
        services = self.services
        cluster = cluster_of(self.settings)
        listener = Endpoint(cluster.listener_host, cluster.listener_port)
        with services.database.transaction() as connection:
            services.upgrades.admit(connection)
            services.registry.register(
                connection, state=NodeState.ACTIVATING, listener=listener, release=self.kit.release
            )
        services.locks.release_own()
        services.registry.keep_beating(self.lifecycle)
        if services.mesh is not None:
            services.mesh.open()

    def _serve(self) -> None:
        """Get an index, then serve."""
        services = self.services
        try:
            recover_index(services.index, services.locks, settings=self.settings, lifecycle=self.lifecycle)
        except IndexNotRecovered as error:
            failed = self.settings.has("index-failure-is-error")
            self.lifecycle.move(State.ERROR if failed else State.MAINTENANCE, str(error))
            return
        self.lifecycle.pause(self.kit.start_seconds - self.lifecycle.age)
        services.registry.change_state(NodeState.ACTIVE)
        services.upgrades.state()
        self.lifecycle.move(State.RUNNING, "the node has started")
        if TWO_PRIMARIES in self.kit.sabotage:
            SecondPrimary(services.database, self.settings.shared_home).watch()

    def _finish_setup(self) -> None:
        """The last page of set-up: what a start does after the database is there."""
        if not any(node.node_id == self.services.node_id for node in self.services.registry.nodes()):
            self._register()
        self._serve()
