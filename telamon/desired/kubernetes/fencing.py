"""The fence: of all that write as the operator, the API server lets only the one through that holds the lease.

A token of a service account is bound to its pod, and the API server knows of which. So a policy can compare who asks
with who holds the lease, at the moment at which a write arrives, for every kind of write: also for one that makes what
is not there, or deletes, and so has no version to be late by. Nothing has to be written into any object for it.

Sources: Kubernetes, "Validating Admission Policy" (parameters, ``request.userInfo``), "Managing Service Accounts"
(``authentication.kubernetes.io/pod-name``).
"""

from __future__ import annotations

from typing import Final

from telamon.desired.kubernetes.data import Meta, Object, made
from telamon.desired.kubernetes.site import OPERATOR, OPERATOR_NAMESPACE
from telamon.naming import GROUP, LABEL_MANAGED_BY, MANAGER

NAME: Final = "telamon-operator-leads"
_VERSION: Final = "admissionregistration.k8s.io/v1"
_LEASES: Final = "coordination.k8s.io/v1"
_POD: Final = "authentication.kubernetes.io/pod-name"
GROUPS: Final = (
    "",
    GROUP,
    "apps",
    "batch",
    "gateway.envoyproxy.io",
    "gateway.networking.k8s.io",
    "networking.k8s.io",
    "policy",
)
"""Groups in which the operator writes; the lease is in none of them, and events need no fence."""


def fence() -> tuple[Object, ...]:
    """The lease, which nobody holds, the policy, and what binds one to the other."""
    user = f"system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR}"
    holds = (
        "has(params.spec) && has(params.spec.holderIdentity)"
        f" && '{_POD}' in request.userInfo.extra"
        f" && request.userInfo.extra['{_POD}'].exists(name, name == params.spec.holderIdentity)"
    )
    meta = Meta(NAME, "", {LABEL_MANAGED_BY: MANAGER})
    rules = {
        "apiGroups": list(GROUPS),
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE", "DELETE"],
        "resources": ["*/*"],
    }
    policy = {
        "failurePolicy": "Fail",
        "paramKind": {"apiVersion": _LEASES, "kind": "Lease"},
        "matchConstraints": {
            "resourceRules": [rules],
            "namespaceSelector": {"matchLabels": {LABEL_MANAGED_BY: MANAGER}},
        },
        "matchConditions": [
            {"name": "asks-as-the-operator", "expression": f"request.userInfo.username == '{user}'"}
        ],
        "validations": [
            {
                "expression": holds,
                "message": "only the operator that holds the lease may write",
                "reason": "Forbidden",
            }
        ],
    }
    binding = {
        "policyName": NAME,
        "validationActions": ["Deny"],
        "paramRef": {
            "name": OPERATOR,
            "namespace": OPERATOR_NAMESPACE,
            "parameterNotFoundAction": "Allow",
        },
    }
    lease = Meta(OPERATOR, OPERATOR_NAMESPACE, {LABEL_MANAGED_BY: MANAGER})
    return (
        made(_LEASES, "Lease", meta=lease),
        made(_VERSION, "ValidatingAdmissionPolicy", meta=meta, spec=policy),
        made(_VERSION, "ValidatingAdmissionPolicyBinding", meta=meta, spec=binding),
    )
