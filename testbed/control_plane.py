"""A control plane: etcd, the API server and the controller manager, in a folder of its own.

Steps of a start: certificates; etcd on a unix socket, so that nobody else can reach it; the API server on a port that
was found free, tried again on another one where somebody was quicker; the controller manager once that is ready.

Sources: the options of ``kube-apiserver``, ``kube-controller-manager`` and ``etcd`` in their references.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from testbed.certificates import Authority, Pair, write_service_key
from testbed.parts import Cache
from testbed.processes import Children

HOST: Final = "127.0.0.1"
ANYWHERE: Final = "0.0.0.0"  # noqa: S104 - it listens in a network namespace of its own.
ETCD: Final = "clients:1"
"""Name of the socket on which etcd answers."""
SERVICES: Final = "10.96.0.0/16"
"""Range of the addresses of services; the first of it is the API server's own."""
FIRST_SERVICE: Final = "10.96.0.1"
READY_WITHIN: Final = 60.0
"""Seconds; on a machine with nothing else to do it is five."""
TRIES: Final = 4
"""Ports that are tried."""
AUDITED: Final = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection"]}],
}
"""What the API server writes down: every write, by whom and what came of it."""


class NotStartedError(Exception):
    """The control plane did not come up; the message says which program said what."""


@dataclass(frozen=True)
class Shape:
    """What a control plane is for.

    Attributes:
        address: on which nodes and pods reach the API server; "" where there are none, and it answers on loopback.
        port: of it; 0 for one that is found free.
        also: further addresses by which clients reach it.
    """

    address: str = ""
    port: int = 0
    also: tuple[str, ...] = ()

    @property
    def kubelets(self) -> bool:
        """Whether real kubelets run the pods, and what looks after them is needed as well."""
        return bool(self.address)


@dataclass(frozen=True)
class Write:
    """One write that the API server was asked for.

    Attributes:
        user: who asked.
        verb: ``create``, ``update``, ``patch`` or ``delete``.
        resource: plural, with the subresource after a slash.
        name: of the object.
        code: HTTP status of the answer.
    """

    user: str
    verb: str
    resource: str
    name: str
    code: int


@dataclass(frozen=True)
class ControlPlane:
    """A control plane that runs.

    Attributes:
        folder: of its files.
        server: URL of the API server.
        authority: that has signed its certificates.
        children: its programs.
    """

    folder: Path
    server: str
    authority: Authority
    children: Children

    def kubeconfig(self, user: str = "admin", *, groups: Sequence[str] = ("system:masters",)) -> Path:
        """A kubeconfig for a user of that name.

        Args:
            user: its name; the API server's audit log knows it by that.
            groups: that it is in.
        """
        path = self.folder / f"{'-'.join((user, *groups)).replace(':', '-')}.kubeconfig"
        if not path.exists():
            client = self.authority.client(user, groups=groups)
            write_kubeconfig(path, self.server, authority=self.authority.certificate, client=client)
        return path

    def writes(self, user: str) -> tuple[Write, ...]:
        """Every write that a user has asked for so far, oldest first."""
        log = self.folder / "audit.log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else ()
        entries = [json.loads(line) for line in lines]
        return tuple(_write(entry) for entry in entries if entry["user"]["username"] == user)


def write_kubeconfig(path: Path, server: str, *, authority: Path, client: Pair) -> None:
    """Write a kubeconfig; JSON is YAML.

    Args:
        path: of the file.
        server: URL of the API server.
        authority: its certificate authority.
        client: certificate and key of the user.
    """
    cluster = {"server": server, "certificate-authority": str(authority)}
    user = {"client-certificate": str(client.certificate), "client-key": str(client.key)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "testbed", "cluster": cluster}],
        "users": [{"name": "testbed", "user": user}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": "testbed"}}],
        "current-context": "testbed",
    }
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")


@contextmanager
def control_plane(cache: Cache) -> Iterator[ControlPlane]:
    """Start a control plane, and take it away with everything that it kept.

    Args:
        cache: where the programs are.

    Yields:
        It, ready.

    Raises:
        PartMissingError: a program was not built yet.
        NotStartedError: it does not come up.
    """
    # The path of a unix socket has at most 107 bytes, so the folder's own must be short.
    folder = Path(tempfile.mkdtemp(prefix="testbed-"))
    children = Children(folder)
    try:
        yield start(folder, children, cache=cache, shape=Shape())
    finally:
        children.end()
        shutil.rmtree(folder, ignore_errors=True)


def start(folder: Path, children: Children, *, cache: Cache, shape: Shape) -> ControlPlane:
    """Start a control plane whose programs end with ``children``.

    Args:
        folder: for all its files; its path must be short, because that of a unix socket has at most 107 bytes.
        children: that the programs are added to.
        cache: where the programs are.
        shape: what it is for.

    Raises:
        PartMissingError: a program was not built yet.
        NotStartedError: it does not come up.
    """
    managers = ("kube-controller-manager", *(("kube-scheduler",) if shape.kubelets else ()))
    programs = {name: cache.find(name) for name in ("etcd", "kube-apiserver", *managers)}
    authority = Authority(folder)
    addresses = (HOST, FIRST_SERVICE, *((shape.address,) if shape.address else ()), *shape.also)
    names = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
    serving = authority.server("server", addresses=addresses, names=names)
    tokens = write_service_key(folder)
    (folder / "audit.json").write_text(json.dumps(AUDITED), encoding="utf-8")
    children.start("etcd", (programs["etcd"], *_etcd_options(folder)))
    server = _serve(
        folder, children, programs["kube-apiserver"], pairs=(authority, serving, tokens), shape=shape
    )
    plane = ControlPlane(folder, server, authority, children)
    for name in managers:
        kubeconfig = plane.kubeconfig(f"system:{name}", groups=())
        options = {
            "kube-controller-manager": _manager_options(kubeconfig, authority, tokens, shape=shape),
            "kube-scheduler": _scheduler_options(kubeconfig),
        }
        children.start(name, (programs[name], *options[name]))
    return plane


