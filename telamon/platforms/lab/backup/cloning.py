"""Put a backup of another stack in place of no data, changed so that it does not act as the original.

Fetching, judging and loading are those of a restore, beside an empty database and an empty shared home; only the
changes in between are its own. Whoever is killed at any point leaves what the next run finishes or begins again: as
long as the databases have not changed places, everything is made anew; after that, the rest is renaming.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from telamon.errors import ConflictError, PlatformError, brief
from telamon.platforms.backup import database as databases
from telamon.platforms.backup import restoring
from telamon.platforms.backup.database import Server
from telamon.platforms.backup.restoring import Place
from telamon.platforms.backup.taking import FILES, Shelf
from telamon.platforms.backup.vault import Progress
from telamon.platforms.files import located, make_folder, write
from telamon.products.backup import BackupRules
from telamon.products.clone import CloneInputs, CloneRules, Statement
from telamon.state.backups import BackupEntry


@dataclass(frozen=True)
class Making:
    """How one product's copy is made.

    Attributes:
        place: where its data go.
        manager: the database server of the copy, as the role that makes databases.
        shelf: where the original's backups are.
        backup: what is a whole backup of the product.
        rules: what keeps the copy from acting as the original.
        inputs: what it is given in place of what the original has.
        mark: file that says that it is made.
    """

    place: Place
    manager: Server
    shelf: Shelf
    backup: BackupRules
    rules: CloneRules
    inputs: CloneInputs
    mark: Path


def seed(entry: BackupEntry, making: Making, *, progress: Progress) -> None:
    """Put the data of a backup in place. Done before, it does nothing.

    Args:
        entry: the backup.
        making: how.
        progress: told how far it is.

    Raises:
        ConflictError: there are data already, and they are not of an earlier run.
        PlatformError: the backup is damaged or not whole, or its database is not as the rules have it.
        MachineError: there is no room.
    """
    place, server = making.place, making.manager
    if not making.mark.exists():
        if not databases.exists(server, place.outgoing_database):
            _refuse_data(place, server)
            restoring.prepare(
                entry,
                place,
                manager=server,
                shelf=making.shelf,
                rules=making.backup,
                progress=progress,
            )
            progress("keeping it quiet")
            change(server, place, rules=making.rules, inputs=making.inputs)
            rewrite(place.incoming / FILES, rules=making.rules, inputs=making.inputs)
        restoring.switch(place, server)
        make_folder(making.mark.parent)
        write(making.mark, json.dumps({"backup": entry.name, "of": entry.stack}, sort_keys=True) + "\n")
    restoring.finish(place, server)


def change(server: Server, place: Place, *, rules: CloneRules, inputs: CloneInputs) -> None:
    """Make every change in the database that waits, or none of them, as the role that it belongs to.

    Raises:
        PlatformError: a change that must be made cannot be.
        TemporaryError: the server does not take connections now.
    """
    values, database = dict(inputs.values()), place.incoming_database
    with databases.translated(database), server.connect(database, autocommit=False) as connection:
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(place.owner)))
        for statement in rules.statements:
            _execute(connection, statement, values)


def rewrite(files: Path, *, rules: CloneRules, inputs: CloneInputs) -> None:
    """Write the copy's own values into the files that name the original's; a file that is not there stays so.

    Raises:
        MachineError: a file cannot be read or written.
    """
    for name, changed in rules.rewrites.items():
        path = files / name
        with located(path):
            if not path.is_file():
                continue
            text = path.read_text(encoding="utf-8")
            write(path, changed(text, inputs), mode=path.stat().st_mode & 0o777)


def _execute(connection: psycopg.Connection, statement: Statement, values: dict[str, str]) -> None:
    found = connection.execute("SELECT to_regclass(%s)", (statement.table,)).fetchone()
    if found is None or found[0] is None:
        if statement.needed:
            raise _unlike(statement, f"it has no table {statement.table}")
        return
    try:
        done = connection.execute(statement.sql.encode(), values)
    except psycopg.errors.UndefinedColumn as error:
        raise _unlike(statement, brief(error)) from error
    if statement.needed and not done.rowcount:
        raise _unlike(statement, f"{statement.table} has no row for it")


def _unlike(statement: Statement, fault: str) -> PlatformError:
    return PlatformError(
        f"the copy cannot be kept quiet ({statement.what}): {fault}",
        remedy="Nothing was started on it. Look whether the backup is of a stack that was set up.",
    )


def _refuse_data(place: Place, server: Server) -> None:
    """A copy begins where there is nothing."""
    tables: Sequence[tuple[object, ...]] = ()
    if databases.exists(server, place.database):
        with databases.translated(place.database), server.connect(place.database) as connection:
            tables = connection.execute(
                "SELECT 1 FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') LIMIT 1"
            ).fetchall()
    with located(place.home):
        files = place.home.is_dir() and any(place.home.iterdir())
    if tables or files:
        what = f"the database {place.database}" if tables else str(place.home)
        raise ConflictError(
            f"{what} holds data already, and a copy begins with none",
            remedy="Give the copy a state folder of its own, or take this one down with `telamon down --purge`.",
        )
