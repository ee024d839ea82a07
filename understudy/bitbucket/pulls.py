"""Pull requests: from one branch of a repository to another.

A change names the version it was decided on; one that is out of date is refused. Source: Bitbucket Data Center REST
documentation, "Pull Requests" (``PullRequestOutOfDateException``). Forks are not held, so both branches are in one
repository.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from understudy.bitbucket.errors import Refusal, invalid, no_pull_request, taken
from understudy.bitbucket.git import Git
from understudy.bitbucket.merging import MergeConflict, Merger, RefMoved, Sides, move_ref
from understudy.bitbucket.pktline import ABSENT, RefCommand
from understudy.bitbucket.projects import Projects, Repository
from understudy.bitbucket.refs import Refs, keep_source
from understudy.bitbucket.rows import returned
from understudy.kit.accounts import Principal
from understudy.kit.database import Connection, Database, Row, lock_for_transaction

_LONGEST_TITLE = 255


@dataclass(frozen=True)
class Participant:
    """Somebody's part in a pull request; ``status`` is UNAPPROVED, NEEDS_WORK or APPROVED."""

    user: str
    role: str
    status: str


@dataclass(frozen=True)
class PullRequest:
    """A pull request; ``number`` counts within the repository."""

    row: int
    number: int
    version: int
    title: str
    description: str
    state: str
    author: str
    from_ref: str
    from_hash: str
    to_ref: str
    to_hash: str
    merge_hash: str | None
    created: datetime
    updated: datetime
    closed: datetime | None
    participants: tuple[Participant, ...]


@dataclass(frozen=True)
class Proposal:
    """What somebody wants to be pulled."""

    title: str
    description: str
    from_ref: str
    to_ref: str
    reviewers: tuple[str, ...]


_SELECT: LiteralString = """
    select p.*, coalesce((select json_agg(json_build_array(q.user_name, q.role, q.status) order by q.user_name)
        from sta_pr_participant q where q.pr_id = p.id), '[]'::json) as people from sta_pull_request p"""


