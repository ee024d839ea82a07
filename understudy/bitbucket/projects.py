"""Projects and repositories: rows in the database, bare git repositories in the shared home.

A repository's folder is complete and synced before its row is committed, and the row is gone before the folder is:
whoever finds a row finds a repository.
"""

from __future__ import annotations

import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from understudy.bitbucket.errors import invalid, no_project, no_repository, taken
from understudy.bitbucket.git import Git
from understudy.bitbucket.permissions import PROJECT, REPOSITORY, Grant, Place, grant
from understudy.bitbucket.reading import Reader
from understudy.bitbucket.rows import returned
from understudy.kit.accounts import Principal
from understudy.kit.database import Connection, Database, Row
from understudy.kit.homes import make_folder, sync_folder, write_durably

_KEY = re.compile(r"[A-Z][A-Z0-9_-]{0,127}")
_NAME_LENGTH = 128
DEFAULT_BRANCH = "refs/heads/main"


@dataclass(frozen=True)
class Project:
    """A project; ``key`` is upper case."""

    id: int
    key: str
    name: str
    description: str
    public: bool

    @property
    def place(self) -> Place:
        """The project as permissions see it."""
        return Place(self.id, public=self.public)


@dataclass(frozen=True)
class Repository:
    """A repository; ``default_branch`` is a whole ref name."""

    id: int
    project: Project
    slug: str
    name: str
    description: str
    public: bool
    forkable: bool
    archived: bool
    default_branch: str

    @property
    def place(self) -> Place:
        """The repository as permissions see it."""
        return Place(self.project.id, self.id, public=self.public or self.project.public)


_PROJECT: LiteralString = "select id, project_key, name, description, is_public from project"
_REPOSITORY: LiteralString = """
    select r.id, r.slug, r.name, r.description, r.is_public, r.is_forkable, r.is_archived, r.default_branch,
        p.id as p_id, p.project_key as p_key, p.name as p_name, p.description as p_description, p.is_public as p_public
    from repository r join project p on p.id = r.project_id"""


