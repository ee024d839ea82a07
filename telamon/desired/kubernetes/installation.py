"""The operator as objects: its namespace, what it may do there, the fence, and two of it of which one acts.

It has no right on the cluster as a whole. What it may do in the namespaces of a stack is rendered with the stack
(:mod:`telamon.desired.kubernetes.access`), and applied by whoever may.

Sources: Kubernetes, "Deployments", "Specifying a Disruption Budget", "Network Policies", "Pod Security Standards".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from telamon.desired.kubernetes.access import KEEP, LOOK, granted, rule
from telamon.desired.kubernetes.data import Meta, Object, made
from telamon.desired.kubernetes.fencing import fence
from telamon.desired.kubernetes.hardening import contained, pod_context
from telamon.desired.kubernetes.site import OPERATOR, OPERATOR_NAMESPACE
from telamon.naming import GROUP, LABEL_MANAGED_BY, LABEL_STACK, MANAGER

REPLICAS: Final = 2
USER: Final = 65_532
"""Numeric user of the operator; any but 0 would do."""
PROBED: Final = 8080
APPLICATION: Final = "app.kubernetes.io/name"
LABELS: Final[Mapping[str, str]] = {APPLICATION: OPERATOR, LABEL_MANAGED_BY: MANAGER}


def installation(image: str) -> tuple[Object, ...]:
    """Everything but the custom resources, in the order in which it is to be made.

    Args:
        image: of the operator.
    """
    return (_namespace(), _account(), *_rights(), *fence(), _network(), _budget(), _deployment(image))


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
    ]
    subject = {"kind": "ServiceAccount", "name": OPERATOR, "namespace": OPERATOR_NAMESPACE}
    return granted(_meta(), rules, subjects=[subject])


def _network() -> Object:
    """Nobody but a machine's own probes comes in; out go questions to names, to the API server and to products.

    Where the API server answers is the cluster's affair, so its ports are named and not its address.
    """
    spec = {
        "podSelector": {"matchLabels": {APPLICATION: OPERATOR}},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [
            {
                "to": [
                    {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
                ],
                "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
            },
            {"ports": [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 6443}]},
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


def _deployment(image: str) -> Object:
    selected = {"matchLabels": {APPLICATION: OPERATOR}}
    spec = {
        "replicas": REPLICAS,
        "revisionHistoryLimit": 3,
        "selector": selected,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}},
        "template": {"metadata": {"labels": LABELS}, "spec": _pod(image, selected)},
    }
    return made("apps/v1", "Deployment", meta=_meta(), spec=spec)


def _pod(image: str, selected: dict[str, Any]) -> dict[str, Any]:
    command = ["python", "-m", "telamon.operator", "--kubernetes", "--namespace", OPERATOR_NAMESPACE]
    container = contained(
        "operator",
        image=image,
        resources={
            "requests": {"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "64Mi"},
            "limits": {"cpu": "1", "memory": "256Mi", "ephemeral-storage": "256Mi"},
        },
        command=command,
        ports=[{"name": "probes", "containerPort": PROBED}],
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
