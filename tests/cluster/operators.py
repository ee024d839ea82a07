"""Operators of a cluster: processes of this machine that log in as the pods of the operator do."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from telamon.desired.kubernetes.components import components
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.fencing import fence
from telamon.desired.kubernetes.installation import installation
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.site import OPERATOR, OPERATOR_NAMESPACE
from telamon.desired.kubernetes.wanted import wanted_secrets
from telamon.errors import TelamonError
from telamon.model.stack import Stack
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.store import OPERATION, STACK
from telamon.products.registry import registry
from telamon.stackfile.crds import custom_resources
from testbed.control_plane import ControlPlane
from tests.cluster.harness import OPERATOR as ACCOUNT
from tests.cluster.harness import stack
from tests.cluster.support import until
from tests.support.manifests import site_of

IMAGE: Final = "registry.acme.example/telamon@sha256:" + "0" * 64
VALUES: Final = {"email": "somebody@example.com"}
"""Values of secrets, by key, that must be of a form."""
NAMESPACE: Final = Kind("v1", "Namespace")
DEPLOYMENT: Final = Kind("apps/v1", "Deployment")
POD: Final = Kind("v1", "Pod")
EVENT: Final = Kind("events.k8s.io/v1", "Event")


@dataclass
class Process:
    """An operator that runs."""

    running: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """End it at once."""
        self.running.kill()
        self.running.wait()

    def freeze(self) -> None:
        """Stop it where it is."""
        self.running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.running.send_signal(signal.SIGCONT)

    def told(self) -> str:
        """What it tells Prometheus."""
        lines = (json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines())
        found = (re.search(r"metrics are at (\S+),", str(line["message"])) for line in lines)
        place = next(match for match in found if match)
        with urllib.request.urlopen(f"http://{place[1]}/metrics", timeout=30) as answer:
            return str(answer.read().decode())

    def end(self) -> int:
        """Ask it to end, as a kubelet does; returns its exit code."""
        self.running.terminate()
        return self.running.wait(timeout=60)


@dataclass
class Installed:
    """A cluster on which the operator is installed, but for the processes."""

    plane: ControlPlane
    api: Api
    folder: Path
    processes: list[Process] = field(default_factory=list)

    def kubeconfig(self, pod: str, *, server: str = "") -> Path:
        """By which a pod of the operator logs in; the pod is made, and is never run.

        Args:
            pod: its name.
            server: URL of something before the API server.
        """
        if self.api.get(POD, pod, namespace=OPERATOR_NAMESPACE) is None:
            self.api.create(_pod(pod))
        bound = {"apiVersion": "v1", "kind": "Pod", "name": pod}
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600, "boundObjectRef": bound},
        }
        path = f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/serviceaccounts/{OPERATOR}/token"
        token = self.api._ask("POST", path, body=request)["status"]["token"]
        document = json.loads(self.plane.kubeconfig().read_text(encoding="utf-8"))
        document["users"][0]["user"] = {"token": token}
        if server:
            document["clusters"][0]["cluster"] = {"server": server}
        found = self.folder / f"{pod}{'-through' if server else ''}.kubeconfig"
        found.write_text(json.dumps(document), encoding="utf-8")
        return found

    def start(
        self,
        pod: str = "operator-a",
        *,
        server: str = "",
        admission: str = "127.0.0.1:0",
        release: Path | None = None,
    ) -> Process:
        """Start an operator as a pod of that name.

        Args:
            pod: its name.
            server: URL of something before the API server.
            admission: where it answers for admission.
            release: folder with the package of another Telamon; ``None`` for this one.
        """
        kubeconfig = self.kubeconfig(pod, server=server)
        log = self.folder / f"{pod}.log"
        command = (
            sys.executable,
            "-m",
            "telamon.operator",
            "--kubernetes",
            "--listen",
            "127.0.0.1:0",
            "--admission",
            admission,
            "--image",
            IMAGE,
        )
        with log.open("ab") as output:
            running = subprocess.Popen(
                (*command, "--kubeconfig", str(kubeconfig)),
                stdout=output,
                stderr=output,
                env={"PATH": os.environ["PATH"]},
                # The folder in which a module is started is where Python looks first.
                cwd=release,
            )
        process = Process(running, log)
        self.processes.append(process)
        return process

    def prepare(self, name: str, *, nodes: int = 2) -> None:
        """Apply what whoever installs a stack applies, and what the operator's rights do not reach."""
        self.prepare_for(stack(name, nodes=nodes))

    def prepare_for(self, wanted: Stack) -> None:
        """The same for any stack, with the secrets that somebody brings."""
        prepare(self.api, wanted)

    def ask_for(self, name: str, *, nodes: int = 2) -> Object:
        """Write the Stack, as kubectl would."""
        return self.write(stack(name, nodes=nodes))

    def write(self, wanted: Stack) -> Object:
        """The same for any stack."""
        return self.api.apply(document_of(wanted), over=None)

    def stack(self, name: str) -> Mapping[str, Any]:
        """The Stack as it is."""
        return self.api.get(STACK, name, namespace=OPERATOR_NAMESPACE) or {}

    def condition(self, name: str, type_: str) -> Mapping[str, Any]:
        """A condition of a Stack."""
        found = self.stack(name).get("status", {}).get("conditions", ())
        return next((each for each in found if each["type"] == type_), {})

    def until_ready(self, name: str, *, within: float = 80.0) -> None:
        """Wait until a Stack is as it is desired, in its generation."""

        def is_so() -> bool:
            ready = self.condition(name, "Ready")
            current = ready.get("observedGeneration") == self.stack(name).get("metadata", {}).get(
                "generation"
            )
            return ready.get("status") == "True" and current

        try:
            until(is_so, within=within)
        except AssertionError as error:
            words = "\n".join(process.log.read_text(encoding="utf-8")[-3000:] for process in self.processes)
            raise AssertionError(f"{error}: {self.stack(name).get('status')}\n{words}") from error

    def operation(
        self, stack_name: str, name: str, *, component: str = "tiny", member: str = "", **spec: Any
    ) -> Object:
        """Ask for an operation on a component."""
        target = {"stack": stack_name, "component": component} | ({"member": member} if member else {})
        document = {
            "apiVersion": OPERATION.version,
            "kind": OPERATION.kind,
            "metadata": {"name": name, "namespace": f"{stack_name}-{component}"},
            "spec": {
                "target": target,
                "generation": self.stack(stack_name)["metadata"]["generation"],
                **spec,
            },
        }
        return self.api.apply(document, over=None)

    def phase(self, stack_name: str, name: str, *, component: str = "tiny") -> str:
        """Where an operation stands."""
        found = self.api.get(OPERATION, name, namespace=f"{stack_name}-{component}") or {}
        return str(found.get("status", {}).get("phase", ""))


