"""Backups as jobs of a real API server, with processes in the place of containers."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from telamon.desired.kubernetes.components import KubernetesComponent, components
from telamon.model.stack import Stack
from telamon.naming import ANNOTATION_WORK
from telamon.plan.work import Work
from telamon.plan.works.backup import TakeBackup, VerifyBackup
from telamon.platforms.backup.catalogue import Catalogue
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.asking import Asking
from telamon.platforms.kubernetes.works import JOB, Works
from telamon.state.listing import listing
from telamon.state.world import JobPhase, JobState
from testbed.control_plane import ControlPlane
from testbed.machines import Machines
from tests.cluster.databases import database_of_jira
from tests.cluster.operators import IMAGE, installed
from tests.cluster.support import until
from tests.cluster.test_products import TEXT as JIRA
from tests.cluster.test_works import OPERATED
from tests.lab.backups import TRACKER, needs_restic
from tests.support.manifests import rendered, site_of, stack_of
from tests.understudy.support import PostgreSQL

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(900), needs_restic]

UP = 240.0
"""Seconds for whatever a loaded machine takes a while for."""
TEXT = f"{JIRA}  backup: {{destination: {{kind: claim, claim: backups}}}}\n"
NAMESPACE = "saved-jira"
SECRET = Kind("v1", "Secret")
ATTACHMENT = Path("data/attachments/DEMO/10000/DEMO-1/1")


def stack(name: str, server: PostgreSQL, *, version: str = "11.3.1", nodes: int = 1) -> Stack:
    """A small issue tracker whose backups have a place."""
    text = TEXT.replace("NAME", name).replace("PORT", str(server.port))
    return stack_of(text.replace("RELEASE", version).replace("NODES", str(nodes)))


@pytest.fixture
def postgres(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgreSQL]:
    """The product's database; there is no network for it before there is an API server."""
    with database_of_jira(monkeypatch) as server:
        yield server


@pytest.fixture
def part(api: Api, machines: Machines, postgres: PostgreSQL) -> KubernetesComponent:
    """A product of which all is there but its nodes."""
    with postgres.connect("jira") as connection:
        connection.execute("SET ROLE jira")
        connection.execute(TRACKER.encode())
        connection.execute("INSERT INTO fileattachment VALUES (1, 1, 7)")
    known = site_of(stack("saved", postgres))
    bundles = rendered(known)
    for bundle in bundles:
        for item in bundle.objects:
            if item["kind"] in OPERATED:
                api.apply(item, over=None)
    found = components(known, bundles)[0]
    assert found.saving is not None
    give(api, found.saving.database.password.secret, "trusted anyway")
    give(api, found.saving.vault.secret, "of the vault")
    return found


def give(api: Api, name: str, password: str) -> None:
    """Bring a secret."""
    metadata = {"name": name, "namespace": NAMESPACE}
    api.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"password": password}},
        over=None,
    )


def done(api: Api, part: KubernetesComponent, job: str, *, work: Work) -> JobState:
    """Have a work done, and wait for its end."""
    works = Works(api, image=IMAGE)
    assert works.cannot_save(part) == ""
    for _ in range(2):
        works.save(part, work, job=job)
    until(lambda: Works(api).jobs(part)[job].phase is not JobPhase.RUNNING, within=240.0)
    return works.jobs(part)[job]


