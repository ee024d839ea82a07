"""The custom resources ``Stack`` and ``Operation``, made of the models.

Source: Kubernetes, "CustomResourceDefinition" (apiextensions.k8s.io/v1); "API conventions" (conditions, status).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from telamon.model.operation import Operation
from telamon.naming import GROUP, MAX_LABEL, MAX_STACK, OPERATION_KIND, STACK_KIND, VERSION
from telamon.stackfile.findings import Registry
from telamon.stackfile.lasting import let_last
from telamon.stackfile.schema import documented, schema
from telamon.stackfile.structural import RULES, Schema, rule, structural

CATEGORY: Final = "telamon"
"""``kubectl get telamon`` lists everything of ours."""
NAME_FORM: Final = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
NEVER_CHANGES: Final = "never changes after it was made: cancel the operation, and make another"


def custom_resources(registry: Registry) -> tuple[Mapping[str, Any], ...]:
    """The definitions, as objects.

    Args:
        registry: the products that ship with Telamon.
    """
    return (_stack(registry), _operation())


def _stack(registry: Registry) -> Mapping[str, Any]:
    known = schema(registry)
    properties = known["properties"]
    spec = structural(properties["spec"], known["$defs"])
    spec[RULES] = [
        rule(
            "!has(oldSelf.platform) || (has(self.platform) && self.platform.kind == oldSelf.platform.kind)",
            "the platform of a stack cannot change: its data would stay behind",
            field=".platform",
        )
    ]
    spec["properties"]["platform"][RULES].append(
        rule(
            "has(self.namespacePrefix) == has(oldSelf.namespacePrefix)"
            " && (!has(self.namespacePrefix) || self.namespacePrefix == oldSelf.namespacePrefix)",
            "namespacePrefix cannot change: the volumes would stay behind in the old namespaces",
            field=".namespacePrefix",
        )
    )
    let_last(spec)
    status = structural(properties["status"], known["$defs"])
    for part, key in (("conditions", "type"), ("components", "name"), ("members", "name")):
        status["properties"][part] |= _by(key)
    columns = [
        _column("Ready", '.status.conditions[?(@.type=="Ready")].status', "Whether everything serves."),
        _column("Reason", '.status.conditions[?(@.type=="Ready")].reason', "What it waits for."),
        _column("Environment", ".spec.environment", "How careful Telamon is."),
        _column("Domain", ".spec.domain", "Below which the products answer."),
        _column("Message", '.status.conditions[?(@.type=="Ready")].message', "For people.", priority=1),
    ]
    return _defined(STACK_KIND, "stacks", body=_object(spec, status, longest=MAX_STACK), columns=columns)


def _operation() -> Mapping[str, Any]:
    known = documented(Operation)
    definitions = known["$defs"]
    spec = structural(known["properties"]["spec"], definitions)
    spec[RULES] = [rule("self == oldSelf", NEVER_CHANGES)]
    status = structural(known["properties"]["status"], definitions)
    columns = [
        _column("Verb", ".spec.verb", "What is done."),
        _column("Component", ".spec.target.component", "To which component."),
        _column("Member", ".spec.target.member", "To which member.", priority=1),
        _column("Phase", ".status.phase", "Where it stands."),
        _column("Message", ".status.message", "For people."),
    ]
    return _defined(OPERATION_KIND, "operations", body=_object(spec, status), columns=columns)


def _object(spec: Schema, status: Schema, *, longest: int = MAX_LABEL) -> Schema:
    """An object: its name is bounded as in the stack file, for names of other things are made of it."""
    name = {"type": "string", "maxLength": longest, "pattern": NAME_FORM}
    return {
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object", "properties": {"name": name}},
            "spec": spec,
            "status": status,
        },
    }


def _by(key: str) -> Schema:
    """A list whose items have a name: whoever writes one of them leaves the others alone."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


def _column(name: str, path: str, description: str, *, priority: int = 0) -> Schema:
    return {
        "name": name,
        "type": "string",
        "jsonPath": path,
        "description": description,
        "priority": priority,
    }


def _defined(kind: str, plural: str, *, body: Schema, columns: list[Schema]) -> Mapping[str, Any]:
    age = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [*columns, age],
                    "schema": {"openAPIV3Schema": body},
                }
            ],
        },
    }
