"""What a product keeps in S3: what its nodes are told, as whom they come, what is open to them, what backups ask."""

from __future__ import annotations

from typing import Any

import pytest

from telamon.desired.kubernetes.components import components
from telamon.desired.kubernetes.flows import IDENTITIES, INTERNET, Block, Flow, Pods, flows
from telamon.desired.kubernetes.saving import saving_job
from telamon.desired.kubernetes.site import Site
from telamon.desired.kubernetes.wanted import wanted_secrets
from telamon.plan.works.backup import TakeBackup
from telamon.platforms.kubernetes.saving import ordered
from tests.support.manifests import environment, objects, rendered, small, the

BUCKET = "{bucket: acme-files, region: eu-central-1}"
ROLE = "arn:aws:iam::123456789012:role/files"
CLAIM = "  backup: {destination: {kind: claim, claim: backups}}"


def jira(stored: str = f"{{attachments: {BUCKET}}}", besides: str = "", more: str = "") -> Site:
    """A stack of Jira alone, with files in S3."""
    return small(more, running=f"    jira: {{version: 11.3.1, storage: {{s3: {stored}}}{besides}}}")


def confluence(more: str = "") -> Site:
    """A stack of Confluence and Synchrony, with attachments in S3."""
    storage = f"storage: {{s3: {{attachments: {BUCKET}, role: '{ROLE}'}}}}"
    return small(
        running=f"    confluence: {{version: 10.2.7, companions: {{synchrony: {{}}}}, {storage}{more}}}"
    )


def told(known: Site, component: str = "jira") -> dict[str, Any]:
    """The variables of a component's nodes."""
    return environment(known, component)


def opened(known: Site) -> list[Flow]:
    """The flows that are open for files in S3."""
    return [each for each in flows(known) if "S3" in each.why]


def test_jira_is_told_its_buckets_by_the_variables_of_its_image() -> None:
    far = "{bucket: acme-faces, region: eu-west-1, endpoint: https://s3.acme.example:9000}"
    found = told(jira(f"{{attachments: {BUCKET}, avatars: {far}}}"))
    assert {name: value for name, value in found.items() if name.startswith("ATL_S3")} == {
        "ATL_S3ATTACHMENTS_BUCKET_NAME": "acme-files",
        "ATL_S3ATTACHMENTS_REGION": "eu-central-1",
        "ATL_S3AVATARS_BUCKET_NAME": "acme-faces",
        "ATL_S3AVATARS_REGION": "eu-west-1",
        "ATL_S3AVATARS_ENDPOINT_OVERRIDE": "https://s3.acme.example:9000",
    }


def test_confluence_is_told_by_system_properties_and_synchrony_is_not() -> None:
    known = confluence(", jvmArgs: [-Dmine=1]")
    words = told(known, "confluence")["JVM_SUPPORT_RECOMMENDED_ARGS"].split()
    place = words.index("-Dconfluence.filestore.attachments.s3.bucket.name=acme-files")
    assert words[place + 1] == "-Dconfluence.filestore.attachments.s3.bucket.region=eu-central-1"
    assert words[-1] == "-Dmine=1"
    other = the(known, "StatefulSet", "confluence-synchrony")
    assert "acme-files" not in str(other)


def test_a_role_is_that_of_the_products_own_account() -> None:
    known = confluence()
    roles = {
        item["metadata"]["name"]: item["metadata"].get("annotations", {}).get("eks.amazonaws.com/role-arn")
        for item in objects(known, "ServiceAccount")
    }
    assert roles.pop("confluence") == ROLE
    assert set(roles.values()) == {None}


