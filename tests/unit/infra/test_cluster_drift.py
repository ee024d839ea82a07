"""What lives otherwise than it was rendered, and whose doing that is, read from objects as an API server gives them."""

from __future__ import annotations

from typing import Any

from telamon.desired.kubernetes.wanted import BroughtSecret, WantedSecret
from telamon.infra.cluster_drift import Compared, added, bound, differences, lacking
from telamon.infra.drift import Deviation, Drift, Severity

MADE = "2026-11-01T08:00:00Z"
LATER = "2026-11-20T23:10:00Z"


def policy(**spec: Any) -> dict[str, Any]:
    """A network policy as it is rendered."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "jira", "namespace": "acme-jira", "labels": {"app": "jira"}},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], **spec},
    }


def stateful_set(**container: Any) -> dict[str, Any]:
    """A workload as it is rendered."""
    main = {"name": "main", "image": "jira@sha256:1", "env": [{"name": "JVM", "value": "1g"}], **container}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "jira", "namespace": "acme-jira"},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [main]}}},
    }


def lives(item: dict[str, Any], *entries: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """An object as it lives, with who has written what."""
    about = {
        **item["metadata"],
        "uid": "1",
        "creationTimestamp": MADE,
        "managedFields": list(entries),
        **metadata,
    }
    return {**item, "metadata": about, "status": {"observed": 1}}


def wrote(
    manager: str, fields: dict[str, Any], *, operation: str = "Update", time: str = LATER
) -> dict[str, Any]:
    """One entry of managed fields."""
    return {"manager": manager, "operation": operation, "time": time, "fieldsV1": fields}


def ours(fields: dict[str, Any]) -> dict[str, Any]:
    """What we have applied."""
    return wrote("telamon", fields, operation="Apply", time=MADE)


def told(compared: Compared) -> list[Drift]:
    """Every difference of an object."""
    return list(differences(compared))


def test_what_lives_as_it_is_rendered_is_no_difference_whatever_the_cluster_has_filled_in() -> None:
    wanted = policy()
    live = lives({**wanted, "spec": {**wanted["spec"], "defaulted": True}}, ours({"f:spec": {}}))
    assert told(Compared(wanted, live, {**live, "metadata": {**live["metadata"], "generation": 9}})) == []


def test_a_policy_that_somebody_has_opened_is_grave_and_tells_who() -> None:
    wanted = policy(ingress=[])
    live = lives(policy(ingress=[{}]), wrote("kubectl-edit", {"f:spec": {"f:ingress": {}}}))
    (found,) = told(Compared(wanted, live, lives(wanted)))
    assert (found.what, found.severity) == (Deviation.CHANGED, Severity.HIGH)
    assert found.address == "acme-jira/NetworkPolicy/jira"
    assert "spec.ingress is [{}] and should be []" in found.told
    assert f"kubectl-edit at {LATER}" in found.told


def test_what_was_applied_for_the_stack_and_is_rendered_otherwise_now_waits_to_be_applied() -> None:
    wanted = stateful_set(image="jira@sha256:2")
    fields: dict[str, Any] = {"f:image": {}}
    below = {"f:containers": {'k:{"name":"main"}': fields}}
    live = lives(stateful_set(), ours({"f:spec": {"f:template": {"f:spec": below}}}))
    (found,) = told(Compared(wanted, live, lives(wanted)))
    assert (found.what, found.severity) == (Deviation.PENDING, Severity.LOW)


def test_another_image_by_hand_is_graver_than_another_variable_and_no_value_of_a_variable_is_told() -> None:
    after = stateful_set()
    image = told(Compared(after, lives(stateful_set(image="evil:1")), lives(after)))
    changed = stateful_set(env=[{"name": "JVM", "value": "hunter2"}])
    variable = told(Compared(after, lives(changed), lives(after)))
    assert (image[0].severity, variable[0].severity) == (Severity.HIGH, Severity.MEDIUM)
    assert "hunter2" not in variable[0].told
    assert "env.JVM.value is another (by whom is not known)" in variable[0].told


def test_what_was_taken_away_by_hand_is_nobodys_and_not_taken_for_a_newer_file() -> None:
    wanted = stateful_set(securityContext={"runAsNonRoot": True})
    live = lives(stateful_set(), ours({"f:spec": {"f:replicas": {}}}))
    (found,) = told(Compared(wanted, live, lives(wanted)))
    assert (found.what, found.severity) == (Deviation.CHANGED, Severity.HIGH)


def test_what_somebody_wrote_beside_what_is_rendered_is_told_though_an_apply_leaves_it() -> None:
    wanted = stateful_set()
    sidecar: dict[str, Any] = {'k:{"name":"miner"}': {".": {}, "f:image": {}}}
    fields = {"f:spec": {"f:template": {"f:spec": {"f:containers": sidecar, "f:hostNetwork": {}}}}}
    live = lives(
        wanted, wrote("kubectl-patch", fields), wrote("kube-controller-manager", {"f:spec": {"f:x": {}}})
    )
    (found,) = told(Compared(wanted, live, live))
    assert (found.what, found.severity) == (Deviation.ADDED, Severity.HIGH)
    assert "spec.template.spec.containers.miner" in found.told
    assert "spec.template.spec.hostNetwork" in found.told


def test_what_was_written_when_the_object_was_made_is_not_told_as_added() -> None:
    wanted = stateful_set()
    live = lives(wanted, wrote("kubectl-create", {"f:spec": {"f:revisionHistoryLimit": {}}}, time=MADE))
    assert told(Compared(wanted, live, live)) == []


def test_an_edit_in_the_very_second_in_which_we_have_made_an_object_is_told() -> None:
    wanted = policy()
    edit = wrote("kubectl-edit", {"f:spec": {"f:ingress": {}}}, time=MADE)
    live = lives(wanted, ours({"f:spec": {"f:policyTypes": {}}}), edit)
    (found,) = told(Compared(wanted, live, live))
    assert (found.what, found.severity) == (Deviation.ADDED, Severity.HIGH)


def test_labels_matter_less_except_those_of_a_namespace() -> None:
    wanted = policy()
    live = lives(wanted, labels={"app": "other"})
    assert told(Compared(wanted, live, lives(wanted)))[0].severity is Severity.LOW
    space = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "a", "labels": {"p": "restricted"}},
    }
    live = lives(space, labels={"p": "privileged"})
    assert told(Compared(space, live, lives(space)))[0].severity is Severity.HIGH


def test_what_is_gone_and_what_cannot_be_applied_are_told() -> None:
    (gone,) = told(Compared(policy(), None, None))
    assert (gone.what, gone.severity) == (Deviation.GONE, Severity.HIGH)
    (stuck,) = told(Compared(policy(), lives(policy()), None, "field is immutable"))
    assert "field is immutable" in stuck.told


def named(kind: str, name: str, **metadata: Any) -> dict[str, Any]:
    """What a list of metadata holds."""
    return {"kind": kind, "metadata": {"name": name, "namespace": "acme-jira", **metadata}}


def test_only_what_people_have_added_is_told() -> None:
    live = [
        named("NetworkPolicy", "open"),
        named("Pod", "jira-0", ownerReferences=[{"kind": "StatefulSet"}]),
        named("ConfigMap", "kube-root-ca.crt"),
        named("Secret", "jira-database"),
        named("PersistentVolumeClaim", "local-jira-0"),
        named("Service", "jira"),
    ]
    found = list(
        added(
            live,
            rendered={"acme-jira/Service/jira"},
            referred={"acme-jira/Secret/jira-database", "acme-jira/PersistentVolumeClaim/local-jira-"},
        )
    )
    assert [(each.address, each.severity) for each in found] == [
        ("acme-jira/NetworkPolicy/open", Severity.HIGH)
    ]


def test_a_job_of_the_operator_is_its_own_until_somebody_else_writes_it() -> None:
    labels = {"telamon.dev/worked-on": "jira"}
    by_us = wrote("telamon", {"f:spec": {}})
    reported = wrote("kube-controller-manager", {"f:status": {}})
    jobs = [
        named("Job", "own", labels=labels, managedFields=[by_us, reported]),
        named("Job", "labelled", labels=labels, managedFields=[wrote("kubectl-create", {"f:spec": {}})]),
        named(
            "Job", "rewritten", labels=labels, managedFields=[by_us, wrote("kubectl-edit", {"f:spec": {}})]
        ),
        named("Job", "miner", managedFields=[by_us]),
    ]
    found = {each.address for each in added(jobs, rendered=set(), referred=set())}
    assert found == {f"acme-jira/Job/{name}" for name in ("labelled", "rewritten", "miner")}


def test_a_secret_that_the_operator_keeps_itself_is_its_own() -> None:
    labels = {"app.kubernetes.io/managed-by": "telamon"}
    by_us = wrote("telamon", {"f:data": {}})
    secrets = [
        named("Secret", "token", labels=labels, managedFields=[by_us]),
        named("Secret", "labelled", labels=labels, managedFields=[wrote("kubectl-create", {"f:data": {}})]),
        named("Secret", "taken", labels=labels, managedFields=[by_us, wrote("kubectl-edit", {"f:data": {}})]),
    ]
    found = {each.address for each in added(secrets, rendered=set(), referred=set())}
    assert found == {"acme-jira/Secret/labelled", "acme-jira/Secret/taken"}


def test_rights_on_the_whole_cluster_for_accounts_of_the_stack_are_grave() -> None:
    role = {"name": "cluster-admin"}
    mine = {"kind": "ServiceAccount", "namespace": "acme-jira", "name": "jira"}
    group = {"kind": "Group", "name": "system:serviceaccounts:acme-jira"}
    bindings = [
        {"kind": "ClusterRoleBinding", "metadata": {"name": name}, "roleRef": role, "subjects": subjects}
        for name, subjects in (
            ("a", [mine]),
            ("b", [group]),
            ("c", [{**mine, "namespace": "other"}]),
            ("d", None),
        )
    ]
    found = list(bound(bindings, namespaces={"acme-jira"}))
    assert [each.address for each in found] == ["ClusterRoleBinding/a", "ClusterRoleBinding/b"]
    assert "acme-jira/jira the role cluster-admin" in found[0].told


def test_a_secret_that_is_missing_is_told_from_one_that_lacks_a_key() -> None:
    wanted = [WantedSecret("acme-jira", name, ("password",)) for name in ("gone", "partial", "whole")]
    there = {("acme-jira", "partial"): ("username",), ("acme-jira", "whole"): ("password",)}
    found = list(lacking(wanted, {name: BroughtSecret(frozenset(keys)) for name, keys in there.items()}))
    assert [each.what for each in found] == [Deviation.GONE, Deviation.CHANGED]
    assert found[1].told == "it has no password"


def test_a_secret_of_another_type_than_it_has_to_be_of_is_told() -> None:
    wanted = [WantedSecret("acme-edge", "front", ("tls.crt",), "kubernetes.io/tls")]
    there = {("acme-edge", "front"): BroughtSecret(frozenset({"tls.crt"}), "Opaque")}
    (found,) = lacking(wanted, there)
    assert found.told == "it is of type Opaque, and has to be of type kubernetes.io/tls"
