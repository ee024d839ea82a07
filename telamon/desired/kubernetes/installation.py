"""The operator as objects: its namespace, what it may do there, the fence, and two of it of which one acts.

What it may do in the namespaces of a stack is rendered with the stack (:mod:`telamon.desired.kubernetes.access`), and
applied by whoever may. On the cluster as a whole it may say by which certificate it is known where it is asked for
admission (:mod:`telamon.desired.kubernetes.admission`), see which namespaces there are and what others have applied for
a stack, and end operations: a namespace that is being deleted has lost its roles already, and would wait for ever for
an operation that nobody may let go of.

Sources: Kubernetes, "Deployments", "Specifying a Disruption Budget", "Network Policies", "Pod Security Standards";
Amazon EKS, "Set up the Amazon EKS Pod Identity Agent" (at which address it answers, on port 80).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from telamon.desired.kubernetes import admission as asked
from telamon.desired.kubernetes.access import KEEP, LOOK, granted, granted_everywhere, rule, the_operator
from telamon.desired.kubernetes.data import Meta, Object, made, without_nothing
from telamon.desired.kubernetes.fencing import fence
from telamon.desired.kubernetes.flows import IDENTITIES
from telamon.desired.kubernetes.hardening import contained, pod_context
from telamon.desired.kubernetes.site import OPERATOR, OPERATOR_NAMESPACE
from telamon.naming import GROUP, LABEL_MANAGED_BY, LABEL_STACK, MANAGER

REPLICAS: Final = 2
USER: Final = 65_532
"""Numeric user of the operator; any but 0 would do."""
PROBED: Final = 8080
APPLICATION: Final = "app.kubernetes.io/name"
METERED: Final = f"{GROUP}/metrics"
METERED_BY: Final = f"{OPERATOR}-metrics"
"""Name of the service and the ServiceMonitor by which operators are found."""
LABELS: Final[Mapping[str, str]] = {APPLICATION: OPERATOR, LABEL_MANAGED_BY: MANAGER}


class Metering(StrEnum):
    """How Prometheus finds what the operator counts.

    Sources: the documentation of the Prometheus community's Helm chart (annotations of pods), Prometheus Operator,
    ServiceMonitor.
    """

    NONE = "none"
    ANNOTATIONS = "annotations"
    SERVICE_MONITOR = "service-monitor"


def installation(
    image: str, *, metrics: Metering = Metering.NONE, pull_secret: str = "", priority_class: str = ""
) -> tuple[Object, ...]:
    """Everything but the custom resources, in the order in which it is to be made.

    Args:
        image: of the operator.
        metrics: how they are found.
        pull_secret: by which the image is pulled, a secret of the operator's namespace; "" for none.
        priority_class: of the operator's pods; "" for the cluster's usual one.
    """
    further = without_nothing(
        imagePullSecrets=[{"name": pull_secret}] if pull_secret else [], priorityClassName=priority_class
    )
    return (
        _namespace(),
        _account(),
        *_rights(),
        *_on_the_cluster(),
        *fence(),
        *asked.admission(_meta(), {APPLICATION: OPERATOR}),
        _network(),
        _budget(),
        *(_monitored() if metrics is Metering.SERVICE_MONITOR else ()),
        _deployment(image, annotated=metrics is Metering.ANNOTATIONS, further=further),
    )


def _meta(name: str = OPERATOR) -> Meta:
    return Meta(name, OPERATOR_NAMESPACE, LABELS)


def _namespace() -> Object:
    labels = {LABEL_MANAGED_BY: MANAGER}
    for mode in ("enforce", "audit", "warn"):
        labels[f"pod-security.kubernetes.io/{mode}"] = "restricted"
        labels[f"pod-security.kubernetes.io/{mode}-version"] = "latest"
    return made("v1", "Namespace", meta=Meta(OPERATOR_NAMESPACE, "", labels))


def _account() -> Object:
    return made("v1", "ServiceAccount", meta=_meta(), automountServiceAccountToken=False)


def _rights() -> tuple[Object, ...]:
    rules = [
        rule(GROUP, ("stacks",), verbs=(*LOOK, "patch")),
        rule(GROUP, ("stacks/status",), verbs=("get", "patch")),
        rule("", ("configmaps",), verbs=(*KEEP, "delete")),
        rule("events.k8s.io", ("events",), verbs=("create",)),
        rule("coordination.k8s.io", ("leases",), verbs=("create",)),
        rule("coordination.k8s.io", ("leases",), verbs=("get", "patch")) | {"resourceNames": [OPERATOR]},
        # What others apply beside the Stacks is read alone.
        rule("rbac.authorization.k8s.io", ("rolebindings", "roles"), verbs=("get",)),
        *asked.rights(),
    ]
    return granted(_meta(), rules, subjects=[the_operator()])


def _on_the_cluster() -> tuple[Object, ...]:
    rules = [
        rule("", ("namespaces",), verbs=("get", "list")),
        # What others apply for a stack, and lies in no namespace, is read alone.
        rule("", ("persistentvolumes",), verbs=("get",)),
        rule("gateway.networking.k8s.io", ("gatewayclasses",), verbs=("get",)),
        rule("projectcalico.org", ("globalnetworkpolicies",), verbs=("get",)),
        rule("scheduling.k8s.io", ("priorityclasses",), verbs=("get",)),
        rule("storage.k8s.io", ("storageclasses",), verbs=("get",)),
        rule(GROUP, ("operations",), verbs=(*LOOK, "patch")),
        rule(GROUP, ("operations/status",), verbs=("get", "patch")),
    ]
    meta = Meta(OPERATOR, "", {LABEL_MANAGED_BY: MANAGER})
    return granted_everywhere(meta, rules, subjects=[the_operator()])


def _network() -> Object:
    """In come questions for admission and for metrics; out go questions to names, to the API server and to products.

    On EKS it also asks for the role by which it speaks to AWS.

    Where the API server is, is the cluster's affair, so ports are named and not its address.
    """
    spec = {
        "podSelector": {"matchLabels": {APPLICATION: OPERATOR}},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {"ports": [{"protocol": "TCP", "port": asked.PORT}]},
            {"from": [{"namespaceSelector": {}}], "ports": [{"protocol": "TCP", "port": PROBED}]},
        ],
        "egress": [
            {
                "to": [
                    {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
                ],
                "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
            },
            {"ports": [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 6443}]},
            {
                "to": [{"ipBlock": {"cidr": IDENTITIES}}],
                "ports": [{"protocol": "TCP", "port": 80}],
            },
            {
                "to": [
                    {"namespaceSelector": {"matchExpressions": [{"key": LABEL_STACK, "operator": "Exists"}]}}
                ]
            },
        ],
    }
    return made("networking.k8s.io/v1", "NetworkPolicy", meta=_meta(), spec=spec)


def _budget() -> Object:
    spec = {
        "maxUnavailable": 1,
        "selector": {"matchLabels": {APPLICATION: OPERATOR}},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    return made("policy/v1", "PodDisruptionBudget", meta=_meta(), spec=spec)


def _monitored() -> tuple[Object, ...]:
    """A service by which both operators are found, though one does not lead, and what asks them."""
    meta = Meta(METERED_BY, OPERATOR_NAMESPACE, {**LABELS, METERED: "true"})
    port = {"name": "metrics", "port": PROBED, "targetPort": "probes", "protocol": "TCP"}
    service = {"clusterIP": "None", "selector": {APPLICATION: OPERATOR}, "ports": [port]}
    monitor = {
        "selector": {"matchLabels": {METERED: "true"}},
        "endpoints": [{"port": "metrics", "path": "/metrics"}],
    }
    return (
        made("v1", "Service", meta=meta, spec=service),
        made("monitoring.coreos.com/v1", "ServiceMonitor", meta=meta, spec=monitor),
    )


def _deployment(image: str, *, annotated: bool, further: Mapping[str, Any]) -> Object:
    metadata: dict[str, Any] = {"labels": LABELS}
    if annotated:
        metadata["annotations"] = {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(PROBED),
            "prometheus.io/path": "/metrics",
        }
    selected = {"matchLabels": {APPLICATION: OPERATOR}}
    spec = {
        "replicas": REPLICAS,
        "revisionHistoryLimit": 3,
        "selector": selected,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}},
        "template": {"metadata": metadata, "spec": _pod(image, selected) | dict(further)},
    }
    return made("apps/v1", "Deployment", meta=_meta(), spec=spec)


def _pod(image: str, selected: dict[str, Any]) -> dict[str, Any]:
    command = ["python", "-m", "telamon.operator", "--kubernetes", "--namespace", OPERATOR_NAMESPACE]
    # The jobs that take backups are made of the same image.
    command += ["--image", image]
    container = contained(
        "operator",
        image=image,
        resources={
            "requests": {"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "64Mi"},
            "limits": {"cpu": "1", "memory": "256Mi", "ephemeral-storage": "256Mi"},
        },
        command=command,
        ports=[
            {"name": "probes", "containerPort": PROBED},
            {"name": asked.PORT_NAME, "containerPort": asked.PORT},
        ],
        livenessProbe={
            "httpGet": {"path": "/healthz", "port": PROBED},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
        readinessProbe={"httpGet": {"path": "/readyz", "port": PROBED}, "periodSeconds": 5},
    )
    return {
        "serviceAccountName": OPERATOR,
        "automountServiceAccountToken": True,
        "securityContext": pod_context(USER),
        "terminationGracePeriodSeconds": 30,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": selected,
            }
        ],
        "containers": [container],
    }
