"""What terraform's failures mean, in our words.

Sources: Terraform documentation, "State: Locking" and "Backend Type: s3"; AWS documentation, "Common errors".

Trap: what terraform prints may hold values of resources; of a failure only its headline is passed on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from telamon.errors import (
    ConflictError,
    MachineError,
    NotReadyError,
    PlatformError,
    TelamonError,
    TemporaryError,
    brief,
)

PLUGINS: Final = "TELAMON_TF_PLUGIN_DIR"
"""Variable that names a folder of unpacked providers."""


@dataclass(frozen=True)
class Failure:
    """How a failure is known by terraform's words, and what it is to us.

    Attributes:
        pattern: found in what terraform says, whatever the case.
        error: the branch it belongs to.
        message: in our words.
        remedy: what helps.
        delay: seconds until it is worth trying again; for temporary ones.
    """

    pattern: str
    error: type[TelamonError]
    message: str
    remedy: str
    delay: float = 0.0


FAILURES: Final = (
    Failure(
        r"Error acquiring the state lock",
        ConflictError,
        "somebody else is changing this layer",
        "Wait for them, or, when nobody is, release it: telamon infra unlock DIR LOCK.",
    ),
    Failure(
        r"No valid credential sources found|failed to refresh cached credentials|no EC2 IMDS role found",
        MachineError,
        "there are no credentials for AWS",
        "Log in, e.g. with `aws sso login`, or set AWS_PROFILE.",
    ),
    Failure(
        r"ExpiredToken|InvalidClientTokenId|SignatureDoesNotMatch|security token .{0,40}(invalid|expired)",
        MachineError,
        "the credentials for AWS have expired or are wrong",
        "Log in again.",
    ),
    Failure(
        r"AWS account ID not allowed",
        ConflictError,
        "these credentials are of another account than the one in the stack file",
        "Use the account of spec.platform.account, or correct it.",
    ),
    Failure(
        r"invalid AWS Region|region .{0,60}not (valid|enabled)|OptInRequired|no such host",
        MachineError,
        "the region is not to be reached: wrong, not enabled for the account, or there is no network",
        "Check spec.platform.region and the way to AWS.",
    ),
    Failure(
        # Services name what there is too much of, e.g. VpcLimitExceeded; requests are told to come less often.
        r"\b(?!Request|Rate)\w*LimitExceeded|Quota\w*Exceeded|TooManyBuckets",
        PlatformError,
        "a quota of the account is used up",
        "Ask AWS for more under Service Quotas; the next run goes on where this one stopped.",
    ),
    Failure(
        r"Throttl|RequestLimitExceeded|TooManyRequests|SlowDown|Rate exceeded",
        TemporaryError,
        "AWS asks to be called less often",
        "The next run goes on where this one stopped.",
        delay=60.0,
    ),
    Failure(
        r"InternalError|InternalFailure|ServiceUnavailable|StatusCode: 50[0234]|connection (refused|reset)",
        TemporaryError,
        "AWS does not answer as it should just now",
        "The next run goes on where this one stopped.",
        delay=60.0,
    ),
    Failure(
        r"AccessDenied|UnauthorizedOperation|not authorized to perform",
        PlatformError,
        "the role that applies has no right for this",
        "Compare its policies with the ones in deploy-role, which `telamon render --terraform` writes.",
    ),
    Failure(
        r"NoSuchBucket|bucket does not exist|Failed to get existing workspaces",
        NotReadyError,
        "the bucket of the states is not there yet",
        "Apply the layer state first.",
    ),
    Failure(
        r"Failed to query available provider packages|Failed to install provider|provider registry",
        MachineError,
        "the AWS provider is not to be had",
        f"Let terraform reach its registry, or name a folder with the provider in {PLUGINS}.",
    ),
    Failure(
        r"Backend initialization required|Required plugins are not installed|Inconsistent dependency lock",
        NotReadyError,
        "the layer is not initialised",
        "Initialise it first.",
    ),
)
"""Asked in this order: what is said more exactly stands first."""


class Lock(NamedTuple):
    """A lock of a state.

    Attributes:
        id: by which it is released.
        who: holds it, as user and machine.
        since: to the second, in UTC.
    """

    id: str
    who: str
    since: str

    @property
    def words(self) -> str:
        """The same as Terraform tells it, for :func:`lock_in`."""
        return f"Lock Info: ID: {self.id} Who: {self.who} Created: {self.since}"

    def __str__(self) -> str:
        return f"{self.who}, since {self.since} (lock {self.id})"


def lock_in(text: str) -> Lock | None:
    """The lock that a failure of terraform speaks of.

    Source: Terraform documentation, "State: Locking"; the words are those of Terraform 1.11.4.

    Args:
        text: what it printed.
    """
    words = (
        r"Lock Info: ID: (\S{1,64}).{0,300}? Who: (\S{1,100}).{0,100}? "
        r"Created: (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\S* (?:\+0000 )?UTC"
    )
    found = re.search(words, _plain(text))
    return Lock(found[1], found[2], f"{found[3]} UTC") if found else None


def _plain(text: str) -> str:
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).replace("│", " ").split())


def translate(text: str, *, doing: str) -> TelamonError:
    """Put a failure of terraform into our words.

    Args:
        text: what it printed.
        doing: what was done, e.g. ``plan of network``.
    """
    plain, lock = _plain(text), lock_in(text)
    for failure in FAILURES:
        if re.search(failure.pattern, plain, re.IGNORECASE) is None:
            continue
        message = f"{doing}: {failure.message}{f': {lock}' if lock else ''}"
        if failure.error is TemporaryError:
            return TemporaryError(message, delay=failure.delay, remedy=failure.remedy)
        return failure.error(message, remedy=failure.remedy)
    headline = re.search(r"Error: (.{1,160})", plain)
    said = brief(PlatformError(headline[1] if headline else plain or "terraform said nothing"))
    return PlatformError(f"{doing} failed: {said}")
