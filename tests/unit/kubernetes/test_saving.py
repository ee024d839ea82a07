"""The job that saves the data of a product: what it sees, whom it reaches, and what it is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from telamon.desired.kubernetes.components import KubernetesComponent, components
from telamon.desired.kubernetes.saving import joined, saving_job, too_large
from telamon.desired.kubernetes.spaces import SPARE
from telamon.desired.kubernetes.wanted import wanted_secrets
from telamon.errors import InternalError, PlatformError, TelamonError
from telamon.naming import LABEL_COMPONENT
from telamon.plan.work import Work
from telamon.plan.works.backup import (
    ON_DATA,
    KeepLog,
    PrepareRestore,
    PruneBackups,
    SwitchData,
    TakeBackup,
    VerifyBackup,
)
from telamon.platforms.kubernetes.saving import DOERS, Order, ordered, perform, tell
from telamon.state.backups import BackupEntry
from telamon.state.listing import read
from telamon.units import Bytes
from tests.support.manifests import rendered, small

CLAIM = "  backup: {destination: {kind: claim, claim: backups}, keep: 7d}"
TINY = """\
    tiny:
      version: "1.0"
      profile:
        image: registry.acme.example/tiny:1.0
        command: [serve]
        ports: {http: 8000}
        status: {path: /status, reader: {kind: json, field: state, states: {RUNNING: [RUNNING]}}}
        database: postgresql
        stickyCookie: node
        startTimeout: 30s
        stopGrace: 10s"""
JOB = "backup-jira-1/backup"
IMAGE = "registry.acme.example/telamon@sha256:" + "0" * 64
TAKE = TakeBackup("jira-20260102T030405Z", "asked")
PAGE = BackupEntry(
    name="jira-1",
    stack="acme",
    product="jira",
    release="10.3.1",
    reason="asked",
    taken="2026-01-02T03:04:05Z",
    lsn="0/1",
    database="jira",
    database_release="17.0",
    snapshot="0",
    rows={},
    files=1,
    size=1,
    added=1,
)
LONGEST_STRING = 128 * 1024
"""Bytes of one string that a program can be given. Source: execve(2)."""
OWN = "    jira: {version: 11.3.1, database: {host: 192.0.2.7, name: tickets, credentials: {secret: theirs}}}"


def part_of(more: str = CLAIM, **given: str) -> KubernetesComponent:
    """The product of a small stack."""
    known = small(more=more, **given)
    return components(known, rendered(known))[0]


def pod_of(part: KubernetesComponent, work: Work = TAKE) -> dict[str, Any]:
    """The pod of the job."""
    writes = not isinstance(work, TakeBackup | VerifyBackup)
    job = saving_job(part, work.document(), job=JOB, image=IMAGE, writes=writes)
    made = job["spec"]["template"]["spec"]
    assert isinstance(made, dict)
    return made


def environment_of(part: KubernetesComponent, work: Work = TAKE) -> dict[str, str]:
    """What the program finds, with the name of each secret as its value."""
    entries = pod_of(part, work)["containers"][0]["env"]
    return {
        each["name"]: each["value"]
        if "value" in each
        else "/".join(each["valueFrom"]["secretKeyRef"].values())
        for each in entries
    }


def order_of(part: KubernetesComponent, work: Work = TAKE, **changed: str) -> Order:
    """What the program is told."""
    return ordered({**environment_of(part, work), **changed}, programs="/programs")


@pytest.fixture(scope="module")
def part() -> KubernetesComponent:
    """A product whose backups have a place."""
    return part_of()


def test_it_reads_the_shared_home_and_writes_to_the_backups_alone(part: KubernetesComponent) -> None:
    pod = pod_of(part)
    claims = {
        volume["persistentVolumeClaim"]["claimName"]: volume["persistentVolumeClaim"].get("readOnly", False)
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claims == {"jira-shared-home": True, "backups": False}
    home = next(each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "home")
    assert home["readOnly"] is True
    assert pod["automountServiceAccountToken"] is False
    node = part.stateful_set["spec"]["template"]["spec"]
    assert pod["securityContext"] == node["securityContext"]
    assert pod["containers"][0]["image"] == IMAGE


def test_it_writes_to_the_shared_home_where_data_change_places(part: KubernetesComponent) -> None:
    pod = pod_of(part, SwitchData())
    (home,) = [volume for volume in pod["volumes"] if volume["name"] == "home"]
    assert home["persistentVolumeClaim"]["readOnly"] is False
    assert [
        mount["readOnly"] for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "home"
    ] == [False]


def test_a_product_without_a_shared_home_is_saved_as_if_it_had_an_empty_one() -> None:
    part = part_of(running=TINY)
    assert part.saving is not None
    assert part.saving.shared is None
    for work in (TAKE, SwitchData()):
        pod = pod_of(part, work)
        assert [volume["name"] for volume in pod["volumes"]] == ["backups", "temporary"]
        order = order_of(part, work)
        # What is put back waits there from one job to the next, so it is where backups are, and not among them.
        assert order.subject.home == Path("/backups/without-home/tiny")
        assert not order.subject.home.is_relative_to(order.shelf.catalogue.folder)


def test_no_secret_is_in_it(part: KubernetesComponent) -> None:
    entries = {each["name"]: each for each in pod_of(part)["containers"][0]["env"]}
    for name in ("TELAMON_PASSWORD", "TELAMON_VAULT"):
        assert "value" not in entries[name]
    known = small(more=CLAIM)
    wanted = {each.name: each.keys for each in wanted_secrets(known, rendered(known))}
    assert wanted["acme-jira-backup"] == ("password",)


def test_it_has_room_beside_the_nodes(part: KubernetesComponent) -> None:
    resources = pod_of(part)["containers"][0]["resources"]
    assert resources["requests"]["memory"] == resources["limits"]["memory"]
    assert Bytes.parse(resources["limits"]["memory"]).count < SPARE


def test_its_pod_is_let_reach_the_database_and_no_node_of_the_product(part: KubernetesComponent) -> None:
    job = saving_job(part, TAKE.document(), job=JOB, image=IMAGE, writes=False)
    labels = job["spec"]["template"]["metadata"]["labels"]
    known = small(more=CLAIM)
    policies = [
        item
        for bundle in rendered(known)
        for item in bundle.objects
        if item["kind"] == "NetworkPolicy" and item["metadata"]["namespace"] == "acme-jira"
    ]
    named = [item for item in policies if item["spec"]["podSelector"]]
    ours = [item for item in named if item["spec"]["podSelector"]["matchLabels"].items() <= labels.items()]
    assert [item["metadata"]["name"] for item in ours] == ["backup"]
    assert "ingress" not in ours[0]["spec"]
    ports = {port["port"] for rule in ours[0]["spec"]["egress"] for port in rule["ports"]}
    assert ports == {53, 5432}
    service = next(item for item in part.objects if item["kind"] == "Service")
    assert service["spec"]["selector"][LABEL_COMPONENT] != labels[LABEL_COMPONENT]


def test_the_program_is_told_what_the_job_was_made_for(part: KubernetesComponent) -> None:
    order = order_of(part)
    assert order.work == TAKE
    assert order.subject.stack == "acme"
    assert (order.subject.product, order.subject.release, order.subject.database) == (
        "jira",
        "11.3.1",
        "jira",
    )
    assert part.product is not None
    rules = part.product.backup
    assert order.subject.rules == replace(rules, skipped=(*rules.skipped, ".telamon-restore"))
    server = order.shelf.server
    assert (server.user, server.password) == ("jira", "acme-jira-database/password")
    assert dict(server.protection) == {"sslmode": "require"}
    assert order.shelf.catalogue.folder == Path("/backups/acme")
    assert order.shelf.password == "acme-jira-backup/password"
    assert order.keep == 7 * 86_400
    assert order_of(part, VerifyBackup("one")).work == VerifyBackup("one")


def test_a_database_that_the_product_brings_is_reached_as_its_nodes_reach_it() -> None:
    order = order_of(part_of(running=OWN))
    server = order.shelf.server
    assert (server.host, server.port, order.subject.database) == ("192.0.2.7", 5432, "tickets")
    assert (server.user, server.password) == ("theirs/username", "theirs/password")
    assert dict(server.protection) == {"sslmode": "verify-full", "sslrootcert": "system"}


def test_authorities_of_the_file_are_those_that_the_server_is_checked_against() -> None:
    part = part_of(f"{CLAIM}\n  security: {{authorities: {{secret: roots}}}}", running=OWN)
    assert order_of(part).shelf.server.protection["sslrootcert"] == "/authorities/authorities.pem"
    secrets = [volume["secret"]["secretName"] for volume in pod_of(part)["volumes"] if "secret" in volume]
    assert secrets == ["roots"]


@pytest.mark.parametrize(
    ("more", "possible"),
    [(CLAIM, True), ("  backup: {destination: {kind: s3, bucket: kept}}", False), ("", False)],
)
def test_backups_are_possible_where_the_file_names_a_claim(more: str, possible: bool) -> None:
    part = part_of(more)
    saving = part.desired.saving
    assert saving is not None
    assert saving.possible is possible
    assert (part.saving is not None) is possible
    if not possible:
        with pytest.raises(InternalError, match="nobody has said"):
            saving_job(part, TAKE.document(), job=JOB, image=IMAGE, writes=False)


@pytest.mark.parametrize("told", ["", "{}", "[]", '{"work": {"kind": "take-backup"}}'])
def test_a_job_of_another_version_is_refused(part: KubernetesComponent, told: str) -> None:
    with pytest.raises(PlatformError, match="does not say what"):
        order_of(part, TELAMON_WORK=told)


def test_work_that_nobody_does_here_is_refused(part: KubernetesComponent) -> None:
    with pytest.raises(PlatformError, match="keep-log"):
        perform(order_of(part, KeepLog()), now=datetime(2026, 3, 1, tzinfo=UTC))


def test_a_job_is_told_of_a_stack_file_that_no_single_variable_holds(part: KubernetesComponent) -> None:
    assert part.saving is not None
    long = {**part.saving.stack_file, "metadata": {"name": "acme", "annotations": {"why": "w" * 300_000}}}
    grown = replace(part, saving=replace(part.saving, stack_file=long))
    values = environment_of(grown)
    assert max(map(len, values.values())) < LONGEST_STRING
    assert json.loads(joined(values)) == long
    assert too_large(part.saving) == ""


@pytest.mark.parametrize(
    ("more", "running", "disk"),
    [
        ("database: {kind: cloudnative-pg, storage: 20Gi}", "", 20 * 2**30),
        ("", OWN, None),
    ],
)
def test_what_is_known_of_the_disk_of_the_database_is_told(more: str, running: str, disk: int | None) -> None:
    given = {"running": running} if running else {}
    order = order_of(part_of(f"{CLAIM}\n  {more}", **given), PrepareRestore("jira-1"))
    assert order.disk == order.site.disk == disk


def test_every_work_on_data_is_done_by_a_job() -> None:
    assert {work.kind for work in ON_DATA} == {TakeBackup.kind, PruneBackups.kind, *DOERS}


def test_what_is_put_back_must_be_of_the_product_and_of_its_release(
    part: KubernetesComponent, tmp_path: Path
) -> None:
    order = order_of(part, PrepareRestore("jira-1"), TELAMON_BACKUPS=str(tmp_path))
    order.shelf.catalogue.put(PAGE)
    order.shelf.catalogue.put(replace(PAGE, name="wiki-1", product="confluence"))

    def refused(name: str) -> TelamonError:
        with pytest.raises(TelamonError) as told:
            perform(replace(order, work=PrepareRestore(name)), now=datetime(2026, 3, 1, tzinfo=UTC))
        return told.value

    assert "of 10.3.1, and jira is of 11.3.1" in str(refused("jira-1"))
    assert "a backup of confluence" in str(refused("wiki-1"))
    assert "Did you mean jira-1?" in str(refused("jira-2").remedy)


def test_what_a_job_tells_is_of_its_own_product(part: KubernetesComponent, tmp_path: Path) -> None:
    order = order_of(part, TELAMON_BACKUPS=str(tmp_path / "backups"))
    order.shelf.catalogue.put(PAGE)
    order.shelf.catalogue.put(replace(PAGE, name="wiki-1", product="confluence"))
    message = tmp_path / "message"
    tell(order, message)
    told = read(message.read_text())
    assert told is not None
    assert [line.name for line in told.backups] == ["jira-1"]


def test_work_that_was_done_has_not_failed_because_it_cannot_be_told(
    part: KubernetesComponent, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    order = order_of(part, TELAMON_BACKUPS=str(tmp_path))
    order.shelf.catalogue.put(PAGE)
    tell(order, tmp_path / "nowhere" / "message")
    assert "cannot be told" in caplog.text
