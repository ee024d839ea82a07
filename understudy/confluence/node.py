"""One node: its parts put together, its start, its stop, and what may reach it in which state."""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from understudy.confluence import answers
from understudy.confluence.attachments import Attachments
from understudy.confluence.configfile import (
    CLUSTER_SECRET,
    COMPLETE,
    JDBC_PASSWORD,
    JDBC_URL,
    JDBC_USER,
    SERVER_ID,
    ConfigStore,
)
from understudy.confluence.health import Health
from understudy.confluence.journal import clean_entries
from understudy.confluence.membership import Handler, Membership
from understudy.confluence.outgoing import Settings, addressees, store_settings
from understudy.confluence.recovery import IndexRecovery
from understudy.confluence.safety import SafetyJob
from understudy.confluence.schema import STATEMENTS
from understudy.confluence.settings import WikiSettings
from understudy.confluence.setup import FirstAdministrator, Setup, SetupSteps
from understudy.confluence.upgrade import StartRefused, Upgrade
from understudy.confluence.wikiindex import WikiIndex
from understudy.kit.accounts import ACCOUNT_SCHEMA, Accounts, Principal
from understudy.kit.cluster import Message
from understudy.kit.control import Arguments, Command
from understudy.kit.database import Database, DatabaseAddress
from understudy.kit.edit_tokens import Claims, document_of_page, load_secret, make_token
from understudy.kit.errors import DatabaseUnavailable, SettingsError
from understudy.kit.homes import exclusive_home
from understudy.kit.lifecycle import Lifecycle, State
from understudy.kit.logins import LoginRules, Logins
from understudy.kit.outgoing import Event, Outgoing, is_mail_off
from understudy.kit.sabotage import (
    ACKNOWLEDGE_BEFORE_COMMIT,
    DROP_REPLICATED_OPERATION,
    TORN_ATTACHMENT,
    EverySo,
)
from understudy.kit.sessions import Sessions
from understudy.kit.settings import Endpoint, KitSettings

_LOG = logging.getLogger("understudy.confluence.node")

ADMINISTRATORS = "confluence-administrators"
USERS = "confluence-users"
_CATCH_UP_SECONDS = 60.0
_DATABASE_SECONDS = 10.0
_TOKEN_SECONDS = 3600


