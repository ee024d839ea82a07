"""The operator as a Helm chart: the same objects, with a few places for values.

The chart installs into the namespace of the operator and no other, for the engine looks there. It does not make that
namespace: Helm keeps its own record in it, and makes it before the chart. What people have written, and what fences,
stays when the chart is taken away; definitions are templates and not in ``crds/``, of which Helm upgrades nothing.

Sources: Helm, "Charts" (``Chart.yaml``, schema files, "Limitations on CRDs"), "Chart Development Tips and Tricks"
(``helm.sh/resource-policy: keep``), "Values"; ``helm.sh/helm/v3/pkg/engine`` (what ``fail`` says fails no lint).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.installation import METERED_BY, Metering, installation
from telamon.desired.kubernetes.site import OPERATOR, OPERATOR_NAMESPACE
from telamon.stackfile.build import to_yaml

MARK: Final = "# Written by telamon install; changes are overwritten."
STAYS: Final = frozenset(
    {
        "CustomResourceDefinition",
        "Lease",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
)
"""Kinds of which nothing is taken away with the chart, as :mod:`telamon.cli.uninstall` leaves them."""
KEEP: Final = "helm.sh/resource-policy"
OLDEST: Final = ">=1.30.0-0"
"""Versions of Kubernetes in which ValidatingAdmissionPolicy is served as ``v1``."""
_PLACE: Final = "VALUE-"
_PLACED: Final = re.compile(rf"^( *)(\w+): {_PLACE}(\w+)$", re.MULTILINE)
_SCALARS: Final = ("image", "replicas")
_GUARDS: Final = f"""\
{{{{- if ne .Release.Namespace "{OPERATOR_NAMESPACE}" }}}}
{{{{- fail "the operator lives in the namespace {OPERATOR_NAMESPACE} alone: name it, with --create-namespace" }}}}
{{{{- end }}}}
{{{{- if not (regexMatch "@sha256:[0-9a-f]{{64}}$" .Values.image) }}}}
{{{{- fail "image has to be named with its digest, as NAME@sha256: and 64 digits: a tag can move" }}}}
{{{{- end }}}}
"""
_NOTES: Final = f"""\
Of the operators in {OPERATOR_NAMESPACE} one acts. Their pods hold to the standard "restricted"; so that all there do:

  kubectl label namespace {OPERATOR_NAMESPACE} pod-security.kubernetes.io/enforce=restricted