def test_a_backup_is_taken_verified_and_missed_where_it_is_damaged(
    plane: ControlPlane, api: Api, part: KubernetesComponent
) -> None:
    volumes = plane.folder / "volumes"
    attachment = volumes / f"{NAMESPACE}-jira-shared-home" / ATTACHMENT
    attachment.parent.mkdir(parents=True)
    attachment.write_bytes(b"content")

    taken = done(api, part, "backup-1/backup", work=TakeBackup("jira-one", "asked"))
    assert taken.phase is JobPhase.SUCCEEDED, taken.detail
    kept = volumes / f"{NAMESPACE}-backups" / "saved"
    (entry,) = Catalogue(kept).entries()
    assert (entry.name, entry.product, entry.release, entry.files) == ("jira-one", "jira", "11.3.1", 1)
    assert entry.rows["public.jiraissue"] == 20_000
    assert entry.verified
    assert entry.stack_file["metadata"] == {"name": "saved"}
    # What it worked in is gone, and what it saved is where it was.
    assert [path for path in (kept / "work" / "jira").iterdir() if path.is_dir()] == []
    assert attachment.read_bytes() == b"content"

    # A row without its file is told of, and is no reason to have no backup.
    attachment.unlink()
    lacking = done(api, part, "backup-2/backup", work=TakeBackup("jira-two", "asked"))
    assert lacking.phase is JobPhase.SUCCEEDED, lacking.detail
    assert len(Catalogue(kept).get("jira-two").lacking) == 1
    assert done(api, part, "verify-1/backup", work=VerifyBackup("jira-one")).phase is JobPhase.SUCCEEDED

    # One that is asked to end early is listed nowhere, and nobody begins it again.
    works = Works(api, image=IMAGE)
    works.save(part, TakeBackup("jira-three", "asked"), job="backup-3/backup")
    works.end(part, "backup-3/backup")
    until(lambda: works.jobs(part)["backup-3/backup"].phase is JobPhase.FAILED, within=UP)
    assert Catalogue(kept).find("jira-three") is None

    shutil.rmtree(kept / "vault" / "data")
    damaged = done(api, part, "verify-2/backup", work=VerifyBackup("jira-one"))
    assert damaged.phase is JobPhase.FAILED
    assert "the backup cannot be read back" in damaged.detail

    give(api, part.saving.vault.secret if part.saving is not None else "", "another one")
    refused = done(api, part, "verify-3/backup", work=VerifyBackup("jira-one"))
    assert refused.phase is JobPhase.FAILED
    assert "the password does not fit" in refused.detail


def test_an_operator_takes_one_when_it_is_asked_and_relies_on_it_for_an_upgrade(
    plane: ControlPlane, api: Api, machines: Machines, postgres: PostgreSQL, tmp_path: Path
) -> None:
    name = "keeper"
    with installed(plane, api, tmp_path) as cluster:
        cluster.prepare_for(stack(name, postgres, nodes=2))
        cluster.start()
        cluster.write(stack(name, postgres, nodes=2))
        cluster.until_ready(name, within=UP)

        def ended(operation: str) -> str:
            until(
                lambda: cluster.phase(name, operation, component="jira") in {"Succeeded", "Failed"}, within=UP
            )
            return cluster.phase(name, operation, component="jira")

        cluster.operation(name, "save", component="jira", verb="backup")
        assert ended("save") == "Succeeded"
        (entry,) = Catalogue(plane.folder / "volumes" / f"{name}-jira-backups" / name).entries()
        assert (entry.product, entry.release, entry.reason) == ("jira", "11.3.1", "asked")
        until(lambda: Asking(api, name).backups("jira") is not None, within=UP)
        known = Asking(api, name).backups("jira")
        assert known == listing([entry], [])

        cluster.operation(name, "judge", component="jira", verb="verify-backup", params={"from": "unknown"})
        assert ended("judge") == "Failed"

        # Node by node to the next release, once the backup that was just taken is known to be whole.
        cluster.write(stack(name, postgres, version="11.3.2", nodes=2))
        until(lambda: cluster.phase(name, "upgrade-jira-1", component="jira") != "", within=UP)
        assert ended("upgrade-jira-1") == "Succeeded"
        jobs = api.list(JOB, namespace=f"{name}-jira", labels={})
        works = {str((item["metadata"].get("annotations") or {}).get(ANNOTATION_WORK)) for item in jobs}
        # Each is called after its operation and that operation's uid.
        done = {re.sub(r"\.[0-9a-f]{8}/", "/", work) for work in works}
        assert {"save/backup", "upgrade-jira-1/verify-backup"} <= done
        assert not done & works
