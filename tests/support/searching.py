"""A search component whose nodes a test asks for their copies, as the operator does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from telamon.desired.calls import SetupDesired, UserDesired, WorkloadProbe
from telamon.desired.component import ComponentDesired
from telamon.errors import PlatformError
from telamon.platforms.calls.credentials import Credentials
from telamon.platforms.calls.looks import Asked, CloseLooks
from telamon.products.base import Endpoint, FrontAddress, Product, SecretValue, Workload
from telamon.products.registry import registry
from telamon.state.phase import Phase
from telamon.state.world import ComponentKind, Copies, JobState
from tests.support.hosting import eventually

FRONT = FrontAddress("https", "git.acme.example", 443, "")
PASSWORD = SecretValue("acme-bitbucket-search", "password")
AUTHORITY = SecretValue("acme-bitbucket-opensearch-tls", "ca.crt")


class Vault:
    """Secrets of one namespace."""

    def __init__(self, values: Mapping[SecretValue, str]) -> None:
        self.values = dict(values)

    def get(self, name: str, key: str) -> str:
        value = self.values.get(SecretValue(name, key))
        if value is None:
            raise PlatformError(f"the secret {name} has no key {key}")
        return value

    def find(self, value: SecretValue) -> str | None:
        return self.values.get(value)

    def put(self, name: str, values: Mapping[str, str]) -> None:
        raise AssertionError("nothing is stored")


class NoRecords:
    """Nothing was ever called."""

    def jobs(self, component: str) -> Mapping[str, JobState]:
        return {}

    def put(self, component: str, job: JobState) -> None:
        raise AssertionError("nothing is called")

    def notes(self, component: str) -> tuple[tuple[float, str], ...]:
        return ()

    def note(self, component: str, at: float, *, text: str) -> None:
        raise AssertionError("nothing is noted")


@dataclass(frozen=True)
class Searching:
    """A search component."""

    user: UserDesired
    desired: ComponentDesired
    product: Product | None = None
    set_up: SetupDesired | None = None
    banner: str = ""

    @property
    def workload(self) -> Workload | None:
        return registry()["bitbucket"].companions["opensearch"]


def copies_told(looks: CloseLooks, endpoint: Endpoint, *, vault: Vault, name: str, others: int = 0) -> Copies:
    """What is known of the copies once a node was asked, or cannot be.

    Args:
        looks: who asks.
        endpoint: of the node.
        vault: what may be read.
        name: that its certificate names.
        others: nodes that run as well, and were not asked.
    """
    desired = ComponentDesired(
        "bitbucket-opensearch", ComponentKind.COMPANION, "bitbucket", (), rotates=False, keeps_copies=True
    )
    part = Searching(UserDesired("admin", PASSWORD, AUTHORITY, name), desired)
    members = {"bitbucket-opensearch-0": WorkloadProbe(endpoint, FRONT)}
    asked = {each: Asked(each, Phase.RUNNING, True, probe) for each, probe in members.items()}
    phases = dict.fromkeys((*asked, *(f"other-{number}" for number in range(others))), Phase.RUNNING)
    found: list[Copies] = []

    def known() -> bool:
        looks.look(part, asked, credentials=Credentials(vault, NoRecords()))
        copies = looks.copies(part, phases)
        assert copies is not None
        found.append(copies)
        return "not told" not in copies.detail or "other-" in copies.detail

    eventually(known, "the node was asked")
    return found[-1]
