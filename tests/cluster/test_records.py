"""What the operator remembers of calls, and the secrets that it reads and keeps, on a real API server."""

from __future__ import annotations

from typing import Any

import pytest

from telamon.errors import ConflictError, PlatformError
from telamon.platforms.clock import SteadyClock
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.records import KubernetesRecords
from telamon.platforms.kubernetes.secrets import KubernetesSecrets
from telamon.platforms.kubernetes.sheets import CONFIG_MAP
from telamon.products.base import SecretValue
from telamon.state.world import JobPhase, JobState
from tests.cluster.support import until

pytestmark = pytest.mark.lab


@pytest.fixture
def namespace(api: Api) -> str:
    """A namespace of its own."""
    item: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "remembered"}}
    api.apply(item, over=None)
    return "remembered"


def test_a_successor_knows_what_was_said_and_that_nobody_goes_on_with_it(api: Api, namespace: str) -> None:
    records = KubernetesRecords(api, namespace, "acme")
    assert records.jobs("jira") == {}
    records.put("jira", JobState("service-account", JobPhase.SUCCEEDED, ended=1.0, result="done"))
    records.note("jira", 2.0, text="posted:license")
    records.put("jira", JobState("set-up", JobPhase.RUNNING))

    successor = KubernetesRecords(api, namespace, "acme")
    assert successor.notes("jira") == ((2.0, "posted:license"),)
    jobs = successor.jobs("jira")
    assert jobs["service-account"].result == "done"
    assert (jobs["set-up"].phase, jobs["set-up"].ended) == (JobPhase.FAILED, 0.0)
    assert successor.jobs("confluence") == {}

    # Once the successor has written, whoever was deposed writes nothing any more, and then reads what is there.
    successor.put("jira", JobState("smoke", JobPhase.SUCCEEDED, ended=3.0, result="done"))
    with pytest.raises(ConflictError):
        records.note("jira", 4.0, text="late")
    assert "smoke" in records.jobs("jira")
    # What there is to come back to stays, whatever else is written.
    assert successor.backups("jira") == ""
    successor.list_backups("jira", "told by a job")
    successor.note("jira", 5.0, text="another")
    assert KubernetesRecords(api, namespace, "acme").backups("jira") == "told by a job"
    successor.clear()
    assert api.get(CONFIG_MAP, "acme.jira.calls", namespace=namespace) is None


def test_only_the_last_jobs_of_operations_are_kept(api: Api, namespace: str) -> None:
    records = KubernetesRecords(api, namespace, "many")
    records.put("jira", JobState("service-account", JobPhase.SUCCEEDED, ended=0.0, result="done"))
    for number in range(103):
        records.put("jira", JobState(f"smoke/{number}", JobPhase.SUCCEEDED, ended=float(number)))
    kept = set(records.jobs("jira"))
    assert kept == {"service-account", *(f"smoke/{number}" for number in range(3, 103))}
    records.clear()


def test_a_damaged_record_is_told_of_with_a_way_out(api: Api, namespace: str) -> None:
    metadata = {"name": "acme.wiki.calls", "namespace": namespace}
    api.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"jobs": "{"}}, over=None
    )
    with pytest.raises(PlatformError, match=r"the record acme\.wiki\.calls is damaged") as raised:
        KubernetesRecords(api, namespace, "acme").jobs("wiki")
    assert "backup" in (raised.value.remedy or "")


def test_secrets_are_read_by_name_and_the_own_one_is_kept(api: Api, namespace: str) -> None:
    api.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "admin", "namespace": namespace},
            "stringData": {"username": "root"},
        },
        over=None,
    )
    secrets = KubernetesSecrets(api, namespace, SteadyClock())
    assert secrets.get("admin", "username") == "root"
    with pytest.raises(PlatformError, match="the secret admin in remembered has no key password"):
        secrets.get("admin", "password")
    assert secrets.find(SecretValue("token", "token")) is None
    secrets.put("token", {"token": "one", "other": "kept"})
    until(lambda: secrets.find(SecretValue("token", "token")) == "one")
    secrets.put("token", {"token": "two"})
    assert KubernetesSecrets(api, namespace, SteadyClock()).get("token", "other") == "kept"
    assert secrets.get("token", "token") == "two"
