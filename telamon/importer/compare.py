"""What a chart rendered against what Telamon renders: by object and field, grouped by meaning.

Objects of the chart are found by its labels, and each is held against the one that does the same work here; names and
namespaces differ anyway. What a secret may be is never shown, only that it differs.

Source: atlassian/data-center-helm-charts 2.0.9, ``charts/common/templates/_labels.tpl`` (labels of every object).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from telamon.importer.podview import HIDDEN, NO, Facts, Look, claims_of_set, pod_facts
from telamon.importer.values import is_secret

Object = Mapping[str, Any]
_WORKLOADS: Final = frozenset({"StatefulSet", "Deployment"})
_INSTEAD: Final[tuple[tuple[str, str, str], ...]] = (
    ("Service", "traffic", "services of its own, one for users and one for the nodes among themselves"),
    ("Ingress", "traffic", "routes or an ingress of its own, by edge.driver"),
    ("Route", "traffic", "routes or an ingress of its own, by edge.driver"),
    ("HTTPRoute", "traffic", "routes of its own"),
    ("ServiceAccount", "rights", "an account a workload"),
    ("Role", "rights", "rights of its own"),
    ("RoleBinding", "rights", "rights of its own"),
    ("PodDisruptionBudget", "placement", "a budget of its own: one node at a time"),
    ("Secret", "secrets", "secrets that somebody brings, by name"),
)
_NOTHING: Final[tuple[tuple[str, str, str], ...]] = (
    ("ClusterRole", "rights", "rights beyond a namespace"),
    ("ClusterRoleBinding", "rights", "rights beyond a namespace"),
    ("ServiceMonitor", "metrics", "metrics are not rendered"),
    ("Job", "configuration", "jobs of the chart do not run"),
)
_HELPERS: Final = (
    "-jvm-config",
    "-server-config",
    "-helm-values",
    "-fluentd-config",
    "-jmx-config",
    "-entrypoint",
)
"""Ends of names of ConfigMaps that only the chart itself reads."""


@dataclass(frozen=True)
class ChartDifference:
    """One thing that is otherwise.

    Attributes:
        object: of the chart, as kind/name; of ours where the chart has none.
        meaning: what it is about, in one word.
        field: of the object.
        chart: what the chart says; "-" for nothing.
        ours: what Telamon says; "-" for nothing.
        restarts: whether only a new pod can bring it about.
        lost: whether what the chart has would be gone.
    """

    object: str
    meaning: str
    field: str
    chart: str
    ours: str
    restarts: bool
    lost: bool


@dataclass(frozen=True)
class Pair:
    """A workload of the chart and the one that takes its place.

    Attributes:
        chart: rendered by the chart.
        ours: rendered by Telamon; ``None`` where nothing takes its place.
        section: name of the chart.
    """

    chart: Object
    ours: Object | None
    section: str


def compare(
    chart: Sequence[Object], ours: Sequence[Object], *, sections: Mapping[str, Sequence[str]]
) -> tuple[ChartDifference, ...]:
    """Everything that is otherwise.

    Args:
        chart: every object that charts rendered.
        ours: every object that Telamon renders.
        sections: by chart, the components that it can run, the product first.
    """
    found: list[ChartDifference] = []
    for pair in _pairs(chart, ours, sections):
        found += _workload(pair, Look(chart, pair.chart), Look(ours, pair.ours))
    for item in chart:
        if item["kind"] not in _WORKLOADS:
            found += _other(item, ours)
    return tuple(found)


def name_of(item: Object) -> str:
    """An object as kind/name."""
    return f"{item['kind']}/{(item.get('metadata') or {}).get('name', '')}"


def is_of(item: Object, section: str) -> bool:
    """Whether an object is of a chart.

    The charts call everything by the chart, and Confluence's Synchrony by a name of its own. What somebody has given
    another name (``nameOverride``) still says of which chart it is. Source: atlassian/data-center-helm-charts,
    ``common/templates/_helpers.tpl`` and ``confluence/templates/_helpers.tpl``.
    """
    labels = _labels(item)
    chart, _, release = str(labels.get("helm.sh/chart", "")).partition("-")
    return labels.get("app.kubernetes.io/name") == section or (chart == section and release[:1].isdigit())


def _pairs(
    chart: Sequence[Object], ours: Sequence[Object], sections: Mapping[str, Sequence[str]]
) -> Iterator[Pair]:
    sets = {str(item["metadata"]["name"]): item for item in ours if item["kind"] == "StatefulSet"}
    for item in chart:
        if item["kind"] not in _WORKLOADS:
            continue
        section = next((each for each in sections if is_of(item, each)), "")
        name = str(item["metadata"]["name"])
        components = sections.get(section, ())
        # A companion's name ends in its own; the product's ends in none of them.
        own = next((each for each in components[1:] if name.endswith(each.removeprefix(section))), "")
        beside = name.endswith("-mesh")
        component = own or ("" if beside or not components else components[0])
        yield Pair(item, sets.get(component), section)


def _workload(pair: Pair, chart: Look, ours: Look) -> Iterator[ChartDifference]:
    name = name_of(pair.chart)
    if pair.ours is None:
        yield ChartDifference(name, "workload", "", "runs", NO, restarts=False, lost=True)
        return
    before, after = pod_facts(chart), pod_facts(ours)
    for group in sorted(set(before) | set(after)):
        yield from _facts(name, group, before=before.get(group, {}), after=after.get(group, {}))
    yield from _claims(name, chart, ours)


def _facts(name: str, group: str, *, before: Facts, after: Facts) -> Iterator[ChartDifference]:
    restarts = group not in {"scale", "updates"}
    for field in sorted(set(before) | set(after)):
        was, will = before.get(field, NO), after.get(field, NO)
        if was == will:
            continue
        if is_secret(field, f"{was} {will}") and not was.startswith("secret "):
            was, will = (
                HIDDEN if each != NO and not each.startswith("secret ") else each for each in (was, will)
            )
        lost = will == NO and group in {"environment", "options", "volumes", "containers", "placement"}
        yield ChartDifference(name, group, field, was, will, restarts=restarts, lost=lost)


def _claims(name: str, chart: Look, ours: Look) -> Iterator[ChartDifference]:
    """Which data would stay behind: a claim whose volume nobody takes over."""
    made = [item for item in ours.objects if item["kind"] == "PersistentVolumeClaim"]
    bound = {str(item["metadata"]["name"]) for item in made if (item.get("spec") or {}).get("volumeName")}
    # A claim of that name that we make ourselves is a new one in another namespace, and empty.
    as_they_are = _mounted(ours) - {str(item["metadata"]["name"]) for item in made}
    component = str(((ours.item or {}).get("metadata") or {}).get("name", ""))
    for claim, what in claims_of_set(chart):
        own = f"local-home-{component}-{claim.rpartition('-')[2]}"
        if claim.startswith("local-home-"):
            taken = own in bound
        else:
            taken = claim in as_they_are or f"{component}-shared-home" in bound
        if not taken:
            told = "an empty volume; see storage.localHome.volumes and storage.sharedHome.volume"
            yield ChartDifference(name, "data", claim, what, told, restarts=True, lost=True)


def _mounted(look: Look) -> set[str]:
    return {
        str(volume["persistentVolumeClaim"].get("claimName"))
        for volume in look.pod.get("volumes") or ()
        if isinstance(volume.get("persistentVolumeClaim"), Mapping)
    }


def _other(item: Object, ours: Sequence[Object]) -> Iterator[ChartDifference]:
    name, kind = name_of(item), str(item["kind"])
    hook = str((item.get("metadata", {}).get("annotations") or {}).get("helm.sh/hook", ""))
    if "test" in hook:
        return
    for known, meaning, why in _INSTEAD:
        if kind == known:
            yield ChartDifference(name, meaning, "", "there", why, restarts=False, lost=False)
            return
    for known, meaning, why in _NOTHING:
        if kind == known:
            yield ChartDifference(name, meaning, "", "there", f"{NO}: {why}", restarts=False, lost=True)
            return
    if kind == "ConfigMap" and str(item["metadata"].get("name", "")).endswith(_HELPERS):
        yield ChartDifference(
            name, "configuration", "", "there", "variables and files of its own", restarts=False, lost=False
        )
    elif kind not in {"PersistentVolumeClaim", "Pod"}:
        same = any(name_of(each) == name for each in ours)
        if not same:
            yield ChartDifference(name, "configuration", "", "there", NO, restarts=False, lost=True)


def _labels(item: Object) -> Mapping[str, str]:
    return (item.get("metadata") or {}).get("labels") or {}