class WikiNode:
    """One node of the wiki, without its routes.

    Args:
        settings: of the node.

    Raises:
        SettingsError: no database is named, or its address cannot be read.
    """

    def __init__(self, settings: WikiSettings) -> None:
        self.settings = settings
        self.lifecycle = Lifecycle()
        self.store = ConfigStore(settings)
        sabotage = settings.kit.sabotage
        self.database = Database(
            _database_address(self.store), durable=ACKNOWLEDGE_BEFORE_COMMIT not in sabotage
        )
        self.accounts = Accounts(self.database)
        self.sessions = Sessions(idle_seconds=settings.session_minutes * 60.0)
        self.logins = Logins(self.accounts, self.sessions, _login_rules(settings))
        self.index = WikiIndex(
            self.database,
            local_home=settings.local_home,
            gather_seconds=settings.index_seconds,
            drops=EverySo(3 if DROP_REPLICATED_OPERATION in sabotage else 0),
        )
        self.membership = Membership(settings, self.lifecycle, count_users=lambda: self.sessions.count)
        self.recovery = IndexRecovery(settings, self.database, self.membership, self.index)
        self.safety = SafetyJob(
            self.database,
            self.membership,
            self.lifecycle,
            interval=settings.safety_seconds,
            split_seconds=settings.split_seconds,
            panic=self.panic,
        )
        self.upgrade = Upgrade(
            settings, self.database, self.membership, lifecycle=self.lifecycle, finished=self._take_build
        )
        self.health = Health(settings, self.database, self.index, node_id=self.membership.node_id)
        self.site_settings = Settings(self.database)
        self.outgoing = Outgoing(
            lambda: addressees(self.database), mail_off=is_mail_off(settings.java_properties)
        )
        self.attachments = Attachments(
            self.database, settings.shared_home, tears=EverySo(2 if TORN_ATTACHMENT in sabotage else 0)
        )
        steps = SetupSteps(self._build_context, self._fill, self._add_administrator, self._finish_setup)
        self.setup = Setup(settings, self.store, self.lifecycle, logins=self.logins, steps=steps)
        self._held = contextlib.ExitStack()
        self._synchrony_secret = b""

    @property
    def kit(self) -> KitSettings:
        """Settings of the stand-in itself."""
        return self.settings.kit

    @property
    def endpoint(self) -> Endpoint:
        """Where to serve HTTP."""
        return Endpoint(self.settings.kit.bind, self.settings.http_port)

    @property
    def log_file(self) -> Path:
        """Where the product writes its log. Source: Atlassian, "Working with Confluence logs"."""
        return self.settings.local_home / "logs" / "atlassian-confluence.log"

    def start(self) -> None:
        """Bring the node to RUNNING, or to FIRST_RUN where it has not been set up."""
        began = time.monotonic()
        self._held.enter_context(exclusive_home(self.settings.local_home / "lock"))
        if self.store.config.complete:
            self._serve_from(began)
            return
        if not self.database.wait_until_reachable(_DATABASE_SECONDS):
            raise DatabaseUnavailable("the database cannot be reached")
        self.setup.resume()
        self._wait_out_start(began)
        self.lifecycle.move(State.FIRST_RUN, "the set-up has not been finished")

    def stop(self) -> None:
        """Leave the cluster and close everything."""
        self.membership.leave()
        self.index.close()
        self.database.close()
        self._held.close()

    def changed(self) -> None:
        """Something has been written to the journal by this node."""
        self.index.hint()
        self.membership.tell("journal")

    def tell(self, name: str, title: str, *, by: Principal) -> None:
        """Tell others what happened to a page."""
        self.outgoing.tell(Event(name, f"{name} {title}", (by.email,), {"page": {"title": title}}))

    def synchrony_token(self, user_name: str, content_id: int) -> str:
        """A token for the collaborative editing of a page; empty where that is off."""
        if not self.settings.synchrony_url:
            return ""
        if not self._synchrony_secret:
            self._synchrony_secret = load_secret(self.database, "jwt")
        claims = Claims(user_name, document_of_page(content_id), int(time.time()) + _TOKEN_SECONDS)
        return make_token(self._synchrony_secret, claims)

    def panic(self, reason: str) -> None:
        """Stop serving for good; the other members of the same cluster do so as well."""
        if self.lifecycle.state is State.ERROR:
            return
        _LOG.error("Received a panic event, stopping processing on the node: %s", reason)
        self.lifecycle.move(State.ERROR, reason)
        self.membership.tell("panic", wait=1.0, reason=reason)
        self.membership.leave()
        threading.Thread(target=self.index.pause, name="panic", daemon=True).start()

    def gate(self, request: Request) -> Response | None:
        """An answer in place of the one a route would give, where the state of the node asks for it."""
        path = request.url.path.removeprefix(self.settings.context_path)
        in_setup = path.startswith(("/setup/", "/bootstrap/"))
        state = self.lifecycle.state
        if state is State.FIRST_RUN:
            return self._gate_setup(request, path, in_setup=in_setup)
        if state in {State.STARTING, State.ERROR, State.MAINTENANCE}:
            return answers.unavailable(state, self.lifecycle.reason, path=path)
        if in_setup:
            return answers.already_set_up(self.settings.context_path)
        return None

    def commands(self) -> Mapping[str, Command]:
        """Commands for the control listener."""

        def panic(_: Arguments) -> Arguments:
            self.panic("set by the control listener")
            return {}

        def cut_database(arguments: Arguments) -> Arguments:
            self.database.cut(bool(arguments["cut"]))
            return {}

        def break_index(_: Arguments) -> Arguments:
            return {"files": self.index.damage()}

        def clean_journal(_: Arguments) -> Arguments:
            return {"snapshot": self.clean_journal()}

        return {
            "panic": panic,
            "cut-database": cut_database,
            "break-index": break_index,
            "clean-journal": clean_journal,
        }

    def clean_journal(self) -> bool:
        """The job "Clean Journal Entries": drop old entries, and put a snapshot into the shared home."""
        clean_entries(self.database, seconds=self.settings.journal_seconds)
        return self.recovery.back_up()

    def _handlers(self) -> dict[str, Handler]:
        """What to do with the messages of other nodes."""

        def on_journal(_: str, __: Message) -> Message:
            self.index.hint()
            return {}

        def on_panic(_: str, message: Message) -> Message:
            self.panic(str(message.get("reason", "")))
            return {}

        def on_upgrade(_: str, message: Message) -> Message:
            self._take_build(int(message["buildNumber"]))
            return {}

        return {
            "journal": on_journal,
            "panic": on_panic,
            "upgrade-finished": on_upgrade,
            "safety-put": self.safety.handle_put,
            "safety-get": self.safety.handle_get,
            "index-query": self.recovery.handle_query,
            "index-request": self.recovery.handle_request,
            "index-arrived": self.recovery.handle_arrived,
            "index-take": self.recovery.handle_take,
        }

    def _gate_setup(self, request: Request, path: str, *, in_setup: bool) -> Response | None:
        if (trouble := self.setup.trouble) is not None:
            if request.method == "POST" and path == "/setup/setupcluster.action":
                self.setup.refuse_second_cluster_post()
            return answers.no_context(trouble)
        return None if in_setup else answers.to_setup(self.settings.context_path, path)

    def _serve_from(self, began: float) -> None:
        """The start of a node that has been set up."""
        if not self.database.wait_until_reachable(_DATABASE_SECONDS):
            raise DatabaseUnavailable("the database cannot be reached")
        self.membership.join(self.store.config, self._handlers())
        self.database.prepare_schema("wiki schema", (*ACCOUNT_SCHEMA, *STATEMENTS))
        self._check_build()
        self.upgrade.prepare_start()
        self._begin_service()
        self._wait_out_start(began)
        self.lifecycle.move(State.RUNNING, "the start is complete")

    def _check_build(self) -> None:
        """The build number of the file and that of the database must agree.

        Source: container documentation, on ``ATL_FORCE_CFG_UPDATE`` and rolling upgrades.
        """
        stored, own = self.upgrade.stored().build_number, self.store.config.build_number
        if stored != own:
            raise StartRefused(
                f"build number {own} of the configuration file is not {stored} of the database"
            )

    def _begin_service(self) -> None:
        if self.membership.clustered:
            self.safety.start()
        done = self.recovery.bring_up()
        self.index.follow()
        if not self.index.catch_up(timeout=_CATCH_UP_SECONDS):
            _LOG.warning("the index has not caught up within %g s", _CATCH_UP_SECONDS)
        _LOG.info("index %s, at journal entry %d", done, self.index.position)
        threading.Thread(target=self._clean_regularly, name="clean-journal", daemon=True).start()

    def _clean_regularly(self) -> None:
        while self.lifecycle.pause(self.settings.clean_seconds):
            with contextlib.suppress(DatabaseUnavailable):
                self.clean_journal()

    def _wait_out_start(self, began: float) -> None:
        self.lifecycle.pause(self.settings.kit.start_seconds - (time.monotonic() - began))

    def _build_context(self, fresh: bool) -> None:
        config = self.store.config
        if fresh and self._has_tables():
            raise StartRefused('ERROR: relation "content" already exists')
        if config.clustered and not config.get(CLUSTER_SECRET):
            self.store.change(lambda old: old.with_entries({CLUSTER_SECRET: secrets.token_urlsafe(32)}))
        self.database.prepare_schema("wiki schema", (*ACCOUNT_SCHEMA, *STATEMENTS))
        if not self.membership.clustered:
            self.membership.join(self.store.config, self._handlers())

    def _has_tables(self) -> bool:
        return (
            self.database.fetch_one(
                "select to_regclass('content') as found where to_regclass('content') is not null"
            )
            is not None
        )

    def _fill(self, base_url: str) -> None:
        release = self.settings.kit.release
        with self.database.transaction() as connection:
            connection.execute(
                """insert into confversion (confversionid, buildnumber, version) values (1, %s, %s)
                    on conflict do nothing""",
                (release.build_number, str(release)),
            )
            store_settings(connection, _public_url(self.settings) or base_url)
            for group in (ADMINISTRATORS, USERS):
                self.accounts.create_group(connection, group)

    def _add_administrator(self, wanted: FirstAdministrator) -> str:
        with self.database.transaction() as connection:
            made = self.accounts.create_user(
                connection,
                wanted.name,
                password=wanted.password,
                display_name=wanted.full_name,
                email=wanted.email,
                groups=(ADMINISTRATORS, USERS),
            )
        return "" if made else "This user name is taken."

    def _finish_setup(self) -> None:
        release = self.settings.kit.release
        server_id = "-".join(secrets.token_hex(2).upper() for _ in range(4))
        self.store.change(
            lambda config: (
                config.with_step(COMPLETE)
                .with_build(release.build_number)
                .with_entries({SERVER_ID: server_id})
            ),
            share=True,
        )
        self._begin_service()
        self.lifecycle.move(State.RUNNING, "the set-up is complete")

    def _take_build(self, build_number: int) -> None:
        self.store.change(lambda config: config.with_build(build_number), share=True)


