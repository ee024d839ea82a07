"""A backup is put in place of nothing, changed so that it does not act as the original, whenever it is cut off."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from telamon.errors import ConflictError, PlatformError
from telamon.platforms.backup import restoring, taking
from telamon.platforms.backup.restoring import Place
from telamon.platforms.lab.backup import cloning
from telamon.platforms.lab.backup.cloning import Making
from telamon.products.clone import CloneInputs
from telamon.products.registry import registry
from tests.lab import backups
from tests.lab.backups import TRACKER, Site, attach, needs_restic, quiet

pytestmark = [needs_restic, pytest.mark.timeout(300)]

SETTINGS = """
CREATE TABLE propertyentry (id bigint PRIMARY KEY, entity_name text, entity_id bigint, property_key text,
    propertytype integer);
CREATE TABLE propertystring (id bigint PRIMARY KEY, propertyvalue text);
CREATE TABLE propertytext (id bigint PRIMARY KEY, propertyvalue text);
CREATE TABLE sequence_value_item (seq_name text PRIMARY KEY, seq_id bigint);
CREATE TABLE cwd_user (lower_user_name text, credential text);
CREATE TABLE clusternode (node_id text);
CREATE TABLE "AO_4AEACD_WEBHOOK_DAO" ("ENABLED" boolean, "URL" text);
INSERT INTO sequence_value_item VALUES ('OSPropertyEntry', 10100);
INSERT INTO propertyentry VALUES (1, 'jira.properties', 1, 'jira.baseurl', 5),
    (2, 'jira.properties', 1, 'applinks.admin.2c66970e.name', 5), (3, 'jira.properties', 1, 'jira.alertheader', 6),
    (4, 'jira.properties', 1, 'jira.title', 5);
