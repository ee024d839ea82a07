"""Verbs of the lab that are asked of a cluster: what they write there, and what they leave in the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.recorded import CALLS, JOURNAL, sheet_name
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.site import OPERATOR, OPERATOR_NAMESPACE
from telamon.desired.kubernetes.wanted import wanted_secrets
from telamon.platforms.kubernetes.sheets import sheet
from telamon.platforms.kubernetes.store import OPERATION, STACK
from telamon.ports import Entry
from telamon.stackfile.lock import lock_text
from telamon.state.listing import ListedBackup, Listing
from tests.support.apiserver import KeptObjects, serving
from tests.support.desk import Desk, Result
from tests.support.manifests import SMALL, site_of, stack_of

TEXT = (
    SMALL.replace("PRODUCTS", "    jira: {version: 11.3.1}")
    .replace("MORE", "  backup: {destination: {kind: claim, claim: backups}}\n")
    .replace("environment: production", "environment: dev")
)
LINE = ListedBackup("jira-1", "asked", "11.3.1", "2026-03-01T10:00:00Z", 3 * 2**20, 2**20, "", 2)
STACK_PATH = STACK.path(OPERATOR_NAMESPACE, "acme")


class Cluster:
    """A cluster with an operator, and a person at a desk who looks after one stack in it."""

    def __init__(self, desk: Desk, folder: Path, kept: KeptObjects, kubeconfig: Path) -> None:
        self.desk = desk
        self.kept = kept
        self.file = folder / "stack.yaml"
        self._kubeconfig = kubeconfig
        self.file.write_text(TEXT)
        stack = stack_of(TEXT)
        known = site_of(stack)
        for each in wanted_secrets(known, bundles(known)):
            data = dict.fromkeys(each.keys, "dmFsdWU=")
            self.put("v1", "Secret", each.namespace, each.name, data=data)
        self.put("apps/v1", "Deployment", OPERATOR_NAMESPACE, OPERATOR)

    def put(self, version: str, kind: str, namespace: str, name: str, **more: object) -> None:
        """Have an object there."""
        metadata = {"namespace": namespace, "name": name}
        self.kept.put({"apiVersion": version, "kind": kind, "metadata": metadata, **more})

    def run(self, *words: str) -> Result:
        """What a verb says that is asked of this cluster."""
        return self.desk.run(*words, "--kubeconfig", str(self._kubeconfig), "--context", "one")

    def stack(self) -> Object:
        """The Stack as it is there."""
        (found,) = self.kept.find(STACK, OPERATOR_NAMESPACE, "acme")
        return found

    def bring(self) -> None:
        """Have the Stack there, with all components ready."""
        assert self.run("apply", str(self.file), "--no-wait", "--yes").code == 0
        found = dict(self.stack())
        component = {"name": "jira", "kind": "product", "ready": True, "done": True, "reason": "Done"}
        condition = {
            "type": "Ready",
            "status": "True",
            "reason": "AsDesired",
            "message": "",
            "lastTransitionTime": "2026-03-01T10:00:00Z",
            "observedGeneration": 1,
        }
        found["status"] = {"components": [component], "conditions": [condition], "observedGeneration": 1}
        self.kept.put(found)

    def end_operations(self, phase: str, message: str) -> None:
        """Have the operator end what is asked for like this."""

        def end(item: Object) -> None:
            if item["kind"] == "Operation":
                self.kept.put({**item, "status": {"phase": phase, "message": message}})

        self.kept.made = end

    def asked(self) -> list[tuple[str, str]]:
        """Verb and component of every operation that was asked for."""
        found = [item["spec"] for item in self.kept.find(OPERATION, "acme-jira")]
        return [(str(spec["verb"]), str(spec["target"]["component"])) for spec in found]


@pytest.fixture
def cluster(desk: Desk, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster in which the stack is not yet."""
    kept = KeptObjects()
    with serving(kept, tmp_path) as kubeconfig:
        yield Cluster(desk, tmp_path, kept, kubeconfig)


def upgrade(cluster: Cluster, *words: str) -> Result:
    """Ask for another version."""
    return cluster.run("upgrade", "jira", "11.3.2", "-f", str(cluster.file), "--no-wait", "--yes", *words)


def test_without_a_cluster_an_upgrade_tells_what_can_be_done(cluster: Cluster) -> None:
    done = cluster.desk.run("upgrade", "jira", "11.3.2", "-f", str(cluster.file), "--yes")
    assert done.code == 4
    for words in ("--lab", "--context NAME", "--print"):
        assert words in done.err
    assert cluster.file.read_text() == TEXT


def test_a_changed_file_is_written_as_the_stack(cluster: Cluster) -> None:
    cluster.file.write_text(TEXT.replace("11.3.1", "11.3.3"))
    done = cluster.run("apply", str(cluster.file), "--no-wait", "--yes")
    assert done.code == 0, done.err
    assert cluster.stack()["spec"]["products"]["jira"]["version"] == "11.3.3"


def test_an_upgrade_changes_the_file_and_the_stack(cluster: Cluster) -> None:
    cluster.bring()
    done = upgrade(cluster)
    assert done.code == 0, done.err
    assert cluster.stack()["spec"]["products"]["jira"]["version"] == "11.3.2"
    assert cluster.file.read_text() == TEXT.replace("11.3.1", '"11.3.2"')
    assert "telamon.dev/downtime" not in cluster.stack()["metadata"].get("annotations", {})


def test_who_agrees_to_an_interruption_takes_nothing_back_that_others_have_agreed_to(
    cluster: Cluster,
) -> None:
    cluster.bring()
    known = cluster.stack()
    notes = {"annotations": {"telamon.dev/downtime": "jira=once,synchrony"}}
    cluster.kept.put({**known, "metadata": {**known["metadata"], **notes}})
    assert upgrade(cluster, "--downtime").code == 0
    agreed = cluster.stack()["metadata"]["annotations"]["telamon.dev/downtime"]
    jira, other = agreed.split(",")
    assert jira.startswith("jira=20")
    assert other == "synchrony"


