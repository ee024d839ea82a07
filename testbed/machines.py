"""Nodes without containers: the program of a pod is a process of this machine, on the pod's own address.

It does what a kubelet does as far as the API server can tell: pods are bound and given an address, their command runs
with their environment, their readiness probe is asked, what ends is reported and started again after a while, and what
is deleted is asked to end, and killed when its grace is over. A volume that brings the token of the pod's account is
filled, and a program finds the folder in ``UNDERSTUDY_ACCOUNT``. Images, resources and users are not there: a program
must be on this machine, as the command of its container or as what stands in for its image. A volume is a folder,
whose path takes the place of the one that it is mounted at in the variables of the program. A pod that is to end by
itself (of a Job) is run to its end where all that it mounts are folders, and else is said to have ended well: files of
the cluster are not there. It finds itself a user that is not root, and what it wrote last is told where it failed. What
is to be done before a program starts is done where it mounts nothing but claims, and else counts as done: it would need
what its image holds. Where it fails, the program waits as after an end of its own.

Sources: Kubernetes, "Pod Lifecycle" (states of containers, grace, probes), "Define Environment Variables"
(``$(VAR)``, ``fieldRef``, ``secretKeyRef``).
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

from testbed.client import Client, RefusedError
from testbed.network import PODS

Pod = Mapping[str, Any]
NODES: Final = ("machine-0", "machine-1")
LOOKS_EVERY: Final = 0.05
PRECEDES_WITHIN: Final = 60.0
"""Seconds for what comes before a program."""
STARTS_AGAIN_AFTER: Final = 1.0
"""Seconds for which a container that has ended waits: a kubelet's back-off, at its shortest."""
_AS_SOMEBODY: Final = ("unshare", "--user", "--map-user=1", "--map-group=1")
"""A program that is begun so finds itself a user that every machine knows and that is not root; files take it for who
began it. Source: util-linux, unshare(1)."""
_MESSAGE: Final = "/dev/termination-log"
"""Where a container leaves what is told of its end. Source: Kubernetes, "Determine the Reason for Pod Failure"."""
_REFERENCE: Final = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


def _tried_again() -> contextlib.AbstractContextManager[None]:
    """A request that is refused or not answered now is made again: every look starts from what is there."""
    return contextlib.suppress(RefusedError, OSError, http.client.HTTPException)


@dataclass
class _Running:
    pod: Pod
    node: str
    address: str
    since: str
    process: subprocess.Popen[bytes] | None = None
    started: str = ""
    ended: dict[str, Any] | None = None
    again_at: float = 0.0
    kill_at: float | None = None
    restarts: int = 0
    told: dict[str, Any] = field(default_factory=dict)


