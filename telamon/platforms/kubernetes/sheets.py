"""What is written down of a component beside its Stack: a ConfigMap for each sort of record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.recorded import sheet_name
from telamon.naming import labels
from telamon.platforms.kubernetes.api import Kind

CONFIG_MAP: Final = Kind("v1", "ConfigMap")
ROLE: Final = "telamon.dev/role"
"""Label that tells one sort of record from another."""


def sheet(stack: str, component: str, *, namespace: str, role: str, data: Mapping[str, str]) -> Object:
    """The record of a component, as it is made.

    Args:
        stack: name of the stack.
        component: whose it is.
        namespace: of the Stack.
        role: what is written there.
        data: the first of it.
    """
    return {
        "apiVersion": CONFIG_MAP.version,
        "kind": CONFIG_MAP.kind,
        "metadata": {
            "name": sheet_name(stack, component, role=role),
            "namespace": namespace,
            "labels": {**labels(stack, component), ROLE: role},
        },
        "data": dict(data),
    }
