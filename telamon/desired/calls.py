"""What speaking to a product takes, on whatever platform its nodes run."""

from __future__ import annotations

from dataclasses import dataclass

from telamon.products.base import Endpoint, FrontAddress, SecretValue


@dataclass(frozen=True)
class WorkloadProbe:
    """Ask the status page; the workload reads the answer.

    Attributes:
        endpoint: where the node listens for HTTP.
        front: the address that users type, with the context path of this very workload.
    """

    endpoint: Endpoint
    front: FrontAddress


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
