"""Releases as Helm keeps them in a cluster."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

VALUES = {"replicaCount": 2, "ingress": {"create": True, "host": "jira.acme.example"}, "nonsense": 1}


def secret(number: int = 1, status: str = "deployed", **more: Any) -> dict[str, Any]:
    """A secret as Helm makes it, and as the API shows it."""
    chart = {"metadata": {"name": "jira", "version": "2.0.9", "appVersion": "11.3.1"}}
    release = {
        "name": "jira",
        "namespace": "tools",
        "chart": chart,
        "config": VALUES,
        "manifest": "kind: A\n",
    }
    packed = base64.b64encode(gzip.compress(json.dumps(release | more).encode()))
    return {
        "kind": "Secret",
        "metadata": {"labels": {"owner": "helm", "version": str(number), "status": status}},
        "data": {"release": base64.b64encode(packed).decode()},
    }
