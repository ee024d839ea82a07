"""What flows that set a product up are given, and what they return: its set-up pages, and the engine's own account."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class SetupVerdict(StrEnum):
    """How far a pass over the set-up pages came."""

    COMPLETE = "complete"
    WAITING = "waiting"
    """The product is busy (rebuilding its context, restarting plug-ins): look again, post nothing."""
    UNKNOWN_FORM = "unknown-form"
    """A page no profile names: a person must go on."""
    REJECTED = "rejected"
    """The product showed the same form again: a value was refused; ``detail`` holds the page's own words."""


@dataclass(frozen=True)
class SetupOutcome:
    """The result of one pass of a set-up flow.

    Attributes:
        verdict: how far it came.
        step: the form or page last seen, in the product's own name.
        url: path of the page where a person would go on, below the context path; the platform knows the address.
        detail: the page's error text or what is waited for.
    """

    verdict: SetupVerdict
    step: str
    url: str
    detail: str = ""


@dataclass(frozen=True)
class SetupInputs:
    """What the set-up pages ask for. Values, not references: a flow runs at the edge, where secrets are known.

    ``repr`` hides every secret.
    """

    title: str
    base_url: str
    license: str = field(repr=False)
    admin_username: str
    admin_password: str = field(repr=False)
    admin_email: str
    admin_name: str
    posted: frozenset[str] = frozenset()
    """What :func:`telamon.products.notes.standing` makes of the notes of earlier passes."""


@dataclass(frozen=True)
class AccountInputs:
    """The service account to make. ``repr`` hides the password."""

    username: str
    password: str = field(repr=False)
    email: str
    name: str
    refused_logins: int = 0
    """Log-ins refused in a row by earlier passes, as :func:`telamon.products.notes.refused_logins` counts them; at two
    the flow refuses to try again."""