@pytest.mark.parametrize(
    ("entered", "kept"),
    [
        (f", role: '{ROLE}'", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        (", credentials: {secret: files}", "AWS_SECRET_ACCESS_KEY"),
        ("", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
    ],
)
def test_the_image_does_not_take_away_what_nodes_log_in_with(entered: str, kept: str) -> None:
    stored = f"{{attachments: {BUCKET}{entered}}}"
    assert told(jira(stored))["ATL_ALLOWLIST_SENSITIVE_ENV_VARS"] == kept
    mine = told(jira(stored, ", env: {ATL_ALLOWLIST_SENSITIVE_ENV_VARS: MY_TOKEN}"))
    assert mine["ATL_ALLOWLIST_SENSITIVE_ENV_VARS"] == f"MY_TOKEN,{kept}"


def test_a_key_is_referred_to_and_has_to_be_there() -> None:
    known = jira(f"{{attachments: {BUCKET}, credentials: {{secret: files, accessKeyIdKey: id}}}}")
    container = the(known, "StatefulSet", "jira")["spec"]["template"]["spec"]["containers"][0]
    references = {
        each["name"]: each["valueFrom"]["secretKeyRef"]
        for each in container["env"]
        if each["name"].startswith("AWS_")
    }
    assert references == {
        "AWS_ACCESS_KEY_ID": {"name": "files", "key": "id"},
        "AWS_SECRET_ACCESS_KEY": {"name": "files", "key": "secret-access-key"},
    }
    wanted = {each.name: each.keys for each in wanted_secrets(known, rendered(known))}
    assert wanted["files"] == ("id", "secret-access-key")


def test_nothing_is_open_for_s3_where_nothing_lies_there() -> None:
    assert opened(small()) == []


def test_the_way_to_s3_is_open_to_the_nodes_of_that_product_alone() -> None:
    known = jira(f"{{attachments: {BUCKET}, role: '{ROLE}'}}")
    (found,) = opened(known)
    assert (found.target, found.ports) == (INTERNET, (443,))
    assert isinstance(found.source, Pods)
    assert dict(found.source.labels)["telamon.dev/component"] == "jira"


def test_a_store_of_ones_own_is_reached_at_its_address_and_nothing_else() -> None:
    store = "{bucket: acme-files, region: a, endpoint: 'http://192.0.2.9:9000'}"
    known = jira(f"{{attachments: {store}, credentials: {{secret: files}}}}")
    assert [(each.target, each.ports) for each in opened(known)] == [(Block("192.0.2.9/32"), (9000,))]


def test_without_a_role_and_a_key_the_machine_is_asked_for_one() -> None:
    assert [each.target for each in opened(jira())] == [INTERNET, Block(IDENTITIES)]


def test_behind_a_proxy_the_proxy_is_open_too() -> None:
    proxy = "  security: {proxy: {url: 'http://192.0.2.3:3128'}}"
    found = opened(jira(f"{{attachments: {BUCKET}, credentials: {{secret: files}}}}", more=proxy))
    assert [each.target for each in found] == [INTERNET, Block("192.0.2.3/32")]


@pytest.mark.parametrize(
    ("section", "demanded"),
    [
        ("jira: {version: 11.3.1}", True),
        (f"jira: {{version: 11.3.1, storage: {{s3: {{avatars: {BUCKET}}}}}}}", True),
        (f"jira: {{version: 11.3.1, storage: {{s3: {{attachments: {BUCKET}}}}}}}", False),
        ("jira: {version: 9.12.20, env: {ATL_S3ATTACHMENTS_BUCKET_NAME: acme-files}}", False),
        (
            "confluence: {version: 10.2.7, jvmArgs: [-Dconfluence.filestore.attachments.s3.bucket.name=acme-files]}",
            False,
        ),
    ],
)
def test_a_backup_asks_the_shared_home_for_no_file_that_lies_in_s3(section: str, demanded: bool) -> None:
    known = small(running=f"    {section}", more=CLAIM)
    part = components(known, rendered(known))[0]
    work = TakeBackup("backup-1", "asked").document()
    job = saving_job(part, work, job="backup-1/backup", image="telamon", writes=False)
    given = {
        each["name"]: each.get("value", "secret")
        for each in job["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert bool(ordered(given, programs="/programs").subject.rules.rows) is demanded
