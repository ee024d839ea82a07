"""Evidence about a member of a cluster: what is in it, that no secret is, and that it fits where it is kept."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from telamon.desired.kubernetes.components import KubernetesComponent, components
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.facts import Facts
from telamon.desired.kubernetes.site import site
from telamon.errors import ConflictError, DeniedError, PlatformError, TemporaryError
from telamon.platforms.evidence import told_by
from telamon.platforms.kubernetes.api import POD, Api, Kind
from telamon.platforms.kubernetes.gathering import ARCHIVE_BYTES, KEPT_BYTES, LOG_BYTES, Gatherings, kept
from telamon.platforms.kubernetes.journal import KubernetesJournal
from telamon.platforms.kubernetes.records import KubernetesRecords
from telamon.platforms.kubernetes.secrets import SECRET
from telamon.platforms.redaction import Redactor
from telamon.ports import Entry
from telamon.state.world import JobPhase
from tests.support.approval import SetClock
from tests.support.hosting import eventually
from tests.support.manifests import ALL, SMALL, digests, products, rendered, stack_of

EXTERNAL = "  database: {kind: external, host: db.acme.example, admin: {secret: admin}}"
SPACE, OWN, KEPT = "acme-jira", "telamon-system", "acme-jira-evidence"
LITERAL = "written-in-the-manifest"


def part() -> KubernetesComponent:
    """The nodes of a product."""
    stack = stack_of(SMALL.replace("PRODUCTS", ALL).replace("MORE", EXTERNAL))
    made = site(stack, products(stack), facts=Facts(), digests=digests(stack))
    return next(each for each in components(made, rendered(made)) if each.desired.name == "jira")


def value(name: str) -> str:
    """The value of a secret that the operator may read."""
    return f"tr0ub4dor & {name}"


class Cluster(Api):
    """An API server with a product whose second node has ended once, and its secrets."""

    def __init__(self, component: KubernetesComponent) -> None:
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.logs: dict[tuple[str, bool], bytes] = {}
        self.troubles: list[Exception] = []
        self.conflicts = 0
        for name in component.evidence.hidden:
            self.add(secret(name, {"password": value(name), "username": "admin"}))
        self.add(dict(component.stateful_set))
        self.add(pod())
        self.add(event("a", "jira-1", f"Back-off, token={value('unknown')}"))
        self.add(event("b", "jira-0", "somebody else's"))
        told = {
            "components": [{"name": "jira", "message": "two serve"}, {"name": "wiki", "message": "hidden"}],
            "members": [{"name": "jira-1", "component": "jira"}, {"name": "wiki-0", "component": "wiki"}],
        }
        self.add({**item("Stack", OWN, "acme"), "status": told})

    def add(self, made: dict[str, Any]) -> None:
        """Have an object."""
        metadata = made["metadata"]
        self.objects[made["kind"], metadata["namespace"], metadata["name"]] = made

    def get(self, kind: Kind, name: str, *, namespace: str = "") -> Object | None:
        if self.troubles and kind == SECRET:
            raise self.troubles.pop(0)
        return self.objects.get((kind.kind, namespace, name))

    def list(self, kind: Kind, *, namespace: str, labels: Mapping[str, str]) -> tuple[Object, ...]:
        return tuple(
            found
            for (sort, place, _), found in self.objects.items()
            if (sort, place) == (kind.kind, namespace)
            and labels.items() <= found["metadata"].get("labels", {}).items()
        )

    def log(self, pod: Object, container: str, *, previous: bool, most: int) -> bytes:
        if (container, previous) not in self.logs:
            raise PlatformError(f"the container {container} is waiting to start")
        return self.logs[container, previous][-most:]

    def create(self, item: Object) -> Object:
        self.add(dict(item))
        return item

    def apply(self, item: Object, *, over: Object | None) -> Object:
        if self.conflicts:
            self.conflicts -= 1
            raise ConflictError("the object was written meanwhile")
        return self.create(item)

    @property
    def archives(self) -> Mapping[str, bytes]:
        """What is kept, by name."""
        data = self.objects["Secret", SPACE, KEPT]["data"]
        return {name: base64.b64decode(text) for name, text in data.items()}


def item(kind: str, namespace: str, name: str) -> dict[str, Any]:
    """An object."""
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}}


def secret(name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """A secret in the namespace of the product."""
    data = {key: base64.b64encode(text.encode()).decode() for key, text in values.items()}
    return {**item("Secret", SPACE, name), "data": data}


def pod() -> dict[str, Any]:
    """A pod whose node has ended once."""
    environment = [{"name": "MAIL_PASSWORD", "value": LITERAL}, {"name": "LANG", "value": "C"}]
    ended = {"name": "jira", "lastState": {"terminated": {"exitCode": 137}}}
    made = item("Pod", SPACE, "jira-1")
    made["metadata"]["managedFields"] = [{"manager": "somebody"}]
    spec = {"containers": [{"name": "jira", "env": environment}, {"name": "sidecar"}]}
    return {**made, "spec": spec, "status": {"containerStatuses": [ended, {"name": "sidecar"}]}}


def event(name: str, about: str, message: str) -> dict[str, Any]:
    """Something that happened to a pod."""
    return {**item("Event", SPACE, name), "involvedObject": {"name": about}, "message": message}


def gatherings(cluster: Cluster, clock: SetClock) -> Gatherings:
    """What gathers."""
    return Gatherings(cluster, KubernetesRecords(cluster, OWN, "acme"), clock)


def contents(archive: bytes) -> dict[str, str]:
    """What is in an archive, by its name below the top folder."""
    inside = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for member in opened.getmembers():
            content = opened.extractfile(member)
            assert content is not None
            inside[member.name.partition("/")[2]] = content.read().decode()
    return inside


def test_it_tells_what_the_cluster_knows_and_no_secret() -> None:
    component, clock = part(), SetClock()
    cluster = Cluster(component)
    passwords = [value(name) for name in component.evidence.hidden]
    assert len(passwords) > 2
    text = "\n".join(["the user admin logged in", LITERAL, *passwords])
    cluster.logs = {("jira", False): text.encode(), ("jira", True): b"OutOfMemoryError\n"}
    journal = KubernetesJournal(cluster, OWN, "acme")
    journal.append(Entry(0, 1.0, "jira", "outcome", "drain jira-1", f"failed: {passwords[0]}", "jira-1"))

    said = gatherings(cluster, clock).gather(component, "jira-1")
    assert "acme-jira-evidence of acme-jira" in said
    assert "`telamon support jira-1 --context NAME`" in said
    found = kept(cluster.objects["Secret", SPACE, KEPT], "jira-1")
    assert found is not None
    inside = contents(found[1])
    documents = {
        "events.jsonl",
        "journal.jsonl",
        "manifest.json",
        "pod.json",
        "statefulset.json",
        "status.json",
    }
    assert set(inside) == documents | {"log/jira.log", "log/jira.previous.log"}
    whole = "\n".join(inside.values())
    for hidden in (LITERAL, value("unknown"), *passwords):
        assert hidden not in whole
        assert base64.b64encode(hidden.encode()).decode() not in whole
    assert "the user admin logged in" in inside["log/jira.log"]
    assert "OutOfMemoryError" in inside["log/jira.previous.log"]
    assert "drain jira-1" in inside["journal.jsonl"]
    assert "Back-off" in inside["events.jsonl"]
    assert "somebody else's" not in whole
    assert "two serve" in inside["status.json"]
    assert "wiki" not in inside["status.json"], "others administer that"
    assert {"name": "LANG", "value": "C"} in json.loads(inside["pod.json"])["spec"]["containers"][0]["env"]
    assert "managedFields" not in whole
    told = told_by(found[1])
    assert set(told.files) == set(inside)
    assert told.redacted > len(passwords)
    assert told.left_out == ("log/sidecar.log: the container sidecar is waiting to start",)


def test_where_a_secret_may_not_be_read_nothing_is_gathered() -> None:
    component, clock = part(), SetClock()
    cluster = Cluster(component)
    cluster.troubles = [DeniedError("the cluster refuses: may not get secrets")]
    with pytest.raises(DeniedError, match="may not get secrets"):
        gatherings(cluster, clock).gather(component, "jira-1")
    assert ("Secret", SPACE, KEPT) not in cluster.objects


def test_of_a_member_without_a_pod_the_rest_is_told() -> None:
    component = part()
    cluster = Cluster(component)
    del cluster.objects["Pod", SPACE, "jira-1"]
    gatherings(cluster, SetClock()).gather(component, "jira-1")
    (archive,) = cluster.archives.values()
    told = told_by(archive)
    assert told.left_out == ("pod.json: there is no such pod",)
    assert {"events.jsonl", "status.json"} <= set(told.files)


def test_a_log_is_cut_at_its_beginning_until_it_fits() -> None:
    component, clock = part(), SetClock()
    cluster = Cluster(component)
    noise = [hashlib.sha512(str(number).encode()).hexdigest() for number in range(10_000)]
    cluster.logs = {("jira", False): "\n".join([*noise, "the last line"]).encode()}
    gatherings(cluster, clock).gather(component, "jira-1")
    (archive,) = cluster.archives.values()
    inside = contents(archive)
    log = inside["log/jira.log"].splitlines()
    assert json.loads(inside["manifest.json"])["bytesOfEachLog"] < LOG_BYTES
    assert len(archive) <= ARCHIVE_BYTES
    assert log[-1] == "the last line"
    assert log[0] in noise, "it begins with a whole line"


def test_the_latest_of_each_member_is_kept_and_of_all_what_fits() -> None:
    component, clock = part(), SetClock()
    cluster = Cluster(component)
    gathering = gatherings(cluster, clock)
    large = base64.b64encode(bytes(KEPT_BYTES // 2 - ARCHIVE_BYTES // 8)).decode()
    others = ("jira-7.20200101T000000Z.tar.gz", "jira-8.20210101T000000Z.tar.gz")
    earlier = "jira-1.20190101T000000Z.tar.gz"
    cluster.add({**item("Secret", SPACE, KEPT), "data": {**dict.fromkeys(others, large), earlier: large}})
    cluster.logs = {("jira", False): b"a line\n" * 10}
    gathering.gather(component, "jira-1")
    names = sorted(cluster.archives)
    assert names[1:] == list(others), "there is room for both"
    assert names[0].startswith("jira-1.")
    assert names[0] != earlier

    larger = base64.b64encode(bytes(KEPT_BYTES - 50_000)).decode()
    cluster.objects["Secret", SPACE, KEPT]["data"][others[1]] = larger
    gathering.gather(component, "jira-1")
    assert others[0] not in cluster.archives, "the eldest goes first"
    assert others[1] in cluster.archives
    assert sum(map(len, cluster.archives.values())) <= KEPT_BYTES
    assert kept(cluster.objects["Secret", SPACE, KEPT], "jira-2") is None
    assert kept(None, "jira-1") is None


def test_it_goes_on_beside_the_lanes_and_is_tried_again() -> None:
    component, clock = part(), SetClock()
    cluster = Cluster(component)
    cluster.troubles = [TemporaryError("the API server does not answer", delay=1.0)]
    cluster.conflicts = 1
    records = KubernetesRecords(cluster, OWN, "acme")
    gathering = Gatherings(cluster, records, clock)
    gathering.begin(component, "jira-1", job="aside/evidence")

    def ended() -> bool:
        jobs = {**records.jobs("jira"), **gathering.jobs("jira")}
        return jobs["aside/evidence"].phase is not JobPhase.RUNNING

    eventually(ended, "the end of gathering")
    job = records.jobs("jira")["aside/evidence"]
    assert job.phase is JobPhase.SUCCEEDED, job
    assert KEPT in job.result
    stamp = next(iter(cluster.archives)).split(".")[1]
    assert datetime.strptime(stamp, "%Y%m%dT%H%M%S%z").timestamp() <= clock.now()


def test_a_damaged_archive_is_told_from_a_whole_one() -> None:
    component = part()
    cluster = Cluster(component)
    gatherings(cluster, SetClock()).gather(component, "jira-1")
    (archive,) = cluster.archives.values()
    for damaged in (b"", b"no archive", archive[: len(archive) // 2]):
        with pytest.raises(PlatformError, match="damaged"):
            told_by(damaged)


def test_a_word_of_a_whole_log_holds_nobody_up() -> None:
    redactor = Redactor({})
    word = "a" * 400_000
    assert redactor.text(f"{word}.password=abc {word}") == f"{word}.password=[redacted] {word}"


class KubeApi(BaseHTTPRequestHandler):
    """An API server that hands out one log."""

    asked: list[str]

    def do_GET(self) -> None:
        """Answer for one container."""
        type(self).asked.append(self.path)
        known = "container=jira" in self.path
        body = b"first\nsecond\nthird\n" if known else json.dumps({"message": "no such container"}).encode()
        self.send_response(200 if known else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_the_end_of_a_log_is_asked_for_by_container(tmp_path: Path) -> None:
    paths: list[str] = []

    class Handler(KubeApi):
        asked = paths

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    cluster = {"cluster": {"server": f"http://127.0.0.1:{server.server_port}"}, "name": "c"}
    user = {"name": "u", "user": {"token": "t"}}
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [user],
        "contexts": [context],
        "current-context": "x",
    }
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(document), encoding="utf-8")
    api = Api(file)
    try:
        assert api.log({**item("Pod", SPACE, "jira-1")}, "jira", previous=True, most=9) == b"nd\nthird\n"
        with pytest.raises(PlatformError, match="no such container"):
            api.log(item("Pod", SPACE, "jira-1"), "other", previous=False, most=9)
    finally:
        api.close()
        server.shutdown()
        server.server_close()
    assert paths[0].startswith(f"{POD.path(SPACE, 'jira-1')}/log?")
    assert {"previous=true", "tailLines=20000"} <= set(paths[0].partition("?")[2].split("&"))
