"""What a cluster has beside its nodes: the DNS of its services, and classes of volumes.

Sources: CoreDNS, plugins ``kubernetes``, ``ready``, ``health``; Kubernetes, "DNS-Based Service Discovery" and
``cluster/addons/dns/coredns`` (the rights that it needs); "Storage Classes" (``no-provisioner``, binding modes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

DNS: Final = "10.96.0.10"
"""Address of the DNS of the cluster, among those of services."""
POLICY_USER: Final = "testbed:policies"
"""As whom nodes read what they enforce."""
DNS_IMAGE: Final = "telamon.dev/testbed/coredns:1"
SHARED: Final = "shared"
"""Class of volumes that pods on every node write at once."""
LOCAL: Final = "local"
"""Class of volumes on the node where the first pod came to be; what is claimed without a class."""
_RIGHTS: Final = "rbac.authorization.k8s.io"
_COREFILE: Final = """\
cluster.local:53 in-addr.arpa:53 {
    errors
    health :8080
    ready :8181
    kubernetes cluster.local in-addr.arpa {
        ttl 1
    }
    cache 2
    loadbalance
}
.:53 {
    template ANY ANY {
        rcode NXDOMAIN
    }
}
"""
"""There is no other network to ask about other names, so they do not exist."""


def addons() -> Iterator[dict[str, Any]]:
    """Objects of every cluster, in the order in which they are to be applied."""
    yield from _classes()
    yield from _rights()
    yield _object("v1", "ConfigMap", "coredns", data={"Corefile": _COREFILE})
    yield _object("apps/v1", "Deployment", "coredns", spec=_deployment())
    ports = [
        {"name": name, "port": 53, "protocol": protocol}
        for name, protocol in (("dns", "UDP"), ("dns-tcp", "TCP"))
    ]
    service = {"clusterIP": DNS, "selector": {"k8s-app": "kube-dns"}, "ports": ports}
    yield _object("v1", "Service", "kube-dns", spec=service)


def _classes() -> Iterator[dict[str, Any]]:
    for name, mode in ((SHARED, "Immediate"), (LOCAL, "WaitForFirstConsumer")):
        default = {"storageclass.kubernetes.io/is-default-class": "true"} if name == LOCAL else {}
        yield {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": name, "annotations": default},
            "provisioner": "telamon.dev/testbed",
            "volumeBindingMode": mode,
            "allowVolumeExpansion": False,
        }


def _rights() -> Iterator[dict[str, Any]]:
    yield _object("v1", "ServiceAccount", "coredns")
    account = {"kind": "ServiceAccount", "name": "coredns", "namespace": "kube-system"}
    read = {"": ["services", "namespaces", "pods"], "discovery.k8s.io": ["endpointslices"]}
    yield from _right("system:coredns", read, subject=account)
    user = {"kind": "User", "name": POLICY_USER, "apiGroup": _RIGHTS}
    read = {"": ["namespaces", "pods"], "networking.k8s.io": ["networkpolicies"]}
    yield from _right(POLICY_USER, read, subject=user)


def _right(
    name: str, read: Mapping[str, Sequence[str]], *, subject: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Let somebody read kinds of objects in the whole cluster."""
    rules = [
        {"apiGroups": [group], "resources": list(kinds), "verbs": ["list", "watch"]}
        for group, kinds in read.items()
    ]
    named = {"apiVersion": f"{_RIGHTS}/v1", "metadata": {"name": name}}
    yield {**named, "kind": "ClusterRole", "rules": rules}
    role = {"apiGroup": _RIGHTS, "kind": "ClusterRole", "name": name}
    yield {**named, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [dict(subject)]}


def _deployment() -> dict[str, Any]:
    labels = {"k8s-app": "kube-dns"}
    container = {
        "name": "coredns",
        "image": DNS_IMAGE,
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "volumeMounts": [{"name": "settings", "mountPath": "/etc/coredns", "readOnly": True}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }
    pod = {
        "serviceAccountName": "coredns",
        # The nodes' own DNS: that of the cluster is this one.
        "dnsPolicy": "Default",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
            # It listens where it does everywhere else: policies see the port of the pod and not that of its service.
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "53"}],
        },
        "containers": [container],
        "volumes": [{"name": "settings", "configMap": {"name": "coredns"}}],
        "topologySpreadConstraints": [spread],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}


def _object(version: str, kind: str, name: str, **rest: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "kube-system"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}
