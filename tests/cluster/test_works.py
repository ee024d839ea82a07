"""Work on the data of a component as jobs of a real API server, with processes in the place of containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from telamon.desired.kubernetes.components import components
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.works import JOB, Works
from telamon.state.world import JobPhase
from testbed.control_plane import ControlPlane
from testbed.machines import Machines
from tests.cluster.support import until
from tests.support.manifests import rendered, site_of, stack_of

pytestmark = pytest.mark.lab

TEXT = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: works}
spec:
  environment: dev
  domain: acme.example
  products:
    jira: {version: 11.3.1, nodes: 2}
  platform: {kind: kubernetes}
  database: {kind: external, host: 127.0.0.1, admin: {secret: admin}}
  edge: {driver: nginx, className: nginx, tls: {kind: disabled}}
  storage: {shared: {kind: csi, storageClass: shared}}
"""
OPERATED = {"ServiceAccount", "Namespace", "ResourceQuota", "LimitRange", "PriorityClass"}


def test_an_index_is_taken_away_once_by_a_contained_job(
    plane: ControlPlane, api: Api, machines: Machines
) -> None:
    known = site_of(stack_of(TEXT))
    bundles = rendered(known)
    part = components(known, bundles)[0]
    for bundle in bundles:
        for item in bundle.objects:
            if item["kind"] in OPERATED:
                api.apply(item, over=None)
    home = Path(plane.folder) / "volumes" / "works-jira-local-home-jira-1"
    (home / "caches" / "indexesV1" / "issues").mkdir(parents=True)
    (home / "dbconfig.xml").write_text("kept")

    works = Works(api)
    assert works.jobs(part) == {}
    for _ in range(2):
        works.clear_index(part, "jira-1", job="sync/clear-1")
    # Whoever comes after the operator that began it finds it too.
    until(lambda: Works(api).jobs(part)["sync/clear-1"].phase is not JobPhase.RUNNING)
    ended = works.jobs(part)["sync/clear-1"]
    assert (ended.phase, ended.result) == (JobPhase.SUCCEEDED, "done"), ended.detail
    assert sorted(path.name for path in home.iterdir()) == ["caches", "dbconfig.xml"]
    assert list((home / "caches").iterdir()) == []
    assert not works.is_busy(part, "jira-1")

    works.forget(part, "another/tidy")
    assert set(Works(api).jobs(part)) == {"sync/clear-1"}
    works.forget(part, "sync/tidy")
    until(lambda: Works(api).jobs(part) == {})
    assert api.list(JOB, namespace="works-jira", labels={}) == ()
