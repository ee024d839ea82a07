"""What is renewed on a cluster: where nodes find it, what keeps it apart from what somebody brought, and who may."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from telamon.desired.in_force import InForce
from telamon.desired.kubernetes.components import KubernetesComponent, components
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.facts import Facts
from telamon.desired.kubernetes.site import Site, site
from telamon.errors import DeniedError, TemporaryError
from telamon.plan.step import Record
from telamon.plan.view import RENEWED
from telamon.plan.works.rotation import DisableLogin, EnableLogin, RenewClusterSecret
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.renewing import Renewals
from telamon.platforms.kubernetes.works import Works
from telamon.platforms.memory.clock import ManualClock
from telamon.platforms.memory.store import MemoryJournal
from telamon.ports import Entry
from telamon.run.recall import changes_desired, in_force
from telamon.state.world import JobPhase, JobState
from tests.support.manifests import ALL, SMALL, digests, products, rendered, stack_of

EXTERNAL = "  database: {kind: external, host: db.acme.example, admin: {secret: admin}}"
TURNED = InForce(logins={"jira": "_jira_a", "confluence": "_confluence_b"})


def known(in_force: InForce | None = None, *, more: str = EXTERNAL) -> Site:
    """Three products."""
    stack = stack_of(SMALL.replace("PRODUCTS", ALL).replace("MORE", more))
    return site(stack, products(stack), facts=Facts(), digests=digests(stack), in_force=in_force)


def part(name: str, in_force: InForce | None = None, *, more: str = EXTERNAL) -> KubernetesComponent:
    """A component of them."""
    made = known(in_force, more=more)
    return next(each for each in components(made, rendered(made)) if each.desired.name == name)


def references(component: KubernetesComponent) -> set[tuple[str, str]]:
    """Secrets that its nodes refer to, with the keys."""
    pod = component.stateful_set["spec"]["template"]["spec"]
    return {
        (entry["valueFrom"]["secretKeyRef"]["name"], entry["valueFrom"]["secretKeyRef"]["key"])
        for container in (*pod["containers"], *pod.get("initContainers", ()))
        for entry in container.get("env", ())
        if "secretKeyRef" in entry.get("valueFrom", {})
    }


def before(component: KubernetesComponent) -> list[str]:
    """What is done before its nodes start."""
    pod = component.stateful_set["spec"]["template"]["spec"]
    return [str(each["name"]) for each in pod.get("initContainers", ())]


class Cluster(Api):
    """An API server that keeps what is written, in the order in which it was."""

    def __init__(self, *, denied: bool = False) -> None:
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.written: list[tuple[str, str]] = []
        self.denied = denied

    def get(self, kind: Kind, name: str, *, namespace: str = "") -> Object | None:
        return self.objects.get((kind.kind, namespace, name))

    def apply(self, item: Object, *, over: Object | None) -> Object:
        if self.denied:
            raise DeniedError("may not create secrets")
        return self.create(item)

    def create(self, item: Object) -> Object:
        metadata = item["metadata"]
        self.objects[item["kind"], metadata["namespace"], metadata["name"]] = dict(item)
        self.written.append((str(item["kind"]), str(metadata["namespace"])))
        return item

    def delete(self, item: Object, *, grace: float | None = None, alone: bool = False) -> None:
        metadata = item["metadata"]
        del self.objects[item["kind"], metadata["namespace"], metadata["name"]]

    def kept(self, namespace: str, name: str) -> Mapping[str, str]:
        """The values of a secret."""
        found = self.objects[("Secret", namespace, name)]["data"]
        return {key: base64.b64decode(text).decode() for key, text in found.items()}

    def fail(self) -> None:
        """Have every job fail."""
        for (kind, _, _), item in self.objects.items():
            if kind == "Job":
                at = "1970-01-01T00:00:10Z"
                item["status"] = {
                    "conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": at}]
                }


def begun(
    cluster: Cluster, component: KubernetesComponent, work: EnableLogin | DisableLogin | RenewClusterSecret
) -> JobState | None:
    """Ask for a work."""
    return Renewals(cluster, Works(cluster), ManualClock()).begin(component, work, job="op/work")


def test_nodes_refer_to_what_somebody_brought_until_it_is_renewed() -> None:
    first, then = part("jira"), part("jira", TURNED)
    assert ("acme-jira-database", "password") in references(first)
    assert not any(name.endswith("-renewed") for name, _ in references(first))
    assert first.desired.login == "jira"
    assert first.desired.login_turn is not None
    assert first.desired.login_turn.next == "_jira_a"
    assert "log-in" not in before(first)

    assert ("acme-jira-renewed", "_jira_a") in references(then)
    assert ("acme-jira-database", "password") not in references(then)
    assert (then.desired.login, then.desired.login_turn) != (first.desired.login, first.desired.login_turn)
    assert "log-in" in before(then)
    assert {each.revision for each in then.desired.members} != {
        each.revision for each in first.desired.members
    }
    # What makes the database stays as it is, and so is not done again.
    assert then.preparing == first.preparing


def test_companions_take_their_turn_with_the_product() -> None:
    product, companion = (part(name, TURNED) for name in ("confluence", "confluence-synchrony"))
    assert product.desired.login == companion.desired.login == "_confluence_b"
    assert product.desired.login_turn is not None
    assert product.desired.login_turn.next == "_confluence_a"
    assert product.desired.login_turn.shared_with == ("confluence-synchrony",)
    assert ("acme-confluence-renewed", "_confluence_b") in references(companion)


def test_a_backup_is_taken_as_whom_nodes_log_in() -> None:
    saved = part(
        "jira", TURNED, more=f"{EXTERNAL}\n  backup: {{destination: {{kind: claim, claim: backups}}}}"
    )
    assert saved.saving is not None
    assert saved.saving.database.user == "_jira_a"
    assert saved.saving.database.name == "jira"


def test_whose_roles_are_declared_elsewhere_is_given_no_other_log_in() -> None:
    declared = part("jira", more="  database: {kind: cloudnative-pg}")
    assert declared.logins is None
    assert declared.desired.login_turn is None
    assert "CloudNativePG" in declared.desired.no_turn


def test_the_operator_may_keep_its_own_secret_and_no_other() -> None:
    made = known()
    for name in ("jira", "confluence", "bitbucket"):
        rules = the_role(made, f"acme-{name}")
        assert {f"acme-{name}-renewed"} <= kept_names(rules)
    assert kept_names(the_role(made, "acme-database")) == {
        f"acme-{name}-renewed" for name in ("jira", "confluence", "bitbucket")
    }
    declared = known(more="  database: {kind: cloudnative-pg}")
    assert kept_names(the_role(declared, "acme-database")) == set()
    # The secret that its nodes share is Telamon's to renew wherever the database is.
    assert "acme-bitbucket-renewed" in kept_names(the_role(declared, "acme-bitbucket"))


def the_role(made: Site, namespace: str) -> list[Any]:
    """What the operator may do in a namespace."""
    found = [
        item
        for bundle in rendered(made)
        for item in bundle.objects
        if item["kind"] == "Role"
        and (item["metadata"]["namespace"], item["metadata"]["name"]) == (namespace, "telamon-operator")
    ]
    (role,) = found
    return list(role["rules"])


def kept_names(rules: list[Any]) -> set[str]:
    """Secrets that may be written."""
    return {
        name
        for rule in rules
        if "secrets" in rule["resources"] and "patch" in rule["verbs"]
        for name in rule["resourceNames"]
    }


def test_a_password_is_kept_in_both_namespaces_before_a_job_reads_it() -> None:
    cluster, jira = Cluster(), part("jira")
    assert begun(cluster, jira, EnableLogin("_jira_a")) is None
    assert cluster.written == [("Secret", "acme-database"), ("Secret", "acme-jira"), ("Job", "acme-database")]
    first = cluster.kept("acme-jira", "acme-jira-renewed")
    assert cluster.kept("acme-database", "acme-jira-renewed") == first
    assert len(first["_jira_a"]) >= 40
    # Asked again while its job goes on, nobody gives the role another password than the job has read.
    assert begun(cluster, jira, EnableLogin("_jira_a")) is None
    assert cluster.kept("acme-jira", "acme-jira-renewed") == first
    assert first["_jira_a"] not in repr(
        [item for (kind, _, _), item in cluster.objects.items() if kind == "Job"]
    )

    cluster.fail()
    with pytest.raises(TemporaryError):
        begun(cluster, jira, EnableLogin("_jira_a"))
    assert begun(cluster, jira, EnableLogin("_jira_a")) is None
    assert cluster.kept("acme-jira", "acme-jira-renewed") != first


def test_ending_a_role_takes_a_job_and_no_password() -> None:
    cluster = Cluster()
    assert begun(cluster, part("jira", TURNED), DisableLogin("jira")) is None
    assert cluster.written == [("Job", "acme-database")]


@pytest.mark.parametrize("work", [EnableLogin("_jira_a"), DisableLogin("_jira_a")])
def test_whom_nodes_log_in_as_is_left_alone(work: EnableLogin | DisableLogin) -> None:
    cluster = Cluster()
    ended = begun(cluster, part("jira", TURNED), work)
    assert ended is not None
    assert ended.phase is JobPhase.FAILED
    assert cluster.written == []


def test_a_shared_secret_is_made_where_nodes_find_it_once_it_is_named() -> None:
    cluster, first = Cluster(), part("bitbucket")
    ended = begun(cluster, first, RenewClusterSecret())
    assert ended is not None
    assert ended.phase is JobPhase.SUCCEEDED
    (key,) = cluster.kept("acme-bitbucket", "acme-bitbucket-renewed")
    assert ("acme-bitbucket-cluster", "secret") in references(first)
    then = part("bitbucket", InForce(renewed=frozenset({"bitbucket"})))
    assert ("acme-bitbucket-renewed", key) in references(then)
    assert ("acme-bitbucket-cluster", "secret") not in references(then)


def test_without_the_right_it_has_failed_and_says_so() -> None:
    for work in (EnableLogin("_jira_a"), RenewClusterSecret()):
        ended = begun(Cluster(denied=True), part("jira"), work)
        assert ended is not None
        assert (ended.phase, "may not create secrets" in ended.detail) == (JobPhase.FAILED, True)


def test_jobs_are_looked_for_where_the_administrator_is() -> None:
    class Listed(Cluster):
        asked: tuple[str, ...] = ()

        def list(self, kind: Kind, *, namespace: str, labels: Mapping[str, str]) -> tuple[Object, ...]:
            self.asked = (*self.asked, namespace)
            return ()

    cluster = Listed()
    assert Works(cluster).jobs(part("jira")) == {}
    assert cluster.asked == ("acme-jira", "acme-database")


def test_the_journal_says_from_when_on() -> None:
    journal, stack = MemoryJournal(), stack_of(SMALL.replace("PRODUCTS", ALL).replace("MORE", EXTERNAL))
    assert in_force(journal, stack).renewed == frozenset()
    step = Record("bitbucket", RENEWED, "asked")
    journal.append(Entry(0, 0.0, step.component, "fact", subject=step.fact))
    assert in_force(journal, stack).renewed == {"bitbucket"}
    # Then nodes are desired anew.
    assert changes_desired(step)