class PullRequests:
    """Reads and changes pull requests.

    Args:
        database: the rows.
        projects: finds folders.
        git: runs git.
        refs: records what a merge moves.
    """

    def __init__(self, database: Database, projects: Projects, git: Git, *, refs: Refs) -> None:
        self._database = database
        self._projects = projects
        self._git = git
        self._refs = refs

    def find(self, repository: Repository, number: int) -> PullRequest:
        """One pull request.

        Raises:
            Refusal: there is none of that number.
        """
        statement: LiteralString = _SELECT + " where p.repository_id = %s and p.scoped_id = %s"
        row = self._database.fetch_one(statement, (repository.id, number))
        if row is None:
            raise no_pull_request(number, repository.slug)
        return _pull_request(row)

    def list(
        self, repository: Repository, *, state: str, at: str, incoming: bool, start: int, limit: int
    ) -> list[PullRequest]:
        """A page of pull requests, newest first.

        Args:
            repository: where.
            state: OPEN, DECLINED, MERGED or ALL.
            at: a whole ref; only those of this branch; empty for all.
            incoming: whether ``at`` is the target, not the source.
            start: how many to skip.
            limit: how many to give.
        """
        rows = self._database.fetch_all(
            _SELECT
            + """ where p.repository_id = %(repository)s and (%(state)s = 'ALL' or p.state = %(state)s)
                and (%(at)s = '' or case when %(incoming)s then p.to_ref else p.from_ref end = %(at)s)
                order by p.scoped_id desc offset %(start)s limit %(limit)s""",
            {
                "repository": repository.id,
                "state": state,
                "at": at,
                "incoming": incoming,
                "start": start,
                "limit": limit,
            },
        )
        return [_pull_request(row) for row in rows]

    def create(self, repository: Repository, proposal: Proposal, *, author: Principal) -> PullRequest:
        """Open a pull request.

        Raises:
            Refusal: a branch does not exist, there is nothing to pull, or it is open already.
        """
        if not 0 < len(proposal.title) <= _LONGEST_TITLE:
            raise invalid("A title of at most 255 characters is needed.", field="title")
        with self._database.transaction() as connection:
            lock_for_transaction(connection, f"refs of repository {repository.id}")
            source = self._tip(connection, repository, proposal.from_ref)
            target = self._tip(connection, repository, proposal.to_ref)
            if self._projects.reader(repository).is_ancestor(source, target):
                message = f"{proposal.to_ref} is already up-to-date with branch {proposal.from_ref}."
                raise taken(message, exception="pull.EmptyPullRequestException")
            self._refuse_duplicate(connection, repository, proposal)
            counted = connection.execute(
                """update repository set next_pull_request = next_pull_request + 1 where id = %s
                   returning next_pull_request - 1 as number""",
                (repository.id,),
            ).fetchone()
            number = int(returned(counted)["number"])
            keep_source(self._git, self._projects.folder(repository.id), number=number, commit=source)
            made = connection.execute(
                """insert into sta_pull_request (repository_id, scoped_id, title, description, author,
                       from_repository_id, from_ref, from_hash, to_ref, to_hash)
                   values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning id""",
                (
                    *(repository.id, number, proposal.title, proposal.description, author.name.lower()),
                    *(repository.id, proposal.from_ref, source, proposal.to_ref, target),
                ),
            ).fetchone()
            row = int(returned(made)["id"])
            _set_reviewers(connection, row, proposal.reviewers, author=author)
            _tell(connection, row, author, action="OPENED")
        return self.find(repository, number)

    def _tip(self, connection: Connection, repository: Repository, ref: str) -> str:
        row = connection.execute(
            "select hash from repository_ref where repository_id = %s and ref_name = %s", (repository.id, ref)
        ).fetchone()
        if row is None:
            message = f'Repository "{repository.slug}" has no branch "{ref}".'
            raise Refusal(message, status=404, exception="repository.NoSuchBranchException")
        return str(row["hash"])

    def _refuse_duplicate(self, connection: Connection, repository: Repository, proposal: Proposal) -> None:
        row = connection.execute(
            """select scoped_id from sta_pull_request where repository_id = %s and state = 'OPEN'
               and from_ref = %s and to_ref = %s""",
            (repository.id, proposal.from_ref, proposal.to_ref),
        ).fetchone()
        if row is not None:
            message = "Only one pull request may be open for a given source and target branch"
            raise taken(message, exception="pull.DuplicatePullRequestException")

    def update(
        self,
        repository: Repository,
        number: int,
        *,
        version: int,
        title: str | None,
        description: str | None,
        reviewers: Sequence[str] | None,
        who: Principal,
    ) -> PullRequest:
        """Change the text or the reviewers of an open pull request; None leaves a value as it is."""
        if title is not None and not 0 < len(title) <= _LONGEST_TITLE:
            raise invalid("A title of at most 255 characters is needed.", field="title")
        with self._database.transaction() as connection:
            current = self._locked(connection, repository, number, version=version, state="OPEN")
            connection.execute(
                """update sta_pull_request set title = coalesce(%s, title), description = coalesce(%s, description),
                   version = version + 1, updated = now() where id = %s""",
                (title, description, current.row),
            )
            if reviewers is not None:
                connection.execute(
                    "delete from sta_pr_participant where pr_id = %s and role = 'REVIEWER' and user_name <> all(%s)",
                    (current.row, [name.lower() for name in reviewers]),
                )
                _set_reviewers(connection, current.row, reviewers, author=who)
            _tell(connection, current.row, who, action="UPDATED")
        return self.find(repository, number)

    def decline(self, repository: Repository, number: int, *, version: int, who: Principal) -> PullRequest:
        """Close a pull request without pulling it."""
        with self._database.transaction() as connection:
            current = self._locked(connection, repository, number, version=version, state="OPEN")
            connection.execute(
                """update sta_pull_request set state = 'DECLINED', closed = now(), updated = now(),
                   version = version + 1 where id = %s""",
                (current.row,),
            )
            _tell(connection, current.row, who, action="DECLINED")
        return self.find(repository, number)

    def reopen(self, repository: Repository, number: int, *, version: int, who: Principal) -> PullRequest:
        """Open a declined pull request again, at where its branches are now."""
        with self._database.transaction() as connection:
            lock_for_transaction(connection, f"refs of repository {repository.id}")
            current = self._locked(connection, repository, number, version=version, state="DECLINED")
            source = self._tip(connection, repository, current.from_ref)
            target = self._tip(connection, repository, current.to_ref)
            keep_source(self._git, self._projects.folder(repository.id), number=number, commit=source)
            connection.execute(
                """update sta_pull_request set state = 'OPEN', closed = null, updated = now(), version = version + 1,
                   from_hash = %s, to_hash = %s where id = %s""",
                (source, target, current.row),
            )
            _tell(connection, current.row, who, action="REOPENED")
        return self.find(repository, number)

    def delete(self, repository: Repository, number: int, *, version: int) -> None:
        """Remove a pull request with its comments; one that is merged stays."""
        with self._database.transaction() as connection:
            current = self._locked(connection, repository, number, version=version, state="")
            if current.state == "MERGED":
                raise taken(
                    "A merged pull request cannot be deleted.",
                    exception="pull.IllegalPullRequestStateException",
                )
            connection.execute("delete from sta_pull_request where id = %s", (current.row,))

    def review(self, repository: Repository, number: int, *, who: Principal, status: str) -> Participant:
        """Approve a pull request, ask for work, or take that back."""
        if status not in {"UNAPPROVED", "NEEDS_WORK", "APPROVED"}:
            raise invalid("The status must be UNAPPROVED, NEEDS_WORK or APPROVED.", field="status")
        with self._database.transaction() as connection:
            current = self._locked(connection, repository, number, version=None, state="")
            if current.author == who.name.lower():
                raise taken(
                    "Authors may not review their own pull request.",
                    exception="pull.IllegalPullRequestParticipantException",
                )
            made = connection.execute(
                """insert into sta_pr_participant (pr_id, user_name, role, status)
                   values (%s, %s, case when %s = 'UNAPPROVED' then 'PARTICIPANT' else 'REVIEWER' end, %s)
                   on conflict (pr_id, user_name) do update set status = excluded.status
                   returning role""",
                (current.row, who.name.lower(), status, status),
            ).fetchone()
            _tell(connection, current.row, who, action="REVIEWED" if status == "NEEDS_WORK" else status)
        return Participant(who.name.lower(), str(returned(made)["role"]), status)

    def can_merge(self, repository: Repository, number: int) -> bool:
        """Whether git can merge without a person."""
        current = self.find(repository, number)
        sides = Sides(target=current.to_hash, source=current.from_hash)
        try:
            self._merger(repository).tree(sides)
        except MergeConflict:
            return False
        return True

    def merge(
        self, repository: Repository, number: int, *, version: int, message: str, who: Principal
    ) -> PullRequest:
        """Pull: merge the source into the target with a merge commit, and record it as any push.

        Raises:
            Refusal: out of date, not open, or in conflict.
        """
        current = self.find(repository, number)
        _check(current, version=version, state="OPEN")
        sides = Sides(target=current.to_hash, source=current.from_hash)
        text = (
            message
            or f"Merge pull request #{number} from {short(current.from_ref)} to {short(current.to_ref)}\n"
        )
        merger = self._merger(repository)
        try:
            commit = merger.commit(sides, message=text, who=who)
            self._push(repository, RefCommand(sides.target, commit, current.to_ref), who=who)
        except MergeConflict as error:
            raise taken(
                f"The merge has conflicts: {error}", exception="pull.PullRequestMergeVetoedException"
            ) from error
        except RefMoved as error:
            raise _out_of_date(self.find(repository, number), version) from error
        merged = self.find(repository, number)
        if merged.state != "MERGED":
            raise _out_of_date(merged, version)
        return merged

    def set_branch(self, repository: Repository, command: RefCommand, *, who: Principal) -> None:
        """Make, move or remove a branch or tag through REST, recorded as any push.

        Raises:
            Refusal: it is not where the caller thought.
        """
        try:
            self._push(repository, command, who=who)
        except RefMoved as error:
            exists = command.old == ABSENT
            message = f"{short(command.ref)} already exists." if exists else str(error)
            raise taken(message, exception="repository.DuplicateRefException") from error

    def _push(self, repository: Repository, command: RefCommand, *, who: Principal) -> None:
        """Move a ref the way a push does, so that a crash at any point is repaired the same way."""
        intent = self._refs.intend(repository, [command], user=who.name)
        try:
            folder = self._projects.folder(repository.id)
            move_ref(self._git, folder, ref=command.ref, new=command.new, old=command.old)
        finally:
            self._refs.record(repository, intent=intent)

    def _merger(self, repository: Repository) -> Merger:
        return Merger(self._git, self._projects.folder(repository.id), self._projects.reader(repository))

    def _locked(
        self, connection: Connection, repository: Repository, number: int, *, version: int | None, state: str
    ) -> PullRequest:
        statement: LiteralString = (
            _SELECT + " where p.repository_id = %s and p.scoped_id = %s for update of p"
        )
        row = connection.execute(statement, (repository.id, number)).fetchone()
        if row is None:
            raise no_pull_request(number, repository.slug)
        current = _pull_request(row)
        _check(current, version=version, state=state)
        return current


