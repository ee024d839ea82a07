"""What the charts rendered is held against what is rendered here: what restarts, and what would be gone."""

from __future__ import annotations

from typing import Any

import pytest

from telamon.importer.compare import ChartDifference, compare
from tests.support.manifests import CONFLUENCE, JIRA, objects, small

SECTIONS = {"jira": ("jira",), "confluence": ("confluence", "confluence-synchrony")}
ADOPTED = JIRA.replace(
    "}",
    ", storage: {localHome: {volumes: [pv-0, pv-1]}, sharedHome: {volume: {kind: existing, volume: pv-9}}}}",
    1,
)


def item(kind: str, name: str, section: str = "jira", **body: Any) -> dict[str, Any]:
    """An object with the labels of a chart."""
    meta = {"name": name, "labels": {"app.kubernetes.io/name": section}}
    return {"kind": kind, "metadata": meta, **body}


def workload(name: str = "jira", section: str = "jira", **main: Any) -> dict[str, Any]:
    """A StatefulSet as a chart makes it."""
    container = {"name": section, "image": "atlassian/jira-software:11.3.1", **main}
    volumes = [{"name": "shared-home", "persistentVolumeClaim": {"claimName": f"{name}-shared-home"}}]
    spec = {
        "replicas": 2,
        "template": {"spec": {"containers": [container], "volumes": volumes}},
        "volumeClaimTemplates": [
            {"metadata": {"name": "local-home"}, "spec": {"resources": {"requests": {"storage": "20Gi"}}}}
        ],
    }
    return item("StatefulSet", name, section, spec=spec)


def differences(*chart: dict[str, Any], running: str = JIRA) -> list[ChartDifference]:
    """What is otherwise than a chart has rendered it."""
    return list(compare(chart, objects(small(running=running)), sections=SECTIONS))


def the(found: list[ChartDifference], meaning: str, field: str) -> ChartDifference:
    """The difference of a field."""
    matching = [each for each in found if (each.meaning, each.field) == (meaning, field)]
    assert len(matching) == 1, (meaning, field, found)
    return matching[0]


def test_a_rendering_is_like_itself() -> None:
    ours = objects(small(running=JIRA))
    named = [each for each in ours if each["kind"] in {"StatefulSet", "ConfigMap"}]
    labelled = [
        {**each, "metadata": {**each["metadata"], "labels": {"app.kubernetes.io/name": "jira"}}}
        for each in named
    ]
    found = compare(labelled, ours, sections=SECTIONS)
    # All that would be left behind is the data that nobody has said is to be taken over.
    assert {each.meaning for each in found} == {"data"}


def test_data_that_nobody_takes_over_is_a_loss() -> None:
    found = [each for each in differences(workload()) if each.meaning == "data"]
    assert [each.field for each in found] == ["local-home-jira-0", "local-home-jira-1", "jira-shared-home"]
    assert all(each.lost for each in found)


def test_data_that_is_taken_over_is_none() -> None:
    assert [each for each in differences(workload(), running=ADOPTED) if each.meaning == "data"] == []


def test_a_home_that_was_forgotten_is_named() -> None:
    found = differences(workload(), running=ADOPTED.replace("[pv-0, pv-1]", "[pv-0]"))
    assert [each.field for each in found if each.meaning == "data"] == ["local-home-jira-1"]


def test_what_somebody_added_to_a_pod_is_a_loss_and_what_is_otherwise_is_told() -> None:
    chart = workload(
        env=[{"name": "OWN", "value": "1"}, {"name": "ATL_TOMCAT_PORT", "value": "9090"}],
        resources={"requests": {"memory": "2G"}},
    )
    found = differences(chart)
    own = the(found, "environment", "OWN")
    assert (own.chart, own.ours, own.lost, own.restarts) == ("1", "-", True, True)
    port = the(found, "environment", "ATL_TOMCAT_PORT")
    assert (port.chart, port.ours, port.lost) == ("9090", "8080", False)
    assert the(found, "resources", "requests.memory").ours == "4Gi"
    assert not the(found, "updates", "updateStrategy").restarts


def test_options_are_compared_one_by_one_wherever_they_stand() -> None:
    reference = {"configMapKeyRef": {"name": "jira-jvm-config", "key": "additional_jvm_args"}}
    chart = workload(env=[{"name": "JVM_SUPPORT_RECOMMENDED_ARGS", "valueFrom": reference}])
    config = item(
        "ConfigMap", "jira-jvm-config", data={"additional_jvm_args": "-Xss2m\n-XX:ActiveProcessorCount=2"}
    )
    found = differences(chart, config)
    assert the(found, "options", "-Xss2m").lost
    assert the(found, "options", "-XX:ActiveProcessorCount").chart == "-XX:ActiveProcessorCount=2"
    assert not the(found, "configuration", "").lost


def test_what_may_be_a_secret_is_not_shown() -> None:
    chart = workload(
        env=[{"name": "API_TOKEN", "value": "hunter2"}, {"name": "P", "value": "http://a:hunter2@b"}]
    )
    found = differences(chart)
    assert "hunter2" not in str(found)
    assert the(found, "environment", "API_TOKEN").lost


def test_a_companion_is_held_against_ours_and_one_that_is_not_run_is_lost() -> None:
    synchrony = workload("confluence-synchrony", "confluence")
    # As the chart has it: a name of its own, and the label that says of which chart it is.
    labels = {"app.kubernetes.io/name": "confluence-synchrony", "helm.sh/chart": "confluence-2.0.9"}
    synchrony["metadata"]["labels"] = labels
    chart = [
        workload("confluence", "confluence"),
        synchrony,
        workload("confluence-mesh", "confluence"),
    ]
    found = differences(*chart, running=CONFLUENCE)
    gone = [each.object for each in found if each.meaning == "workload"]
    assert gone == ["StatefulSet/confluence-mesh"]
    image = [each for each in found if each.object.endswith("synchrony") and each.meaning == "image"]
    assert image[0].ours.startswith("docker.io/atlassian/confluence:10.2.7")


@pytest.mark.parametrize(
    ("kind", "lost"),
    [
        ("Ingress", False),
        ("Service", False),
        ("ServiceMonitor", True),
        ("ClusterRole", True),
        ("CronJob", True),
    ],
)
def test_every_other_object_is_told(kind: str, lost: bool) -> None:
    found = [each for each in differences(item(kind, "x")) if each.object == f"{kind}/x"]
    assert [each.lost for each in found] == [lost]


def test_the_charts_own_tests_are_left_out() -> None:
    pod = item("Pod", "jira-test")
    pod["metadata"]["annotations"] = {"helm.sh/hook": "test"}
    assert differences(pod) == []