class Projects:
    """Reads and changes projects and repositories.

    Args:
        database: their rows.
        git: runs git.
        folder: of all repositories, in the shared home.
    """

    def __init__(self, database: Database, git: Git, folder: Path) -> None:
        self._database = database
        self._git = git
        self._folder = folder

    def project(self, key: str) -> Project:
        """A project by key.

        Raises:
            Refusal: there is none.
        """
        row = self._database.fetch_one(_PROJECT + " where project_key = %s", (key.upper(),))
        if row is None:
            raise no_project(key)
        return _project(row)

    def projects(self, visible: list[int] | None, *, start: int, limit: int, name: str = "") -> list[Project]:
        """A page of projects, by name.

        Args:
            visible: ids to choose from; None for all.
            start: how many to skip.
            limit: how many to give.
            name: part of the name.
        """
        rows = self._database.fetch_all(
            _PROJECT
            + """ where (%(all)s or id = any(%(visible)s)) and position(lower(%(name)s) in lower(name)) > 0
                order by lower(name) offset %(start)s limit %(limit)s""",
            {"all": visible is None, "visible": visible or [], "name": name, "start": start, "limit": limit},
        )
        return [_project(row) for row in rows]

    def create_project(self, owner: Principal, wanted: dict[str, Any]) -> Project:
        """Create a project, whose maker becomes its administrator.

        Raises:
            Refusal: a value is wrong, or key or name is taken.
        """
        key = str(wanted.get("key", "")).upper()
        name = str(wanted.get("name") or key).strip()
        if not _KEY.fullmatch(key):
            raise invalid(
                "Project keys must start with a letter and may only consist of ASCII letters, numbers and underscores.",
                field="key",
            )
        if not 0 < len(name) <= _NAME_LENGTH:
            raise invalid(
                f"The project name should be between 1 and {_NAME_LENGTH} characters.", field="name"
            )
        try:
            with self._database.transaction() as connection:
                made = connection.execute(
                    """insert into project (project_key, name, description, is_public) values (%s, %s, %s, %s)
                       returning id, project_key, name, description, is_public""",
                    (key, name, str(wanted.get("description") or ""), bool(wanted.get("public", False))),
                ).fetchone()
                row = returned(made)
                given = Grant("USER", owner.name, "PROJECT_ADMIN")
                grant(connection, scope=PROJECT, scope_id=row["id"], given=given)
        except psycopg.errors.UniqueViolation as error:
            field = "name" if "project_name" in str(error) else "key"
            message = f"This project {field} is already in use."
            raise taken(
                message,
                exception=f"project.Duplicate{'Name' if field == 'name' else 'Key'}Exception",
                field=field,
            ) from error
        return _project(row)

    def update_project(self, project: Project, wanted: dict[str, Any]) -> Project:
        """Change name, description or visibility of a project."""
        name = str(wanted.get("name", project.name)).strip()
        if not 0 < len(name) <= _NAME_LENGTH:
            raise invalid(
                f"The project name should be between 1 and {_NAME_LENGTH} characters.", field="name"
            )
        try:
            self._database.execute(
                "update project set name = %s, description = %s, is_public = %s where id = %s",
                (
                    name,
                    str(wanted.get("description", project.description)),
                    bool(wanted.get("public", project.public)),
                    project.id,
                ),
            )
        except psycopg.errors.UniqueViolation as error:
            message = "This project name is already in use."
            raise taken(message, exception="project.DuplicateNameException", field="name") from error
        return self.project(project.key)

    def delete_project(self, project: Project) -> None:
        """Remove a project that has no repositories.

        Raises:
            Refusal: it has some.
        """
        try:
            with self._database.transaction() as connection:
                _drop_grants(connection, PROJECT, project.id)
                connection.execute("delete from project where id = %s", (project.id,))
        except psycopg.errors.ForeignKeyViolation as error:
            message = f"The project {project.key} cannot be deleted because it has repositories."
            raise taken(message, exception="project.ProjectNotEmptyException") from error

    def repository(self, key: str, slug: str) -> Repository:
        """A repository by the key of its project and its slug.

        Raises:
            Refusal: there is none.
        """
        row = self._database.fetch_one(
            _REPOSITORY + " where p.project_key = %s and r.slug = %s", (key.upper(), slug.lower())
        )
        if row is None:
            self.project(key)
            raise no_repository(key, slug)
        return _repository(row)

    def repository_by_id(self, identity: int) -> Repository | None:
        """A repository by its number."""
        row = self._database.fetch_one(_REPOSITORY + " where r.id = %s", (identity,))
        return None if row is None else _repository(row)

    def repositories(
        self, *, visible: list[int] | None, start: int, limit: int, project: int | None = None, name: str = ""
    ) -> list[Repository]:
        """A page of repositories, by name.

        Args:
            visible: ids to choose from; None for all.
            start: how many to skip.
            limit: how many to give.
            project: only those of this project.
            name: part of the name.
        """
        rows = self._database.fetch_all(
            _REPOSITORY
            + """ where (%(all)s or r.id = any(%(visible)s)) and (%(project)s::bigint is null or p.id = %(project)s)
                and position(lower(%(name)s) in lower(r.name)) > 0
                order by lower(r.name), r.id offset %(start)s limit %(limit)s""",
            {
                "all": visible is None,
                "visible": visible or [],
                "project": project,
                "name": name,
                "start": start,
                "limit": limit,
            },
        )
        return [_repository(row) for row in rows]

    def create_repository(self, project: Project, wanted: dict[str, Any]) -> Repository:
        """Create an empty repository.

        Raises:
            Refusal: a value is wrong, or the name is taken.
        """
        name = str(wanted.get("name") or "").strip()
        slug = str(wanted.get("slug") or slug_of(name)).lower()
        if not 0 < len(name) <= _NAME_LENGTH or not slug or wanted.get("scmId", "git") != "git":
            raise invalid(
                f"The repository name should be between 1 and {_NAME_LENGTH} characters.", field="name"
            )
        branch = branch_ref(str(wanted.get("defaultBranch") or DEFAULT_BRANCH))
        row = self._database.fetch_one("select nextval(pg_get_serial_sequence('repository', 'id')) as id")
        identity = int(returned(row)["id"])
        self._make_folder(identity, branch, label=f"{project.key}/{slug}")
        try:
            self._database.execute(
                """insert into repository
                   (id, project_id, slug, name, description, is_public, is_forkable, default_branch)
                   overriding system value values (%s, %s, %s, %s, %s, %s, %s, %s)""",
                (
                    *(identity, project.id, slug, name, str(wanted.get("description") or "")),
                    *(bool(wanted.get("public", False)), bool(wanted.get("forkable", True)), branch),
                ),
            )
        except psycopg.errors.UniqueViolation as error:
            shutil.rmtree(self.folder(identity))
            message = "This repository URL is already taken."
            raise taken(
                message, exception="repository.RepositoryAlreadyExistsException", field="name"
            ) from error
        return self.repository(project.key, slug)

    def update_repository(self, repository: Repository, wanted: dict[str, Any]) -> Repository:
        """Change name (and with it the slug), description and switches of a repository."""
        name = str(wanted.get("name", repository.name)).strip()
        slug = slug_of(name) if name != repository.name else repository.slug
        if not slug or len(name) > _NAME_LENGTH:
            raise invalid("The repository name is not valid.", field="name")
        try:
            self._database.execute(
                """update repository set name = %s, slug = %s, description = %s, is_public = %s, is_forkable = %s,
                   is_archived = %s where id = %s""",
                (
                    *(name, slug, str(wanted.get("description", repository.description))),
                    bool(wanted.get("public", repository.public)),
                    bool(wanted.get("forkable", repository.forkable)),
                    bool(wanted.get("archived", repository.archived)),
                    repository.id,
                ),
            )
        except psycopg.errors.UniqueViolation as error:
            message = "This repository URL is already taken."
            raise taken(
                message, exception="repository.RepositoryAlreadyExistsException", field="name"
            ) from error
        return self.repository(repository.project.key, slug)

    def set_default_branch(self, repository: Repository, branch: str) -> None:
        """Choose the branch a clone checks out; it may not exist yet."""
        ref = branch_ref(branch)
        self._git.run(self.folder(repository.id), "symbolic-ref", "HEAD", ref)
        self._database.execute(
            "update repository set default_branch = %s where id = %s", (ref, repository.id)
        )

    def delete_repository(self, repository: Repository) -> None:
        """Remove a repository with everything that hangs on it; its files go last."""
        with self._database.transaction() as connection:
            _drop_grants(connection, REPOSITORY, repository.id)
            connection.execute("delete from repository where id = %s", (repository.id,))
        doomed = self._folder / f".deleted-{repository.id}-{uuid.uuid4().hex}"
        self.folder(repository.id).rename(doomed)
        shutil.rmtree(doomed)

    def folder(self, identity: int) -> Path:
        """Where a repository's files are."""
        return self._folder / str(identity)

    def reader(self, repository: Repository) -> Reader:
        """Reads the repository's content."""
        return Reader(self._git, self.folder(repository.id), slug=repository.slug)

    def _make_folder(self, identity: int, branch: str, *, label: str) -> None:
        make_folder(self._folder)
        partial = self._folder / f".new-{identity}-{uuid.uuid4().hex}"
        self._git.run(partial, "init", "--quiet", "--bare")
        self._git.run(partial, "symbolic-ref", "HEAD", branch)
        write_durably(partial / "repository-config", f"[bitbucket]\n\trepository = {label}\n".encode())
        for path in partial.rglob("*"):
            if path.is_dir():
                sync_folder(path)
        partial.rename(self.folder(identity))
        sync_folder(self._folder)


