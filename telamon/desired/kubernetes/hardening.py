"""How every container is contained: the profile ``restricted``, and a root that cannot be written to.

Source: Kubernetes, "Pod Security Standards", profile Restricted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from telamon.desired.kubernetes.data import without_nothing


def pod_context(user: int) -> dict[str, Any]:
    """The security context of a pod.

    Args:
        user: numeric user and group; volumes belong to the group.
    """
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        # Without this every start walks through the whole index.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def contained(name: str, *, image: str, resources: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A container.

    Args:
        name: of it.
        image: by which it is pulled.
        resources: that it asks for, and its limits.
        more: everything else; what is empty is left out.
    """
    return {
        "name": name,
        "image": image,
        # The name holds a digest, so what a machine has already is what is meant; a start needs no registry.
        "imagePullPolicy": "IfNotPresent",
        "resources": dict(resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        **without_nothing(**more),
    }
