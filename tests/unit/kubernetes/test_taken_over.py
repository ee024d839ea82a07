"""Homes and databases that exist already are used where they are: nothing is copied, nothing made beside them."""

from __future__ import annotations

import pytest

from telamon.errors import StackFileError
from tests.support.manifests import CONFLUENCE, JIRA, SMALL, environment, objects, small, stack_of, the

DATABASE = (
    "database: {host: 10.9.8.7, port: 6432, name: jiradb, credentials: {secret: old, usernameKey: user}}"
)
HOMES = (
    "storage: {localHome: {storageClass: fast, volumes: [pv-0, pv-1]},"
    " sharedHome: {volume: {kind: existing, volume: pv-shared, storageClass: nfs}}}"
)


def with_jira(more: str) -> str:
    return JIRA.replace("}", f", {more}}}", 1)


def test_a_claim_is_bound_to_the_volume_under_the_name_that_the_node_looks_for() -> None:
    known = small(running=with_jira(HOMES))
    template = the(known, "StatefulSet", "jira")["spec"]["volumeClaimTemplates"][0]
    assert template["spec"]["storageClassName"] == "fast"
    for number in (0, 1):
        claim = the(known, "PersistentVolumeClaim", f"{template['metadata']['name']}-jira-{number}")
        assert claim["metadata"]["namespace"] == "acme-jira"
        assert claim["spec"]["volumeName"] == f"pv-{number}"
        assert claim["spec"]["storageClassName"] == "fast"
        assert claim["spec"]["accessModes"] == template["spec"]["accessModes"]


def test_a_claim_asks_for_no_more_than_an_old_volume_may_have() -> None:
    claim = the(small(running=with_jira(HOMES)), "PersistentVolumeClaim", "local-home-jira-0")
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"


def test_the_shared_home_is_bound_to_its_volume_and_no_other_is_made() -> None:
    known = small(running=with_jira(HOMES))
    claim = the(known, "PersistentVolumeClaim", "jira-shared-home")["spec"]
    assert (claim["volumeName"], claim["storageClassName"]) == ("pv-shared", "nfs")
    assert claim["accessModes"] == ["ReadWriteMany"]
    assert not objects(known, "PersistentVolume")


def test_a_claim_that_is_there_is_mounted_and_not_made() -> None:
    given = "storage: {sharedHome: {volume: {kind: existing, claim: old-home}}}"
    known = small(running=with_jira(given))
    volumes = the(known, "StatefulSet", "jira")["spec"]["template"]["spec"]["volumes"]
    assert {"claimName": "old-home"} in [each.get("persistentVolumeClaim") for each in volumes]
    assert not objects(known, "PersistentVolumeClaim")


def test_a_database_that_is_there_is_used_by_its_own_role_and_nobody_prepares_one() -> None:
    known = small(running=with_jira(DATABASE))
    told = environment(known, "jira")
    assert told["ATL_JDBC_URL"].startswith("jdbc:postgresql://10.9.8.7:6432/jiradb?sslmode=verify-full")
    assert told["ATL_JDBC_USER"] == {"secretKeyRef": {"name": "old", "key": "user"}}
    assert told["ATL_JDBC_PASSWORD"] == {"secretKeyRef": {"name": "old", "key": "password"}}
    assert not objects(known, "Job")
    assert not objects(known, "Cluster")
    policies = str(objects(known, "NetworkPolicy"))
    assert "10.9.8.7/32" in policies
    assert "6432" in policies


def test_the_database_of_one_product_leaves_the_others_to_theirs() -> None:
    known = small(running=f"{with_jira(DATABASE)}\n{CONFLUENCE}")
    assert [item["metadata"]["name"] for item in objects(known, "Database")] == ["confluence"]
    assert "database-rw." in environment(known, "confluence")["ATL_JDBC_URL"]
    assert "database-rw." in environment(known, "confluence-synchrony")["SYNCHRONY_DATABASE_URL"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("storage: {sharedHome: {volume: {kind: existing}}}", "has none"),
        ("storage: {sharedHome: {volume: {kind: existing, volume: a, claim: b}}}", "volume and claim"),
        ("storage: {localHome: {volumes: [a, b, c]}}", "3 homes for 2 nodes"),
        ("storage: {localHome: {volumes: [a, a]}}", "stands in this list already"),
    ],
)
def test_what_cannot_be_taken_over_is_refused(given: str, words: str) -> None:
    with pytest.raises(StackFileError) as caught:
        stack_of(SMALL.replace("PRODUCTS", with_jira(given)).replace("MORE", ""))
    assert any(words in problem.message for problem in caught.value.problems)


def test_the_lab_takes_over_nothing() -> None:
    text = SMALL.replace("PRODUCTS", with_jira(f"{DATABASE}, storage: {{localHome: {{volumes: [a]}}}}"))
    text = text.replace("{kind: kubernetes}", "{kind: lab}").replace("MORE", "")
    text = text.replace("  storage: {shared: {kind: csi, storageClass: shared}}\n", "")
    text = text.replace("{tls: {kind: cert-manager, issuer: issuer}}", "{}")
    with pytest.raises(StackFileError) as caught:
        stack_of(text)
    paths = {problem.path for problem in caught.value.problems}
    assert paths == {"spec.products.jira.database", "spec.products.jira.storage.localHome.volumes"}