def _drop_grants(connection: Connection, scope: str, scope_id: int) -> None:
    connection.execute("delete from sta_permission where scope = %s and scope_id = %s", (scope, scope_id))


def _project(row: Row) -> Project:
    return Project(row["id"], row["project_key"], row["name"], row["description"], row["is_public"])


def _repository(row: Row) -> Repository:
    project = Project(row["p_id"], row["p_key"], row["p_name"], row["p_description"], row["p_public"])
    return Repository(
        id=row["id"],
        project=project,
        slug=row["slug"],
        name=row["name"],
        description=row["description"],
        public=row["is_public"],
        forkable=row["is_forkable"],
        archived=row["is_archived"],
        default_branch=row["default_branch"],
    )


def slug_of(name: str) -> str:
    """The slug of a name: lower case, with dashes for what cannot be in a URL."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.")


def branch_ref(name: str) -> str:
    """The whole ref of a branch given by its short or whole name.

    Raises:
        Refusal: no branch can be called that.
    """
    short = name.removeprefix("refs/heads/")
    parts = short.split("/")
    forbidden = re.search(r"[\x00-\x20~^:?*\[\\\x7f]|\.\.|@\{", short)
    if forbidden or short.startswith("-") or not all(_part_is_fine(part) for part in parts):
        raise invalid(f"'{name}' is not a valid branch name.", field="name")
    return f"refs/heads/{short}"


def _part_is_fine(part: str) -> bool:
    return bool(part) and not part.startswith(".") and not part.endswith((".lock", "."))