def _etcd_options(folder: Path) -> Iterator[str]:
    # What it calls host and port is the name of the socket, in the folder that it runs in.
    clients, peers = f"unix://{ETCD}", "unix://peers:1"
    yield from ("--data-dir", str(folder / "etcd"), "--name", "testbed")
    yield from ("--listen-client-urls", clients, "--advertise-client-urls", clients)
    yield from ("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers)
    yield from ("--initial-cluster", f"testbed={peers}")
    # What a test has written need not outlive the machine.
    yield from ("--unsafe-no-fsync", "--log-level", "error")


def _serve(
    folder: Path,
    children: Children,
    program: Path,
    *,
    pairs: tuple[Authority, Pair, Pair],
    shape: Shape,
) -> str:
    """Start the API server and wait until it is ready. Returns its URL."""
    authority, serving, tokens = pairs
    trusted = ssl.create_default_context(cafile=str(authority.certificate))
    for number in range(TRIES):
        port = shape.port or _free_port()
        url = f"https://{shape.address or HOST}:{port}"
        name = f"kube-apiserver-{number}"
        options = (
            *_server_options(folder, port, serving=serving, tokens=tokens, authority=authority),
            *_reach(authority, shape),
        )
        children.start(name, (program, *options))
        if _ready(url, children, name, trusted=trusted):
            return url
    raise NotStartedError(f"{TRIES} ports were found free, and each was taken before it could be used")


def _server_options(
    folder: Path, port: int, *, serving: Pair, tokens: Pair, authority: Authority
) -> Iterator[str]:
    yield from ("--etcd-servers", f"unix://{folder}/{ETCD}")
    yield from ("--secure-port", str(port))
    yield from ("--cert-dir", str(folder))
    yield from ("--tls-cert-file", str(serving.certificate), "--tls-private-key-file", str(serving.key))
    yield from ("--client-ca-file", str(authority.certificate), "--authorization-mode", "Node,RBAC")
    yield from ("--service-account-issuer", "https://testbed.invalid")
    yield from ("--service-account-key-file", str(tokens.certificate))
    yield from ("--service-account-signing-key-file", str(tokens.key))
    yield from ("--service-cluster-ip-range", SERVICES)
    yield from (
        "--audit-policy-file",
        str(folder / "audit.json"),
        "--audit-log-path",
        str(folder / "audit.log"),
    )
    yield from ("--audit-log-mode", "blocking", "--profiling=false", "-v", "0")


def _reach(authority: Authority, shape: Shape) -> Iterator[str]:
    """Where the API server answers, and how it asks kubelets."""
    if not shape.kubelets:
        yield from ("--bind-address", HOST, "--advertise-address", HOST, "--endpoint-reconciler-type", "none")
        return
    asking = authority.client("kube-apiserver", groups=("system:masters",))
    yield from ("--bind-address", ANYWHERE, "--advertise-address", shape.address)
    yield from ("--kubelet-client-certificate", str(asking.certificate))
    yield from ("--kubelet-client-key", str(asking.key))
    # Where it runs nothing stands for services, so it asks one of the pods behind the service of a webhook itself.
    yield "--enable-aggregator-routing=true"
    # Without it, logs and exec look up the names of nodes, which no DNS knows.
    yield from ("--kubelet-preferred-address-types", "InternalIP")


def _scheduler_options(kubeconfig: Path) -> Iterator[str]:
    yield from ("--kubeconfig", str(kubeconfig), "--leader-elect=false", "--secure-port", "0")
    yield from ("--kube-api-qps", "300", "--kube-api-burst", "600", "--profiling=false", "-v", "0")


def _manager_options(kubeconfig: Path, authority: Authority, tokens: Pair, *, shape: Shape) -> Iterator[str]:
    # Without kubelets nobody renews a node's lease, and every node would be taken for lost.
    controllers = "*" if shape.kubelets else "*,-node-lifecycle-controller"
    yield from ("--kubeconfig", str(kubeconfig), "--leader-elect=false", "--secure-port", "0")
    yield from ("--use-service-account-credentials=true", "--controllers", controllers)
    yield from ("--root-ca-file", str(authority.certificate))
    yield from ("--service-account-private-key-file", str(tokens.key))
    yield from ("--node-monitor-grace-period", "12s", "--node-monitor-period", "1s")
    yield from ("--kube-api-qps", "300", "--kube-api-burst", "600", "--profiling=false", "-v", "0")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _ready(url: str, children: Children, name: str, *, trusted: ssl.SSLContext) -> bool:
    """Wait until the API server is ready; ``False`` where somebody else has its port."""
    ends = time.monotonic() + READY_WITHIN
    while time.monotonic() < ends:
        ended = children.ended()
        if ended:
            if "address already in use" in ended and ended.startswith(name):
                children.forget(name)
                return False
            raise NotStartedError(ended)
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(f"{url}/readyz", timeout=2, context=trusted) as answer,  # noqa: S310
        ):
            if answer.status == 200:
                return True
        time.sleep(0.1)
    raise NotStartedError(
        f"{name} was not ready within {READY_WITHIN:.0f} s; its log is {children.log(name)}"
    )


def _write(entry: dict[str, Any]) -> Write:
    about = entry.get("objectRef", {})
    resource = about.get("resource", "")
    if about.get("subresource"):
        resource = f"{resource}/{about['subresource']}"
    code = entry.get("responseStatus", {}).get("code", 0)
    return Write(entry["user"]["username"], entry["verb"], resource, about.get("name", ""), code)
