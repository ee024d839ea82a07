"""Who may do what: an account for each workload, a role a namespace for the operator, roles for people.

Nobody gets a right in a namespace that the stack does not own, nobody may hand rights on (no ``escalate``, no ``bind``,
no ``impersonate``), and secrets are read by name.

Source: Kubernetes, "Using RBAC Authorization", "Role Based Access Control Good Practices".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from telamon.desired.kubernetes.data import Meta, Object, made, without_nothing
from telamon.desired.kubernetes.evidence import evidence_secret
from telamon.desired.kubernetes.recorded import CALLS, JOURNAL, sheet_name
from telamon.desired.kubernetes.site import OPERATOR, OPERATOR_NAMESPACE, Part, Site
from telamon.naming import GROUP

_RBAC: Final = "rbac.authorization.k8s.io"
_VERSION: Final = f"{_RBAC}/v1"
PREPARED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "": ("limitranges", "resourcequotas", "serviceaccounts"),
        "cert-manager.io": ("certificates", "issuers"),
        "elbv2.k8s.aws": ("targetgroupbindings",),
        "gateway.envoyproxy.io": ("clienttrafficpolicies", "envoyproxies"),
        "gateway.networking.k8s.io": ("gateways",),
        "networking.k8s.io": ("networkpolicies",),
        "postgresql.cnpg.io": ("clusters", "databases"),
        _RBAC: ("rolebindings", "roles"),
    }
)
"""What somebody else applies in the namespaces of a stack, by group."""
LOOK: Final = ("get", "list", "watch")
KEEP: Final = (*LOOK, "create", "patch")
"""What keeping an object takes: server-side apply is a patch, and nothing is taken away."""


def account(part: Part, site: Site) -> tuple[Object, ...]:
    """The service account of a component, and what it may ask.

    Source of the rules for nodes that find one another by the API: atlassian/data-center-helm-charts,
    ``templates/rbac.yaml`` of two charts.
    """
    labels = site.part_labels(part)
    given = part.spec.storage.s3 if part.is_product else None
    role = given.role if given is not None else None
    own = service_account(part.name, part.namespace, labels=labels, role=role)
    if not part.container.asks_cluster:
        return (own,)
    name = f"{part.name}-peers"
    rules = [rule("", ("endpoints", "pods"), verbs=("get", "list"))]
    subject = {"kind": "ServiceAccount", "name": part.name, "namespace": part.namespace}
    return (own, *granted(Meta(name, part.namespace, labels), rules, subjects=[subject]))


def service_account(name: str, namespace: str, *, labels: dict[str, str], role: str | None = None) -> Object:
    """A service account that nobody gets a token of without asking.

    Args:
        name: of it.
        namespace: where it is.
        labels: that it carries.
        role: of AWS that its pods take; EKS then gives them a token for that alone. Source: Amazon EKS, "Assign IAM
            roles to Kubernetes service accounts".
    """
    meta = Meta(name, namespace, labels, {"eks.amazonaws.com/role-arn": role} if role else None)
    return made("v1", "ServiceAccount", meta=meta, automountServiceAccountToken=False)


def operator(
    namespace: str, site: Site, *, secrets: Collection[str], kept: Collection[str] = ()
) -> tuple[Object, ...]:
    """What the operator may do in a namespace.

    Args:
        namespace: the namespace.
        site: the stack.
        secrets: names of those that it reads there.
        kept: names of those that it makes and changes itself; an apply names the object that it would make, so that
            making others can be left out. Source: Kubernetes, "Using RBAC Authorization", referring to resources.
    """
    rules = [
        rule("apps", ("statefulsets",), verbs=(*KEEP, "delete")),
        rule("apps", ("controllerrevisions",), verbs=LOOK),
        rule("", ("pods",), verbs=(*LOOK, "patch", "delete")),
        rule("", ("pods/log",), verbs=("get",)),
        rule("", ("services", "configmaps"), verbs=(*KEEP, "delete")),
        rule("", ("persistentvolumeclaims",), verbs=KEEP),
        rule("", ("events",), verbs=("list",)),
        rule("events.k8s.io", ("events",), verbs=("create",)),
        rule("batch", ("jobs",), verbs=(*KEEP, "delete")),
        rule("policy", ("poddisruptionbudgets",), verbs=(*KEEP, "delete")),
        rule("networking.k8s.io", ("ingresses",), verbs=(*KEEP, "delete")),
        rule("discovery.k8s.io", ("endpointslices",), verbs=LOOK),
        rule("gateway.networking.k8s.io", ("httproutes", "tcproutes"), verbs=(*KEEP, "delete")),
        rule(
            "gateway.envoyproxy.io", ("backendtrafficpolicies", "httproutefilters"), verbs=(*KEEP, "delete")
        ),
        rule(GROUP, ("operations",), verbs=(*KEEP, "delete")),
        rule(GROUP, ("operations/status",), verbs=("get", "patch")),
        # What others apply is read alone, so that a Stack is not called ready without it.
        *(rule(group, resources, verbs=("get",)) for group, resources in PREPARED.items()),
    ]
    if secrets:
        rules.append(rule("", ("secrets",), verbs=("get",)) | {"resourceNames": sorted(secrets)})
    if kept:
        rules.append(
            rule("", ("secrets",), verbs=("get", "create", "patch")) | {"resourceNames": sorted(kept)}
        )
    return granted(
        Meta("telamon-operator", namespace, site.labels("operator")), rules, subjects=[the_operator()]
    )


def the_operator() -> dict[str, Any]:
    """The operator, as roles are bound to it."""
    return {"kind": "ServiceAccount", "name": OPERATOR, "namespace": OPERATOR_NAMESPACE}


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
        ("telamon-administrators", (*access.administrators, *own), _administering(site, product)),
        ("telamon-viewers", access.viewers, _looking()),
    ):
        if groups:
            subjects = [_group(group) for group in sorted(set(groups))]
            found += granted(Meta(name, namespace, site.labels("access")), list(rules), subjects=subjects)
    return tuple(found)


def people_beside_stacks(site: Site) -> tuple[Object, ...]:
    """What groups of people may see in the operator's namespace, where Stacks lie and what is written down of them.

    A Stack holds no secret, and can be listed only together with the others. What is written down of components is read
    by name, so that whoever looks after one product reads no other's.

    Args:
        site: the stack.
    """
    access = site.spec.access
    every = tuple(part.name for part in site.parts)
    by_product = {
        str(name): tuple(part.name for part in site.parts if part.outline.product_name == str(name))
        for name in access.products
    }
    found: list[Object] = []
    for name, groups, components in (
        ("administrators", access.administrators, every),
        ("viewers", access.viewers, every),
        *(
            (f"{name}-administrators", given.administrators, by_product[str(name)])
            for name, given in access.products.items()
        ),
    ):
        if groups:
            meta = Meta(f"{site.stack}-{name}", OPERATOR_NAMESPACE, site.labels("access"))
            subjects = [_group(group) for group in sorted(set(groups))]
            found += granted(meta, list(_beside_stacks(site.stack, components)), subjects=subjects)
    return tuple(found)


def _beside_stacks(stack: str, components: Sequence[str]) -> Iterator[dict[str, Any]]:
    yield rule(GROUP, ("stacks",), verbs=LOOK)
    yield rule("coordination.k8s.io", ("leases",), verbs=("get",)) | {"resourceNames": [OPERATOR]}
    names = [sheet_name(stack, component, role=role) for component in components for role in (JOURNAL, CALLS)]
    yield rule("", ("configmaps",), verbs=("get",)) | {"resourceNames": sorted(names)}


def _looking() -> Iterator[dict[str, Any]]:
    yield rule("", ("pods", "services", "configmaps", "events", "persistentvolumeclaims"), verbs=LOOK)
    yield rule("apps", ("statefulsets",), verbs=LOOK)
    yield rule("batch", ("jobs",), verbs=LOOK)
    yield rule("policy", ("poddisruptionbudgets",), verbs=LOOK)
    yield rule("networking.k8s.io", ("networkpolicies", "ingresses"), verbs=LOOK)
    yield rule("gateway.networking.k8s.io", ("httproutes", "tcproutes"), verbs=LOOK)
    yield rule(GROUP, ("operations",), verbs=LOOK)


def _administering(site: Site, product: str | None) -> Iterator[dict[str, Any]]:
    """Operations are how a product is changed; a shell in a pod of it would be a way around them, so there is none.

    Who may read logs may read the evidence that is made of them, and no other secret.
    """
    yield from _looking()
    yield rule("", ("pods/log",), verbs=("get",))
    if product is not None:
        names = [evidence_secret(site.stack, product)]
        yield rule("", ("secrets",), verbs=("get",)) | {"resourceNames": names}
    yield rule(GROUP, ("operations",), verbs=("create", "delete", "patch", "update"))


def rule(group: str, resources: Sequence[str], *, verbs: Sequence[str]) -> dict[str, Any]:
    """What may be done with some resources of a group."""
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _group(name: str) -> dict[str, Any]:
    return {"kind": "Group", "name": name, "apiGroup": _RBAC}


def granted(meta: Meta, rules: list[dict[str, Any]], *, subjects: list[dict[str, Any]]) -> tuple[Object, ...]:
    """A role, and its binding to whom it is for."""
    reference = {"apiGroup": _RBAC, "kind": "Role", "name": meta.name}
    shown = [without_nothing(**subject) for subject in subjects]
    return (
        made(_VERSION, "Role", meta=meta, rules=rules),
        made(_VERSION, "RoleBinding", meta=meta, roleRef=reference, subjects=shown),
    )


def granted_everywhere(
    meta: Meta, rules: list[dict[str, Any]], *, subjects: list[dict[str, Any]]
) -> tuple[Object, ...]:
    """The same in every namespace, and for what lies in none."""
    role, binding = granted(meta, rules, subjects=subjects)
    reference = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": meta.name}
    return (
        {**role, "kind": "ClusterRole"},
        {**binding, "kind": "ClusterRoleBinding", "roleRef": reference},
    )
