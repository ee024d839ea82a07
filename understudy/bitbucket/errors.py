"""Refusals as Bitbucket names them: the name of the exception is part of the error body, and clients read it.

Source: Bitbucket Data Center REST documentation, "Errors": ``errors[]{context, message, exceptionName}``.
"""

from __future__ import annotations

from understudy.kit.errors import HttpProblem, UnderstudyError

_PACKAGE = "com.atlassian.bitbucket."


class GitFailed(UnderstudyError):
    """A git process ended with an error.

    Args:
        arguments: what was run, without the paths.
        status: its exit code, negative for a signal.
        trouble: the end of what it said.
    """

    def __init__(self, arguments: tuple[str, ...], *, status: int, trouble: str) -> None:
        super().__init__(f"git {arguments[0] if arguments else ''} ended with {status}: {trouble[-300:]}")
        self.status = status
        self.trouble = trouble


class GitBusy(UnderstudyError):
    """No place for another git process became free in time."""


class CompanionUnavailable(UnderstudyError):
    """The search companion cannot be reached, or refuses."""


class Refusal(HttpProblem):
    """A refusal with the name that Bitbucket gives it."""

    def __init__(self, message: str, *, status: int, exception: str, field: str | None = None) -> None:
        super().__init__(message, status=status, fields={} if field is None else {field: message})
        self.exception = _PACKAGE + exception


def no_project(key: str) -> Refusal:
    """404 for a project."""
    return Refusal(f"Project {key} does not exist.", status=404, exception="project.NoSuchProjectException")


def no_repository(key: str, slug: str) -> Refusal:
    """404 for a repository."""
    return Refusal(
        f"Repository {key}/{slug} does not exist.",
        status=404,
        exception="repository.NoSuchRepositoryException",
    )


def no_commit(revision: str, slug: str) -> Refusal:
    """404 for a revision."""
    return Refusal(
        f"Commit '{revision}' does not exist in repository '{slug}'.",
        status=404,
        exception="commit.NoSuchCommitException",
    )


def no_path(path: str, revision: str) -> Refusal:
    """404 for a path at a revision."""
    return Refusal(
        f'The path "{path}" does not exist at revision "{revision}"',
        status=404,
        exception="content.NoSuchPathException",
    )


def no_pull_request(number: int, slug: str) -> Refusal:
    """404 for a pull request."""
    return Refusal(
        f"No pull request exists with ID {number} for this repository ({slug}).",
        status=404,
        exception="pull.NoSuchPullRequestException",
    )


def not_permitted(what: str = "access this resource") -> Refusal:
    """401 for somebody who is known and may not: Bitbucket does not use 403 for this."""
    return Refusal(f"You are not permitted to {what}.", status=401, exception="AuthorisationException")


def invalid(message: str, *, field: str | None = None) -> Refusal:
    """400 for a value."""
    return Refusal(message, status=400, exception="validation.ArgumentValidationException", field=field)


def taken(message: str, *, exception: str, field: str | None = None) -> Refusal:
    """409 for something that is there already, or has changed."""
    return Refusal(message, status=409, exception=exception, field=field)
