"""Admission as objects: what has the API server ask the operator before it takes a Stack or an Operation.

Admission tells early; it is no lock. The operator judges again whatever has come through, so a cluster whose operator
does not answer goes on as if nobody was asked (``failurePolicy: Ignore``), also with Stacks. What is deleted is never
asked about, and neither is the operator itself.

Sources: Kubernetes, "Dynamic Admission Control" (service references, ``caBundle``, ``matchConditions``),
ValidatingWebhookConfiguration v1, "Admission Webhook Good Practices" (short limits, no dependency on oneself).
"""

from __future__ import annotations

from typing import Any, Final

from telamon.desired.kubernetes.access import granted_everywhere, rule, the_operator
from telamon.desired.kubernetes.data import Meta, Object, made
from telamon.desired.kubernetes.site import OPERATOR, OPERATOR_NAMESPACE
from telamon.naming import GROUP, LABEL_MANAGED_BY, MANAGER, VERSION

PATH: Final = "/validate"
"""Where the operator answers reviews."""
PORT: Final = 9443
"""On which its pods answer them."""
PORT_NAME: Final = "admission"
SECRET: Final = f"{OPERATOR}-admission"
"""Holds the certificates with which the pods answer; made empty, and filled by whoever leads."""
SERVICE: Final = SECRET
HOST: Final = f"{SERVICE}.{OPERATOR_NAMESPACE}.svc"
"""The name by which the API server knows whom it asks."""
CONFIGURATION: Final = OPERATOR
TIMEOUT: Final = 7
"""Seconds after which the API server goes on without an answer. Judging takes a look at the product's pods; who writes,
as the command line does, waits for ten seconds and must not give up before the API server does."""
_REGISTRATION: Final = "admissionregistration.k8s.io"


def admission(meta: Meta, selected: dict[str, Any]) -> tuple[Object, ...]:
    """The service that is asked, where its certificates lie, who may fill that, and what is asked about.

    Args:
        meta: of whatever belongs to the operator in its namespace.
        selected: labels of its pods.
    """
    named = Meta(SECRET, meta.namespace, meta.labels)
    service = {
        "selector": selected,
        "ports": [{"name": PORT_NAME, "port": 443, "targetPort": PORT_NAME, "protocol": "TCP"}],
    }
    return (
        made("v1", "Secret", meta=named, type="Opaque"),
        made("v1", "Service", meta=named, spec=service),
        *_rights(),
        _configuration(),
    )


def rights() -> list[dict[str, Any]]:
    """What the operator may do with its certificates, in its own namespace."""
    return [rule("", ("secrets",), verbs=("get", "patch")) | {"resourceNames": [SECRET]}]


def _rights() -> tuple[Object, ...]:
    """The right to say by which certificates it is known, on this one configuration, which lies in no namespace."""
    own = rule(_REGISTRATION, ("validatingwebhookconfigurations",), verbs=("get", "patch"))
    meta = Meta(SECRET, "", {LABEL_MANAGED_BY: MANAGER})
    return granted_everywhere(meta, [own | {"resourceNames": [CONFIGURATION]}], subjects=[the_operator()])


def _configuration() -> Object:
    user = f"system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR}"
    reference = {"namespace": OPERATOR_NAMESPACE, "name": SERVICE, "path": PATH, "port": 443}
    webhook = {
        "name": f"judge.{GROUP}",
        "clientConfig": {"service": reference},
        "rules": [
            {
                "apiGroups": [GROUP],
                "apiVersions": [VERSION],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["stacks", "operations"],
                "scope": "Namespaced",
            }
        ],
        "matchConditions": [
            {"name": "somebody-else-asks", "expression": f"request.userInfo.username != '{user}'"},
            {"name": "it-is-to-stay", "expression": "!has(object.metadata.deletionTimestamp)"},
        ],
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Ignore",
        "timeoutSeconds": TIMEOUT,
    }
    meta = Meta(CONFIGURATION, "", {LABEL_MANAGED_BY: MANAGER})
    return made(f"{_REGISTRATION}/v1", "ValidatingWebhookConfiguration", meta=meta, webhooks=[webhook])