class Machines:
    """All nodes of a cluster, looked after by one thread.

    Args:
        client: of the API server, with every right.
        logs: folder of the programs' output, and of volumes.
        programs: commands of images, by name without registry and tag. They find the tag in ``UNDERSTUDY_VERSION``, and
            the pod's address in ``UNDERSTUDY_BIND``.
    """

    def __init__(self, client: Client, logs: Path, programs: Mapping[str, Sequence[str]]) -> None:
        self._client = client
        self._logs = logs
        self._programs = programs
        self._running: dict[str, _Running] = {}
        self._addresses = itertools.count(1)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="machines", daemon=True)
        for node in NODES:
            self._client.ask("POST", "/api/v1/nodes", body={"metadata": {"name": node}})
            # The version is the one that the API server takes for its own: kubelets of another one are not played.
            version = str(self._client.ask("GET", "/version")["gitVersion"])
            told = {"conditions": [_condition("Ready", so=True, since=_now())]}
            body = {"status": {**told, "nodeInfo": {"kubeletVersion": version}}}
            path = f"/api/v1/nodes/{node}/status"
            self._client.ask("PATCH", path, body=body, form="application/merge-patch+json")
        self._thread.start()

    def pid(self, namespace: str, name: str) -> int:
        """Process id of a pod's program; 0 where it does not run."""
        for each in list(self._running.values()):
            metadata = each.pod["metadata"]
            if (metadata["namespace"], metadata["name"]) == (namespace, name) and each.process is not None:
                return each.process.pid
        return 0

    def close(self) -> None:
        """End every program at once."""
        self._closing.set()
        self._thread.join()
        for each in self._running.values():
            if each.process is not None:
                each.process.kill()
                each.process.wait()
        self._client.close()

    def _work(self) -> None:
        while not self._closing.wait(LOOKS_EVERY):
            with _tried_again():
                pods = self._client.ask("GET", "/api/v1/pods").get("items") or []
                for pod in pods:
                    # One that lacks its secret or its program keeps nobody else waiting.
                    with _tried_again():
                        self._keep(pod)
                self._reap({str(pod["metadata"]["uid"]) for pod in pods})

    def _keep(self, pod: Pod) -> None:
        uid, spec = str(pod["metadata"]["uid"]), pod["spec"]
        if spec.get("schedulingGates"):
            return
        if "nodeName" not in spec:
            self._bind(pod)
            return
        if spec.get("restartPolicy", "Always") != "Always":
            self._complete(pod)
            return
        known = self._running.get(uid)
        if known is None:
            if "deletionTimestamp" in pod["metadata"]:
                self._gone(pod)
                return
            address = str(ip_address(int(ip_network(PODS).network_address) + 256 + next(self._addresses)))
            known = self._running[uid] = _Running(pod, str(spec["nodeName"]), address, _now())
        known.pod = pod
        if "deletionTimestamp" in pod["metadata"]:
            self._end(known)
        else:
            self._run(known)
            self._tell(known)

    def _bind(self, pod: Pod) -> None:
        metadata = pod["metadata"]
        nodes = self._client.ask("GET", "/api/v1/nodes").get("items") or []
        # A machine that takes no new pods stays as it is, as with a scheduler; where none does, the pod waits.
        taking = sorted(
            str(each["metadata"]["name"]) for each in nodes if not each["spec"].get("unschedulable")
        )
        if not taking:
            return
        node = taking[sum(str(metadata["name"]).encode()) % len(taking)]
        target = {"target": {"apiVersion": "v1", "kind": "Node", "name": node}}
        body = {"metadata": {"name": metadata["name"], "uid": metadata["uid"]}, **target}
        self._client.ask("POST", f"{_path(pod)}/binding", body=body)

    def _complete(self, pod: Pod) -> None:
        if pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
            return
        uid, mounted = str(pod["metadata"]["uid"]), pod["spec"].get("volumes", ())
        known = self._running.get(uid)
        if "deletionTimestamp" in pod["metadata"]:
            # Whatever is left of its program ends with it.
            if known is None or known.process is None:
                self._gone(pod)
            else:
                known.pod = pod
                self._end(known)
            return
        if known is None and all(_is_folder(volume) for volume in mounted):
            known = self._running[uid] = _Running(pod, str(pod["spec"]["nodeName"]), "", _now())
            known.process = self._begin(known)
        process = None if known is None else known.process
        code = 0 if process is None else process.poll()
        if code is None:
            return
        code = code if code >= 0 else 128 - code
        terminated = {"exitCode": code, "startedAt": _now(), "finishedAt": _now(), "reason": "Completed"}
        if code and pod["spec"]["containers"][0].get("terminationMessagePolicy") == "FallbackToLogsOnError":
            terminated["message"] = self._log(pod).read_text(encoding="utf-8", errors="replace")[-2048:]
        if (left := self._message(pod)).exists():
            terminated["message"] = left.read_text(encoding="utf-8", errors="replace")[-4096:]
        statuses = [_container(pod, {"terminated": terminated})]
        phase = "Failed" if code else "Succeeded"
        self._patch(pod, {"phase": phase, "startTime": _now(), "containerStatuses": statuses})

    def _run(self, known: _Running) -> None:
        process = known.process
        if process is not None:
            code = process.poll()
            if code is None:
                return
            cause = {"signal": -code, "exitCode": 128 - code} if code < 0 else {"exitCode": code}
            known.ended = {**cause, "startedAt": known.started, "finishedAt": _now(), "reason": "Error"}
            known.process, known.again_at = None, time.monotonic() + STARTS_AGAIN_AFTER
        if time.monotonic() < known.again_at:
            return
        if not all(self._precedes(known, each) for each in known.pod["spec"].get("initContainers", ())):
            known.again_at = time.monotonic() + STARTS_AGAIN_AFTER
            return
        known.process = self._begin(known)
        if known.process is not None:
            known.started = _now()
            known.restarts += known.ended is not None

    def _precedes(self, known: _Running, container: Mapping[str, Any]) -> bool:
        """Do what comes before the program of a pod; whether it came to a good end."""
        volumes = {each["name"]: each for each in known.pod["spec"].get("volumes", ())}
        mounted = [volumes[each["name"]] for each in container.get("volumeMounts", ())]
        if not mounted or not all("persistentVolumeClaim" in volume for volume in mounted):
            return True
        environment = dict(self._environment(known, container))
        command = [_filled(word, environment) for word in container["command"]]
        environment = self._mounted(known, container, environment)
        with self._log(known.pod).open("ab") as log:
            try:
                done = subprocess.run(
                    command,
                    env={"PATH": os.environ["PATH"], **environment},
                    stdout=log,
                    stderr=log,
                    timeout=PRECEDES_WITHIN,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return False
        return done.returncode == 0

    def _begin(self, known: _Running) -> subprocess.Popen[bytes] | None:
        """Start the program of a pod; ``None`` where it is the image's own, and there are no images here."""
        container = known.pod["spec"]["containers"][0]
        environment = dict(self._environment(known, container))
        command = [_filled(word, environment) for word in container.get("command", ())]
        if not command:
            image, _, tag = str(container["image"]).partition("@")[0].partition("/")[2].rpartition(":")
            command = list(self._programs.get(image, ()))
            environment |= {"UNDERSTUDY_VERSION": tag, "UNDERSTUDY_BIND": known.address}
        if not command:
            return None
        environment = self._mounted(known, container, environment)
        if command[0] == "python":
            command[0] = sys.executable
        if known.pod["spec"].get("restartPolicy") == "Never":
            command = [*_AS_SOMEBODY, *command]
        with self._log(known.pod).open("ab") as log:
            return subprocess.Popen(
                command,
                env={"PATH": os.environ["PATH"], **environment},
                stdout=log,
                stderr=log,
                # Nothing that runs in a pod has a terminal to ask for a password.
                start_new_session=True,
            )

    def _message(self, pod: Pod) -> Path:
        return self._logs / f"{pod['metadata']['name']}.message"

    def _log(self, pod: Pod) -> Path:
        return self._logs / f"{pod['metadata']['name']}.log"

    def _mounted(
        self, known: _Running, container: Mapping[str, Any], environment: Mapping[str, str]
    ) -> dict[str, str]:
        """Variables with the folders of volumes in the place of where they are mounted."""
        metadata = known.pod["metadata"]
        volumes = {each["name"]: each for each in known.pod["spec"].get("volumes", ())}
        found = dict(environment)
        folders: dict[str, Path] = {_MESSAGE: self._message(known.pod)}
        for mount in container.get("volumeMounts", ()):
            volume = volumes[mount["name"]]
            if "configMap" in volume or "subPath" in mount:
                continue
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            own = f"{metadata['namespace']}-{claim or metadata['name'] + '-' + mount['name']}"
            folder = self._logs / "volumes" / own
            folder.mkdir(parents=True, exist_ok=True)
            path = str(mount["mountPath"])
            folders[path] = folder
            if "projected" in volume:
                self._bring_token(known.pod, folder)
                found["UNDERSTUDY_ACCOUNT"] = path
        return {name: _placed(value, folders) for name, value in found.items()}

    def _bring_token(self, pod: Pod, folder: Path) -> None:
        """Put into a folder by what a program speaks to the API server as its account."""
        metadata, account = pod["metadata"], pod["spec"]["serviceAccountName"]
        namespace = f"/api/v1/namespaces/{metadata['namespace']}"
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3607, "boundObjectRef": bound},
        }
        given = self._client.ask("POST", f"{namespace}/serviceaccounts/{account}/token", body=body)
        root = self._client.ask("GET", f"{namespace}/configmaps/kube-root-ca.crt")
        (folder / "token").write_text(given["status"]["token"], encoding="ascii")
        (folder / "ca.crt").write_text(root["data"]["ca.crt"], encoding="ascii")

    def _environment(self, known: _Running, container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        made: dict[str, str] = dict(self._client.known_as)
        yield from made.items()
        for entry in container.get("env", ()):
            name = str(entry["name"])
            made[name] = self._value(known, entry, made)
            yield name, made[name]

    def _value(self, known: _Running, entry: Mapping[str, Any], made: Mapping[str, str], /) -> str:
        source = entry.get("valueFrom", {})
        if "fieldRef" in source:
            metadata = known.pod["metadata"]
            fields = {
                "metadata.name": metadata["name"],
                "metadata.namespace": metadata["namespace"],
                "status.podIP": known.address,
                "spec.nodeName": known.node,
                **{f"metadata.labels['{name}']": value for name, value in metadata["labels"].items()},
            }
            return str(fields[source["fieldRef"]["fieldPath"]])
        if "secretKeyRef" in source:
            reference = source["secretKeyRef"]
            where = f"/api/v1/namespaces/{known.pod['metadata']['namespace']}/secrets/{reference['name']}"
            return base64.b64decode(self._client.ask("GET", where)["data"][reference["key"]]).decode()
        return _filled(str(entry.get("value", "")), made)

    def _tell(self, known: _Running) -> None:
        """Write the status, where it has changed."""
        ready = known.process is not None and _answers(known)
        if known.process is not None:
            state: dict[str, Any] = {"running": {"startedAt": known.started}}
        else:
            state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting the program"}}
        status = _container(known.pod, state) | {
            "ready": ready,
            "started": known.process is not None,
            "restartCount": known.restarts,
            "lastState": {"terminated": known.ended} if known.ended else {},
        }
        if known.process is not None:
            status["containerID"] = f"process://{known.process.pid}-{known.restarts}"
        told = {
            "phase": "Running",
            "podIP": known.address,
            "podIPs": [{"ip": known.address}],
            "startTime": known.since,
            "conditions": [
                _condition("PodScheduled", so=True, since=known.since),
                _condition("Initialized", so=True, since=known.since),
                _condition("ContainersReady", so=ready, since=known.since),
                _condition("Ready", so=ready, since=known.since),
            ],
            "containerStatuses": [status],
        }
        if told != known.told:
            self._patch(known.pod, told)
            known.told = told

    def _end(self, known: _Running) -> None:
        """Ask the program of a deleted pod to end, kill it when its grace is over, and then let the pod go."""
        process = known.process
        if process is not None and process.poll() is None:
            grace = float(known.pod["metadata"].get("deletionGracePeriodSeconds") or 0)
            if known.kill_at is None:
                process.send_signal(signal.SIGTERM)
            known.kill_at = min(known.kill_at or float("inf"), time.monotonic() + grace)
            if time.monotonic() >= known.kill_at:
                process.kill()
            return
        self._gone(known.pod)

    def _gone(self, pod: Pod) -> None:
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        self._client.ask("DELETE", _path(pod), body=options)

    def _reap(self, uids: set[str]) -> None:
        for uid in [uid for uid in self._running if uid not in uids]:
            process = self._running.pop(uid).process
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    def _patch(self, pod: Pod, status: Mapping[str, Any]) -> None:
        body = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": dict(status)}
        self._client.ask("PATCH", f"{_path(pod)}/status", body=body, form="application/merge-patch+json")


def _is_folder(volume: Mapping[str, Any]) -> bool:
    return "persistentVolumeClaim" in volume or "emptyDir" in volume


def _placed(value: str, folders: Mapping[str, Path]) -> str:
    """A path within a volume as it is on this machine: a folder in the place of the innermost that was mounted."""
    within = [path for path in folders if value == path or value.startswith(f"{path}/")]
    innermost = max(within, key=len, default="")
    return f"{folders[innermost]}{value.removeprefix(innermost)}" if innermost else value


def _path(pod: Pod) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _container(pod: Pod, state: Mapping[str, Any]) -> dict[str, Any]:
    container = pod["spec"]["containers"][0]
    name, image = str(container["name"]), str(container["image"])
    return {"name": name, "image": image, "imageID": "", "ready": False, "restartCount": 0, "state": state}


def _condition(name: str, *, so: bool, since: str) -> dict[str, Any]:
    return {"type": name, "status": "True" if so else "False", "lastTransitionTime": since}


def _answers(known: _Running) -> bool:
    """Whether the readiness probe of a pod succeeds now."""
    container = known.pod["spec"]["containers"][0]
    probe = container.get("readinessProbe", {})
    asked = probe.get("httpGet") or probe.get("tcpSocket") or {}
    ports = {port.get("name"): port["containerPort"] for port in container.get("ports", ())}
    port = ports.get(asked.get("port"), asked.get("port"))
    try:
        if "httpGet" not in probe:
            with socket.create_connection((known.address, port), timeout=0.2):
                return True
        connection = http.client.HTTPConnection(known.address, port, timeout=0.2)
        try:
            connection.request("GET", asked.get("path", "/"))
            return 200 <= connection.getresponse().status < 400
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return False


def _filled(text: str, known: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda match: known.get(match[1], match[0]), text)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