def _database_address(store: ConfigStore) -> DatabaseAddress:
    config = store.config
    if not config.get(JDBC_URL):
        raise SettingsError(("ATL_JDBC_URL is not set",))
    try:
        return DatabaseAddress.from_jdbc(
            config.get(JDBC_URL), user=config.get(JDBC_USER), password=config.get(JDBC_PASSWORD)
        )
    except ValueError as error:
        raise SettingsError((f"ATL_JDBC_URL: {error}",)) from error


def _login_rules(settings: WikiSettings) -> LoginRules:
    """Cookie names: ``JSESSIONID`` of Tomcat and ``seraph.confluence`` for remember-me."""
    return LoginRules(
        session_cookie="JSESSIONID",
        remember_cookie="seraph.confluence",
        remember_seconds=float(settings.remember_seconds),
        cookie_path=settings.context_path or "/",
        secure_cookies=settings.scheme == "https",
        login_path=f"{settings.context_path}/login.action",
    )


def _public_url(settings: WikiSettings) -> str:
    if not settings.proxy_name:
        return ""
    port = settings.proxy_port
    usual = port in {0, 443 if settings.scheme == "https" else 80}
    return f"{settings.scheme}://{settings.proxy_name}{'' if usual else f':{port}'}{settings.context_path}"
