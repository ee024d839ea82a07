"""The exception tree of the understudies.

::

    UnderstudyError
    ├── SettingsError          an environment variable is missing or wrong; the process exits
    ├── DatabaseUnavailable    the database cannot be reached, or gave up
    ├── IndexProblem           the search index cannot be used
    │   ├── IndexMissing
    │   └── IndexBroken
    ├── LinkError              a peer cannot be reached, or refused us
    │   └── LinkRefused        the peer answered, and does not want us
    └── HttpProblem            a request that ends in an error answer
        ├── BadRequest  LoginRequired  Forbidden  NotFound  Conflict
        └── ServiceUnavailable
"""

from __future__ import annotations

from collections.abc import Mapping


class UnderstudyError(Exception):
    """Root of every error an understudy raises on purpose."""


class SettingsError(UnderstudyError):
    """One or more environment variables are missing or wrong.

    Args:
        problems: every problem found, one sentence each, without secret values.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class DatabaseUnavailable(UnderstudyError):
    """The database cannot be reached, broke the connection, or gave up on a statement."""


class IndexProblem(UnderstudyError):
    """The search index on the local disk cannot be used."""


class IndexMissing(IndexProblem):
    """There is no index in the folder."""


class IndexBroken(IndexProblem):
    """There is something in the folder, and it cannot be read as an index."""


class LinkError(UnderstudyError):
    """A peer cannot be reached over the cluster port."""


class LinkRefused(LinkError):
    """The peer answered and refused: another cluster name, or another shared secret."""


class HttpProblem(UnderstudyError):
    """A request that ends in an error answer; the product decides how its body looks.

    Args:
        message: one sentence for people.
        status: HTTP status code.
        fields: messages by name of the form or JSON field they are about.
        headers: additional response headers.
    """

    default_status = 500

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = self.default_status if status is None else status
        self.fields = dict(fields or {})
        self.headers = dict(headers or {})


class BadRequest(HttpProblem):
    """400: the request itself is wrong."""

    default_status = 400


class LoginRequired(HttpProblem):
    """401: nobody is logged in, or the credentials are wrong."""

    default_status = 401


class Forbidden(HttpProblem):
    """403: somebody is logged in and may not do this."""

    default_status = 403


class NotFound(HttpProblem):
    """404: there is no such thing, or the caller may not know of it."""

    default_status = 404


class Conflict(HttpProblem):
    """409: the thing has changed, or exists already."""

    default_status = 409


class ServiceUnavailable(HttpProblem):
    """503: the node is not in a state to answer."""

    default_status = 503
