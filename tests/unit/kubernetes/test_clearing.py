"""The job that takes the index of a stopped node away."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from telamon.desired.kubernetes.clearing import clearing
from telamon.desired.kubernetes.components import KubernetesComponent, components
from telamon.desired.kubernetes.jobs import job_name
from telamon.desired.kubernetes.scripts import CLEAR_INDEX
from telamon.naming import LABEL_COMPONENT
from telamon.products.indexing import IndexStrategy
from tests.support.manifests import CONFLUENCE, rendered, small, the

JOB = "index-sync-jira-1/clear-1"


def part_of(running: str, name: str) -> KubernetesComponent:
    """A component of a small stack."""
    known = small(running=running)
    return next(part for part in components(known, rendered(known)) if part.desired.name == name)


@pytest.fixture(scope="module")
def part() -> KubernetesComponent:
    """A component whose nodes keep an index."""
    known = small()
    return components(known, rendered(known))[0]


def cleared(home: Path, *words: str) -> None:
    """Run what the job runs."""
    subprocess.run(
        ["sh", "-c", CLEAR_INDEX, "sh", *words], env={"TELAMON_HOME": str(home)}, check=True, timeout=60
    )


def test_the_index_and_every_note_of_it_go_and_all_else_stays(tmp_path: Path) -> None:
    for name in ("caches/index/one/segments_1", "journal/deep/note", "position", "caches/other", "log/log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("text")
    for _ in range(2):
        cleared(tmp_path, "caches/index", "journal", "position")
        left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
        assert left == {"caches", "caches/other", "journal", "log", "log/log"}


def test_what_was_cut_off_after_the_index_was_put_away_comes_to_the_same_end(tmp_path: Path) -> None:
    away = tmp_path / "caches" / ".index.telamon-cleared"
    (away / "one").mkdir(parents=True)
    cleared(tmp_path, "caches/index")
    assert [path.name for path in tmp_path.rglob("*")] == ["caches"]


def test_it_sees_the_nodes_own_home_alone_and_nobody_takes_it_for_a_node(part: KubernetesComponent) -> None:
    made = clearing(part, "jira-1", job=JOB)
    template = made["spec"]["template"]
    pod, node = template["spec"], part.stateful_set["spec"]["template"]
    main = next(each for each in node["spec"]["containers"] if each["name"] == "main")
    (container,) = pod["containers"]
    assert [volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"]] == [
        "local-home-jira-1"
    ]
    assert container["image"] == main["image"]
    assert container["command"][4:] == ["caches/indexesV1"]
    assert pod["securityContext"] == node["spec"]["securityContext"]
    assert pod["automountServiceAccountToken"] is False
    assert "env" in container
    assert all("valueFrom" not in entry for entry in container["env"])
    service = the(small(), "Service", "jira")["spec"]["selector"]
    assert template["metadata"]["labels"][LABEL_COMPONENT] != service[LABEL_COMPONENT]


def test_each_work_has_a_job_of_its_own_and_always_the_same_one(part: KubernetesComponent) -> None:
    assert job_name(part, JOB) == job_name(part, JOB) == clearing(part, "jira-1", job=JOB)["metadata"]["name"]
    assert job_name(part, JOB) != job_name(part, "index-sync-jira-1/clear-2")


def test_a_cluster_offers_the_vendors_way_alone() -> None:
    for running, name, positions in (("", "jira", ()), (CONFLUENCE, "confluence", ("journal",))):
        ways = part_of(running or "    jira: {version: 11.3.1}", name).desired.index
        assert ways is not None
        assert ways.strategies == (IndexStrategy.SNAPSHOT,)
        assert ways.place.positions == positions
    assert part_of(CONFLUENCE, "confluence-synchrony").desired.index is None