`telamon up FILE --context NAME` brings a stack in. `helm uninstall` leaves definitions, Stacks and every product.
"""


@dataclass(frozen=True)
class Chosen:
    """What values are where whoever installs says nothing else.

    Attributes:
        image: of the operator with its digest; "" where it has to be said.
        metrics: how Prometheus finds the operator.
        pull_secret: by which the image is pulled; "" for none.
        priority_class: of its pods; "" for the cluster's usual one.
    """

    image: str = ""
    metrics: Metering = Metering.NONE
    pull_secret: str = ""
    priority_class: str = ""


def chart(definitions: Sequence[Object], *, version: str, chosen: Chosen) -> Mapping[str, str]:
    """The files of the chart, by their path.

    Args:
        definitions: of the custom resources.
        version: of Telamon, and so of the chart.
        chosen: the values that it begins with.
    """
    objects = installation(f"{_PLACE}image", metrics=Metering.SERVICE_MONITOR)
    files = {
        "Chart.yaml": _described(version),
        "values.yaml": _values(chosen),
        "values.schema.json": json.dumps(_schema(), indent=2) + "\n",
        "templates/NOTES.txt": _NOTES,
    }
    for item in (*definitions, *objects):
        if item["kind"] != "Namespace":
            files[f"templates/{_name(item)}.yaml"] = _template(item)
    return files


def _described(version: str) -> str:
    about = {
        "apiVersion": "v2",
        "name": OPERATOR,
        "description": "Keeps Stacks of clustered products: installs, upgrades, heals and saves them.",
        "type": "application",
        "version": version,
        "appVersion": version,
        "kubeVersion": OLDEST,
    }
    return f"{MARK}\n{to_yaml(about)}"


def _values(chosen: Chosen) -> str:
    container = _deployment()["spec"]["template"]["spec"]["containers"][0]
    values = {
        "image": chosen.image,
        "imagePullSecrets": [{"name": chosen.pull_secret}] if chosen.pull_secret else [],
        "replicas": _deployment()["spec"]["replicas"],
        "metrics": chosen.metrics.value,
        "priorityClassName": chosen.priority_class,
        "nodeSelector": {},
        "tolerations": [],
        "resources": container["resources"],
    }
    words = {
        "image": "Of the operator, with its digest: NAME@sha256:…",
        "imagePullSecrets": "By which it is pulled, each as {name: …}; they lie in the namespace of the operator.",
        "replicas": "Operators that run; one acts, and another takes over in seconds.",
        "metrics": f"How Prometheus finds them: {', '.join(each.value for each in Metering)}.",
        "priorityClassName": "Of their pods.",
        "nodeSelector": "Labels of the machines on which they may run.",
        "tolerations": "Taints of machines that they may live with.",
        "resources": "What each asks for, and gets at most; many Stacks take more memory.",
    }
    texts = (f"# {words[key]}\n{to_yaml({key: value})}" for key, value in values.items())
    return f"{MARK}\n{''.join(texts)}"


def _schema() -> dict[str, Any]:
    text, listed, mapping = (
        {"type": "string"},
        {"type": "array", "items": {"type": "object"}},
        {"type": "object"},
    )
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "image": text,
            "imagePullSecrets": listed,
            "replicas": {"type": "integer", "minimum": 1, "maximum": 5},
            "metrics": {"enum": [each.value for each in Metering]},
            "priorityClassName": text,
            "nodeSelector": {**mapping, "additionalProperties": text},
            "tolerations": listed,
            "resources": mapping,
            # What a chart that has this one among its parts may tell to all of them.
            "global": mapping,
        },
    }


def _deployment() -> Object:
    return next(item for item in installation("", metrics=Metering.NONE) if item["kind"] == "Deployment")


def _template(item: Object) -> str:
    if item["kind"] == "Deployment":
        return f"{MARK}\n{_GUARDS}{_filled(to_yaml(_placed(item)))}"
    if item["kind"] in STAYS:
        metadata = item["metadata"]
        annotations = {**(metadata.get("annotations") or {}), KEEP: "keep"}
        item = {**item, "metadata": {**metadata, "annotations": annotations}}
    text = _escaped(to_yaml(item))
    if item["metadata"]["name"] == METERED_BY:
        wanted = f'{{{{- if eq .Values.metrics "{Metering.SERVICE_MONITOR.value}" }}}}'
        return f"{MARK}\n{wanted}\n{text}{{{{- end }}}}\n"
    return f"{MARK}\n{text}"


def _placed(item: Object) -> Object:
    """The Deployment with a word in each place that a value fills."""
    spec = item["spec"]
    template = spec["template"]
    pod = template["spec"]
    (container,) = pod["containers"]
    filled = {
        key: f"{_PLACE}{key}"
        for key in ("imagePullSecrets", "priorityClassName", "nodeSelector", "tolerations")
    }
    return {
        **item,
        "spec": {
            **spec,
            "replicas": f"{_PLACE}replicas",
            "template": {
                "metadata": {**template["metadata"], "annotations": f"{_PLACE}annotations"},
                "spec": {
                    **pod,
                    **filled,
                    "containers": [{**container, "resources": f"{_PLACE}resources"}],
                },
            },
        },
    }


def _filled(text: str) -> str:
    """A text whose words are taken by values."""
    return _PLACED.sub(_value, _escaped(text)).replace(f"- {_PLACE}image", "- {{ .Values.image | quote }}")


def _value(match: re.Match[str]) -> str:
    indent, key, name = match[1], match[2], match[3]
    if name in _SCALARS:
        return f"{indent}{key}: {{{{ .Values.{name} | toJson }}}}"
    if name == "annotations":
        told = "".join(f"\n{indent}  {line}" for line in to_yaml(dict(_annotations())).splitlines())
        asked = f'{{{{- if eq .Values.metrics "{Metering.ANNOTATIONS.value}" }}}}'
        return f"{indent}{asked}\n{indent}{key}:{told}\n{indent}{{{{- end }}}}"
    return (
        f"{indent}{{{{- with .Values.{name} }}}}\n{indent}{key}:\n"
        f"{indent}  {{{{- toYaml . | nindent {len(indent) + 2} }}}}\n{indent}{{{{- end }}}}"
    )


def _annotations() -> Mapping[str, str]:
    made = installation("", metrics=Metering.ANNOTATIONS)
    deployment = next(item for item in made if item["kind"] == "Deployment")
    found: Mapping[str, str] = deployment["spec"]["template"]["metadata"]["annotations"]
    return found


def _escaped(text: str) -> str:
    """Text in which a template sees nothing to fill in."""
    return text.replace("{{", '{{ "{{" }}')


def _name(item: Object) -> str:
    name = str(item["metadata"]["name"])
    which = name.removeprefix(OPERATOR).strip("-")
    return "-".join(part for part in (str(item["kind"]).lower(), which) if part)