def _check(current: PullRequest, *, version: int | None, state: str) -> None:
    """Refuse unless a pull request is as the caller thought; None and empty text ask for nothing."""
    if state and current.state != state:
        message = f"This pull request is {current.state.lower()}."
        raise taken(message, exception="pull.IllegalPullRequestStateException")
    if version is not None and version != current.version:
        raise _out_of_date(current, version)


def _out_of_date(current: PullRequest, version: int) -> Refusal:
    message = (
        f"You are attempting to modify a pull request based on out-of-date information (version {version},"
        f" now {current.version})."
    )
    return taken(message, exception="pull.PullRequestOutOfDateException")


def _set_reviewers(connection: Connection, row: int, names: Sequence[str], *, author: Principal) -> None:
    for name in dict.fromkeys(name.lower() for name in names):
        known = connection.execute(
            "select 1 as one from cwd_user where lower_user_name = %s", (name,)
        ).fetchone()
        if known is None or name == author.name.lower():
            raise taken(
                f"{name} is not a user, or the author.", exception="pull.InvalidPullRequestReviewersException"
            )
        connection.execute(
            """insert into sta_pr_participant (pr_id, user_name, role) values (%s, %s, 'REVIEWER')
               on conflict (pr_id, user_name) do update set role = 'REVIEWER'""",
            (row, name),
        )


def _tell(connection: Connection, row: int, who: Principal, *, action: str) -> None:
    connection.execute(
        "insert into sta_pr_activity (pr_id, user_name, action) values (%s, %s, %s)",
        (row, who.name.lower(), action),
    )


def short(ref: str) -> str:
    """A ref as people write it."""
    return ref.removeprefix("refs/heads/").removeprefix("refs/tags/")


def _pull_request(row: Row) -> PullRequest:
    return PullRequest(
        row=row["id"],
        number=row["scoped_id"],
        version=row["version"],
        title=row["title"],
        description=row["description"],
        state=row["state"],
        author=row["author"],
        from_ref=row["from_ref"],
        from_hash=row["from_hash"],
        to_ref=row["to_ref"],
        to_hash=row["to_hash"],
        merge_hash=row["merge_hash"],
        created=row["created"],
        updated=row["updated"],
        closed=row["closed"],
        participants=tuple(Participant(*person) for person in row["people"]),
    )
