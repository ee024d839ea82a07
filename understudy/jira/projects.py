"""Projects and their versions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from understudy.kit.database import Connection, Database, Row, one_row
from understudy.kit.errors import BadRequest, NotFound

_KEY = re.compile(r"[A-Z][A-Z0-9_]{1,9}")


@dataclass(frozen=True)
class Project:
    """A project."""

    project_id: int
    key: str
    original_key: str
    name: str
    description: str
    lead: str


@dataclass(frozen=True)
class Version:
    """A version of a project, which issues can be fixed in."""

    version_id: int
    project_id: int
    name: str
    description: str
    released: bool
    archived: bool
    release_date: date | None


class Projects:
    """Reads and changes projects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Project]:
        """Every project, by name."""
        return [_project(row) for row in self._database.fetch_all("select * from project order by pname")]

    def find(self, key_or_id: str) -> Project:
        """One project.

        Raises:
            NotFound: there is none of that key or id.
        """
        row = self._database.fetch_one(
            "select * from project where pkey = %s or id::text = %s", (key_or_id.upper(), key_or_id)
        )
        if row is None:
            raise NotFound(f"No project could be found with key '{key_or_id}'.")
        return _project(row)

    def create(self, key: str, *, name: str, description: str, lead: str) -> Project:
        """Create a project.

        Raises:
            BadRequest: the key or the name is missing, wrong or taken.
        """
        problems = {}
        if not _KEY.fullmatch(key):
            problems["projectKey"] = (
                "Project keys must start with an uppercase letter, followed by one or more uppercase"
                " alphanumeric characters."
            )
        if not name.strip():
            problems["projectName"] = "You must specify a valid project name."
        if problems:
            raise BadRequest("The project cannot be created.", fields=problems)
        with self._database.transaction() as connection:
            row = connection.execute(
                """insert into project (pkey, originalkey, pname, description, lead) values (%s, %s, %s, %s, %s)
                   on conflict (pkey) do nothing returning *""",
                (key, key, name, description, lead),
            ).fetchone()
        if row is None:
            taken = f"Project '{key}' uses this project key."
            raise BadRequest("The project cannot be created.", fields={"projectKey": taken})
        return _project(row)

    def versions(self, project_id: int) -> list[Version]:
        """The versions of a project, oldest first."""
        rows = self._database.fetch_all(
            "select * from projectversion where project = %s order by id", (project_id,)
        )
        return [_version(row) for row in rows]

    def find_version(self, version_id: str) -> Version:
        """One version.

        Raises:
            NotFound: there is none of that id.
        """
        row = self._database.fetch_one("select * from projectversion where id::text = %s", (version_id,))
        if row is None:
            raise NotFound(f"Could not find version for id '{version_id}'")
        return _version(row)

    def create_version(self, project_id: int, *, name: str, description: str, released: bool) -> Version:
        """Create a version.

        Raises:
            BadRequest: the name is missing or taken.
        """
        if not name.strip():
            raise BadRequest(
                "The version has no name.", fields={"name": "You must specify a valid version name"}
            )
        with self._database.transaction() as connection:
            taken = connection.execute(
                "select 1 from projectversion where project = %s and vname = %s", (project_id, name)
            ).fetchone()
            if taken is not None:
                message = "A version with this name already exists in this project."
                raise BadRequest("The version cannot be created.", fields={"name": message})
            row = one_row(
                connection.execute(
                    """insert into projectversion (project, vname, description, released)
                   values (%s, %s, %s, %s) returning *""",
                    (project_id, name, description, released),
                )
            )
        return _version(row)

    def release(self, version_id: int, released: bool) -> None:
        """Mark a version as released, or as not."""
        self._database.execute(
            "update projectversion set released = %s where id = %s", (released, version_id)
        )


def version_ids(connection: Connection, project_id: int, *, names: list[str]) -> list[int]:
    """The ids of versions given by name or id.

    Raises:
        BadRequest: the project has no such version.
    """
    rows = connection.execute(
        "select id, vname from projectversion where project = %s", (project_id,)
    ).fetchall()
    known = {row["vname"]: row["id"] for row in rows} | {str(row["id"]): row["id"] for row in rows}
    missing = [name for name in names if name not in known]
    if missing:
        raise BadRequest(
            "The request is not valid.", fields={"fixVersions": f"Version name '{missing[0]}' is not valid"}
        )
    return [known[name] for name in names]


def _project(row: Row) -> Project:
    return Project(row["id"], row["pkey"], row["originalkey"], row["pname"], row["description"], row["lead"])


def _version(row: Row) -> Version:
    return Version(
        version_id=row["id"],
        project_id=row["project"],
        name=row["vname"],
        description=row["description"],
        released=row["released"],
        archived=row["archived"],
        release_date=row["releasedate"],
    )