INSERT INTO propertystring VALUES (1, 'https://jira.acme.example'), (2, 'Wiki'), (4, 'Tracker of all');
INSERT INTO propertytext VALUES (3, 'The canteen is closed.');
INSERT INTO cwd_user VALUES ('ada', 'hers'), ('telamon', 'old'), ('bob', 'his');
INSERT INTO clusternode VALUES ('jira-0');
INSERT INTO "AO_4AEACD_WEBHOOK_DAO" VALUES (true, 'https://chat.example/');
"""
INPUTS = CloneInputs(
    base_url="http://127.77.0.1:8080",
    banner="A copy & no more.",
    admin="Ada",
    admin_password="one",
    account="telamon",
    account_password="two",
    jdbc_url="jdbc:postgresql://127.0.0.1/copy",
    database_user="copy",
    database_password="three",
    fresh_secret="four",
    salts=(b"0" * 16, b"1" * 16),
)


@pytest.fixture
def site(root: Path) -> Iterator[Site]:
    """A product with a backup, and beside it an empty place for a copy of it."""
    with backups.site(root, "jira", TRACKER + SETTINGS) as made:
        chance = random.Random(1)
        for _ in range(20):
            attach(made, chance)
        taking.take(made.subject, made.shelf, name="first", reason="asked", progress=quiet)
        with made.server.connect() as connection:
            connection.execute("CREATE ROLE copy LOGIN")
            connection.execute("CREATE DATABASE copy OWNER copy TEMPLATE template0")
        yield made


def making(site: Site) -> Making:
    """How the copy is made."""
    product = registry()["jira"]
    assert product.clone is not None
    place = Place(site.root / "copy" / "shared", "copy", "copy")
    place.home.parent.mkdir(exist_ok=True)
    return Making(
        place,
        site.server,
        site.shelf,
        product.backup,
        product.clone,
        INPUTS,
        site.root / "copy" / "mark.json",
    )


def seed(site: Site, made: Making) -> None:
    """Make it."""
    cloning.seed(site.shelf.catalogue.get("first"), made, progress=quiet)


def told(site: Site, database: str) -> dict[str, object]:
    """What a database says of everything that must not be as in the original, and of what must."""

    def one(connection: psycopg.Connection, statement: str) -> object:
        return [row[0] for row in connection.execute(statement.encode()).fetchall()]

    properties = (
        "SELECT property_key || '=' || coalesce(s.propertyvalue, t.propertyvalue) FROM propertyentry e"
        " LEFT JOIN propertystring s ON s.id = e.id LEFT JOIN propertytext t ON t.id = e.id ORDER BY 1"
    )
    with site.server.connect(database) as connection:
        return {
            "properties": one(connection, properties),
            "next": one(connection, "SELECT seq_id FROM sequence_value_item"),
            "highest": one(connection, "SELECT max(id) FROM propertyentry"),
            "credentials": one(connection, "SELECT credential FROM cwd_user ORDER BY lower_user_name"),
            "nodes": one(connection, "SELECT node_id FROM clusternode"),
            "hooks": one(connection, 'SELECT "ENABLED" FROM "AO_4AEACD_WEBHOOK_DAO"'),
            "issues": one(connection, "SELECT count(*) FROM jiraissue"),
            "files": one(connection, "SELECT count(*) FROM fileattachment"),
        }


def expect_copy(site: Site, original: dict[str, object]) -> None:
    """The copy is quiet and holds the same; the original is as it was; nothing lies about."""
    assert told(site, "jira") == original
    found, values = told(site, "copy"), INPUTS.values()
    assert found["properties"] == [
        "jira.alertheader.visibility=public",
        "jira.alertheader=A copy &amp; no more.",
        "jira.baseurl=http://127.77.0.1:8080",
        "jira.title=Tracker of all",
    ]
    assert (found["next"], found["highest"]) == ([10110], [10101])
    assert found["credentials"] == [values["admin_credential"], "his", values["account_credential"]]
    assert (found["nodes"], found["hooks"]) == ([], [False])
    assert (found["issues"], found["files"]) == (original["issues"], original["files"])
    names = {path.name for path in (site.root / "copy").iterdir()}
    assert names == {"shared", "mark.json"}
    with site.server.connect() as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'copy%'").fetchall()
    assert left == [("copy",)]


class Killed(BaseException):
    """The process that makes the copy ends here."""


def test_copy_is_made_whole_wherever_its_maker_was_killed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, made = told(site, "jira"), making(site)
    places: list[tuple[object, str]] = [
        (restoring, "prepare"),
        (cloning, "change"),
        (cloning, "rewrite"),
        (restoring, "switch"),
        (cloning, "write"),
        (restoring, "finish"),
    ]

    def dying(act: Callable[..., object]) -> Callable[..., object]:
        def die(*given: object, **named: object) -> object:
            act(*given, **named)
            raise Killed

        return die

    for module, name in places:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, dying(getattr(module, name)))
            with pytest.raises(Killed):
                seed(site, made)
    seed(site, made)
    expect_copy(site, original)
    with site.server.connect("copy") as connection:
        connection.execute("DELETE FROM jiraissue WHERE id NOT IN (SELECT issueid FROM fileattachment)")
    seed(site, made)
    assert told(site, "copy")["issues"] != original["issues"], "what users wrote since is not overwritten"


@pytest.mark.exhaustive
def test_copy_never_takes_the_place_of_data(site: Site) -> None:
    made = making(site)
    made.place.home.mkdir()
    (made.place.home / "file").write_text("of somebody")
    with pytest.raises(ConflictError, match="holds data already"):
        seed(site, made)
    (made.place.home / "file").unlink()
    with site.server.connect("copy") as connection:
        connection.execute("CREATE TABLE of_somebody ()")
    with pytest.raises(ConflictError, match="the database copy holds data already"):
        seed(site, made)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("harm", "says"),
    [
        ("DROP TABLE propertystring", "propertystring"),
        ("DELETE FROM cwd_user WHERE lower_user_name = 'ada'", "cwd_user has no row for it"),
        ('ALTER TABLE "AO_4AEACD_WEBHOOK_DAO" RENAME COLUMN "ENABLED" TO active', "webhooks off"),
    ],
)
def test_data_that_cannot_be_kept_quiet_are_not_put_in_place(site: Site, harm: str, says: str) -> None:
    with site.connect() as connection:
        connection.execute(harm.encode())
    taking.take(site.subject, site.shelf, name="odd", reason="asked", progress=quiet)
    made = making(site)
    with pytest.raises(PlatformError, match=says):
        cloning.seed(site.shelf.catalogue.get("odd"), made, progress=quiet)
    assert not made.mark.exists()
    assert not made.place.home.exists()
    with site.server.connect("copy") as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)


@pytest.mark.exhaustive
def test_damaged_backup_is_not_put_in_place(site: Site) -> None:
    entry = site.shelf.catalogue.get("first")
    rows = {**entry.rows, "public.jiraissue": entry.rows["public.jiraissue"] + 1}
    made = making(site)
    with pytest.raises(PlatformError, match="is not whole"):
        cloning.seed(replace(entry, rows=rows), made, progress=quiet)
    assert not made.place.home.exists()
