"""Who may do what: an account for each workload, a role a namespace for the operator, roles for people.

Nobody gets a right in a namespace that the stack does not own, nobody may hand rights on (no ``escalate``, no ``bind``,
no ``impersonate``), and secrets are read by name.

Source: Kubernetes, "Using RBAC Authorization", "Role Based Access Control Good Practices".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from telamon.desired.kubernetes.data import Meta, Object, made, without_nothing
from telamon.desired.kubernetes.site import OPERATOR, OPERATOR_NAMESPACE, Part, Site
from telamon.naming import GROUP

_RBAC: Final = "rbac.authorization.k8s.io"
_VERSION: Final = f"{_RBAC}/v1"
LOOK: Final = ("get", "list", "watch")
KEEP: Final = (*LOOK, "create", "patch")
"""What keeping an object takes: server-side apply is a patch, and nothing is taken away."""


def account(part: Part, site: Site) -> tuple[Object, ...]:
    """The service account of a component, and what it may ask.

    Source of the rules for nodes that find one another by the API: atlassian/data-center-helm-charts,
    ``templates/rbac.yaml`` of two charts.
    """
    labels = site.part_labels(part)
    own = service_account(part.name, part.namespace, labels=labels)
    if not part.container.asks_cluster:
        return (own,)
    name = f"{part.name}-peers"
    rules = [_rule("", ("endpoints", "pods"), ("get", "list"))]
    subject = {"kind": "ServiceAccount", "name": part.name, "namespace": part.namespace}
    return (own, *_granted(Meta(name, part.namespace, labels), rules, subjects=[subject]))


def service_account(name: str, namespace: str, *, labels: dict[str, str]) -> Object:
    """A service account that nobody gets a token of without asking."""
    meta = Meta(name, namespace, labels)
    return made("v1", "ServiceAccount", meta=meta, automountServiceAccountToken=False)


def operator(namespace: str, site: Site, *, secrets: Collection[str]) -> tuple[Object, ...]:
    """What the operator may do in a namespace.

    Args:
        namespace: the namespace.
        site: the stack.
        secrets: names of those that it reads there.
    """
    rules = [
        _rule("apps", ("statefulsets",), (*KEEP, "delete")),
        _rule("apps", ("controllerrevisions",), LOOK),
        _rule("", ("pods",), (*LOOK, "patch", "delete")),
        _rule("", ("pods/log",), ("get",)),
        _rule("", ("services", "configmaps"), (*KEEP, "delete")),
        _rule("", ("persistentvolumeclaims",), KEEP),
        _rule("", ("events",), ("create", "patch")),
        _rule("events.k8s.io", ("events",), ("create", "patch")),
        _rule("batch", ("jobs",), (*KEEP, "delete")),
        _rule("policy", ("poddisruptionbudgets",), (*KEEP, "delete")),
        _rule("networking.k8s.io", ("networkpolicies", "ingresses"), (*KEEP, "delete")),
        _rule("discovery.k8s.io", ("endpointslices",), LOOK),
        _rule("gateway.networking.k8s.io", ("gateways", "httproutes", "tcproutes"), (*KEEP, "delete")),
        _rule("gateway.envoyproxy.io", ("backendtrafficpolicies", "httproutefilters"), (*KEEP, "delete")),
        _rule(GROUP, ("operations",), (*LOOK, "patch")),
        _rule(GROUP, ("operations/status",), ("get", "patch")),
    ]
    if secrets:
        rules.append(_rule("", ("secrets",), ("get",)) | {"resourceNames": sorted(secrets)})
    subject = {"kind": "ServiceAccount", "name": OPERATOR, "namespace": OPERATOR_NAMESPACE}
    return _granted(Meta("telamon-operator", namespace, site.labels("operator")), rules, subjects=[subject])


def people(namespace: str, site: Site, *, product: str | None) -> tuple[Object, ...]:
    """What groups of people may do in a namespace.

    Args:
        namespace: the namespace.
        site: the stack.
        product: the product that it is for; ``None`` for what no product owns.
    """
    access = site.spec.access
    own = next((given.administrators for name, given in access.products.items() if str(name) == product), ())
    found: list[Object] = []
    for name, groups, rules in (
        ("telamon-administrators", (*access.administrators, *own), _administering()),
        ("telamon-viewers", access.viewers, _looking()),
    ):
        if groups:
            subjects = [_group(group) for group in sorted(set(groups))]
            found += _granted(Meta(name, namespace, site.labels("access")), list(rules), subjects=subjects)
    return tuple(found)


def _looking() -> Iterator[dict[str, Any]]:
    yield _rule("", ("pods", "services", "configmaps", "events", "persistentvolumeclaims"), LOOK)
    yield _rule("apps", ("statefulsets",), LOOK)
    yield _rule("batch", ("jobs",), LOOK)
    yield _rule("policy", ("poddisruptionbudgets",), LOOK)
    yield _rule("networking.k8s.io", ("networkpolicies", "ingresses"), LOOK)
    yield _rule("gateway.networking.k8s.io", ("httproutes", "tcproutes"), LOOK)
    yield _rule(GROUP, ("operations",), LOOK)


def _administering() -> Iterator[dict[str, Any]]:
    """Operations are how a product is changed; a shell in a pod of it would be a way around them, so there is none."""
    yield from _looking()
    yield _rule("", ("pods/log",), ("get",))
    yield _rule(GROUP, ("operations",), ("create", "delete", "patch", "update"))


def _rule(group: str, resources: Sequence[str], verbs: Sequence[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _group(name: str) -> dict[str, Any]:
    return {"kind": "Group", "name": name, "apiGroup": _RBAC}


def _granted(
    meta: Meta, rules: list[dict[str, Any]], *, subjects: list[dict[str, Any]]
) -> tuple[Object, ...]:
    reference = {"apiGroup": _RBAC, "kind": "Role", "name": meta.name}
    shown = [without_nothing(**subject) for subject in subjects]
    return (
        made(_VERSION, "Role", meta=meta, rules=rules),
        made(_VERSION, "RoleBinding", meta=meta, roleRef=reference, subjects=shown),
    )
