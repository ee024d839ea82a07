"""What speaking to a product takes, on whatever platform its nodes run."""

from __future__ import annotations

from dataclasses import dataclass

from telamon.products.base import Endpoint, FrontAddress, SecretValue


@dataclass(frozen=True)
class Secured:
    """How a node is known that speaks TLS.

    Attributes:
        authority: whom to trust (PEM).
        name: that its certificate names.
    """

    authority: str
    name: str


@dataclass(frozen=True)
class UserDesired:
    """As whom nodes are asked that know their user from their environment.

    Attributes:
        username: the user.
        password: by reference.
        authority: of the certificate that nodes show; ``None`` where they speak plain HTTP.
        name: that it names.
    """

    username: str
    password: SecretValue
    authority: SecretValue | None = None
    name: str = ""


@dataclass(frozen=True)
class WorkloadProbe:
    """Ask the status page; the workload reads the answer.

    Attributes:
        endpoint: where the node listens for HTTP.
        front: the address that users type, with the context path of this very workload.
        secured: how it is known, where it speaks TLS.
    """

    endpoint: Endpoint
    front: FrontAddress
    secured: Secured | None = None


@dataclass(frozen=True)
class SetupDesired:
    """What the set-up pages and the service account are filled in with; secrets by reference."""

    title: str
    base_url: str
    license: SecretValue
    admin_username: SecretValue
    admin_password: SecretValue
    admin_email: SecretValue
    admin_name: SecretValue
    account_username: SecretValue
    account_password: SecretValue
    account_email: SecretValue
    account_token: SecretValue
    """Where the token is kept once there is one."""