def test_a_version_that_the_cluster_refuses_does_not_stay_in_the_file(cluster: Cluster) -> None:
    cluster.bring()
    cluster.kept.refused[STACK_PATH] = 'admission webhook "telamon" denied the request: it goes back'
    done = upgrade(cluster)
    assert done.code != 0
    assert "it goes back" in done.err
    assert cluster.file.read_text() == TEXT
    assert not cluster.file.with_name("stack.lock.yaml").exists()


def test_a_version_of_which_no_registry_tells_the_digest_does_not_stay_in_file_and_lock(
    cluster: Cluster,
) -> None:
    text = TEXT.replace("environment: dev", "environment: production\n  images: {mirror: '127.0.0.1:1'}")
    lock = "# Mine.\n" + lock_text({})
    cluster.file.write_text(text)
    cluster.file.with_name("stack.lock.yaml").write_text(lock)
    done = upgrade(cluster)
    assert done.code != 0
    assert "asking for 127.0.0.1:1/" in done.err
    assert ":11.3.2" in done.err
    assert cluster.file.read_text() == text
    assert cluster.file.with_name("stack.lock.yaml").read_text() == lock
    assert cluster.kept.find(STACK, OPERATOR_NAMESPACE) == []


def test_an_upgrade_in_a_cluster_waits_for_no_window(cluster: Cluster) -> None:
    refused = upgrade(cluster, "--in-window")
    assert refused.code == 2
    assert cluster.file.read_text() == TEXT


def test_what_failed_is_tried_again_where_the_operator_is_asked(cluster: Cluster) -> None:
    cluster.bring()
    cluster.end_operations("Succeeded", "what failed of jira counts no more")
    done = cluster.run("retry")
    assert done.code == 0, done.err
    assert "trying again: jira" in done.out
    assert cluster.asked() == [("retry", "jira")]
    unknown = cluster.run("retry", "jiro")
    assert unknown.code == 2
    assert "Did you mean jira?" in unknown.err


def test_what_cannot_be_tried_again_says_why(cluster: Cluster) -> None:
    cluster.bring()
    cluster.end_operations("Failed", "an interruption must be agreed to")
    done = cluster.run("retry", "jira")
    assert done.code == 4
    assert "an interruption must be agreed to" in done.err


def test_a_backup_of_a_cluster_is_shown_as_the_last_job_has_told_it(cluster: Cluster) -> None:
    cluster.bring()
    told = Listing((LINE,), damaged=("jira-0",)).told()
    name = sheet_name("acme", "jira", role=CALLS)
    cluster.put("v1", "ConfigMap", OPERATOR_NAMESPACE, name, data={"backups": told})
    shown = cluster.run("backup", "show", "jira-1")
    assert shown.code == 0, shown.err
    assert "jira-1: jira 11.3.1" in shown.out
    assert "the product lacked 2 files" in shown.out
    assert cluster.run("backup", "show", "jira-1", "-o", "json").document["release"] == "11.3.1"
    assert "Did you mean jira-1?" in cluster.run("backup", "show", "jira-11").err
    assert "cannot be read" in cluster.run("backup", "show", "jira-0").err


@pytest.mark.parametrize(
    ("words", "verb", "params"),
    [
        (("prune", "--yes"), "prune-backups", {}),
        (("tidy", "jira"), "tidy-restore", {}),
        (("tidy", "jira", "--discard", "--yes"), "tidy-restore", {"discard": "yes"}),
    ],
)
def test_what_is_done_to_backups_is_asked_of_the_operator(
    cluster: Cluster, words: tuple[str, ...], verb: str, params: dict[str, str]
) -> None:
    cluster.bring()
    name = sheet_name("acme", "jira", role=CALLS)
    cluster.put("v1", "ConfigMap", OPERATOR_NAMESPACE, name, data={"backups": Listing((LINE,)).told()})
    cluster.end_operations("Succeeded", "done")
    done = cluster.run("backup", *words)
    assert done.code == 0, done.err
    (item,) = cluster.kept.find(OPERATION, "acme-jira")
    assert (item["spec"]["verb"], item["spec"].get("params", {})) == (verb, params)


def test_what_is_thrown_away_for_good_is_asked_about_first(cluster: Cluster) -> None:
    cluster.bring()
    for words in (("prune",), ("tidy", "jira", "--discard")):
        asked = cluster.run("backup", *words)
        assert asked.code == 2
        assert "--yes" in asked.err
    assert cluster.asked() == []


def test_what_was_done_in_a_cluster_is_shown(cluster: Cluster) -> None:
    cluster.bring()
    lines = {
        f"{number:012d}": json.dumps(asdict(Entry(number, 1.8e9 + number, "jira", kind, words)))
        for number, (kind, words) in enumerate([("intent", "start jira-0"), ("fact", "set-up")], start=1)
    }
    sheet_of_jira = sheet("acme", "jira", namespace=OPERATOR_NAMESPACE, role=JOURNAL, data=lines)
    cluster.kept.put(sheet_of_jira)
    shown = cluster.run("logs")
    assert shown.code == 0, shown.err
    assert [line.split("jira", 1)[1].strip() for line in shown.out.splitlines()] == [
        "start jira-0",
        "fact: set-up",
    ]
    assert [
        entry["sequence"] for entry in cluster.run("logs", "-n", "1", "-o", "json").document["entries"]
    ] == [2]
    pod = cluster.run("logs", "jira-0")
    assert pod.code == 2
    assert "kubectl logs" in pod.err