def prepare(api: Api, wanted: Stack) -> None:
    """Apply what the operator's rights do not reach of a stack, and the secrets that somebody brings."""
    known = site_of(wanted)
    rendered = bundles(known)
    parts = components(known, rendered)
    operated = {id(item) for part in parts for item in (*part.objects, *part.preparing)}
    for bundle in rendered:
        for item in bundle.objects:
            if id(item) not in operated:
                api.apply(item, over=None)
    for wish in wanted_secrets(known, rendered):
        values = {key: VALUES.get(key, f"{wish.name}-{key}") for key in wish.keys}
        metadata = {"name": wish.name, "namespace": wish.namespace}
        item = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}
        api.apply(item, over=None)


def document_of(wanted: Stack) -> Object:
    """A stack as the custom resource that somebody applies."""
    document = wanted.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    document["metadata"] |= {"namespace": OPERATOR_NAMESPACE}
    return document


@contextmanager
def installed(plane: ControlPlane, api: Api, folder: Path) -> Iterator[Installed]:
    """Install everything but the processes; at the end every process is gone, and no other test is fenced."""
    until(lambda: api.get(NAMESPACE, "default"))
    for item in custom_resources(registry()):
        api.apply(item, over=None)
    until(lambda: _listed(api))
    objects = [item for item in installation(IMAGE) if item["kind"] != "Deployment"]
    for item in objects:
        api.apply(item, over=None)
    made = Installed(plane, api, folder)
    try:
        yield made
    finally:
        for process in made.processes:
            if process.running.poll() is None:
                process.thaw()
                process.kill()
        disarm(plane, api)


@contextmanager
def installable(plane: ControlPlane, api: Api, folder: Path) -> Iterator[Installed]:
    """The same for who installs the operator himself: its deployment, which runs nothing here, is taken away again."""
    with installed(plane, api, folder) as made:
        yield made
        found = api.get(DEPLOYMENT, OPERATOR, namespace=OPERATOR_NAMESPACE)
        if found is not None:
            api.delete(found)


def disarm(plane: ControlPlane, api: Api) -> None:
    """Leave the fence where it is, and let it concern nobody: an API server would not follow one that comes back.

    The API server takes a change of it up a moment later: this waits until it has.
    """
    for item in fence():
        if item["kind"] == "ValidatingAdmissionPolicy":
            nobody = [{"name": "nobody", "expression": "false"}]
            api.apply({**item, "spec": {**item["spec"], "matchConditions": nobody}}, over=None)
    operator = Api(plane.kubeconfig(ACCOUNT, groups=("system:masters",)))
    try:
        until(lambda: _is_let(operator))
    finally:
        operator.close()


def _is_let(operator: Api) -> bool:
    """Whether one who has every right and the operator's name may write without the lease."""
    metadata = {"name": "disarmed", "namespace": OPERATOR_NAMESPACE}
    try:
        operator.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}, over=None)
    except TelamonError:
        return False
    return True


def _listed(api: Api) -> bool:
    try:
        return all(api.list(kind, namespace="default", labels={}) is not None for kind in (STACK, OPERATION))
    except Exception:  # noqa: BLE001 - until it is there, any refusal means: not yet.
        return False


def _pod(name: str) -> Object:
    """A pod that nobody runs, for a token to be bound to."""
    context = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {"name": "operator", "image": IMAGE, "securityContext": context}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": OPERATOR_NAMESPACE},
        "spec": {
            "serviceAccountName": OPERATOR,
            "schedulingGates": [{"name": "telamon.dev/never"}],
            "containers": [container],
        },
    }
