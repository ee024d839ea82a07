"""A node, in namespaces of its own: ``python -m testbed.node SETTINGS``.

Its programs are containerd, a kubelet, kube-proxy and what enforces network policies (:mod:`testbed.policies`).

It is process 1 of a process namespace, so that its death is that of a machine: the kernel kills every process in it,
and with the last of them go its mounts and its network. It never starts again what has ended; a node that has lost one
of its programs goes down, and says which.

Steps: folders of its own over those that the programs have at fixed places; files over the kernel's parameters that
a kubelet sets and that are everybody's; a cgroup of its own; all pods closed to the network; containerd, and the
images into it; then the other programs.

Sources: pid_namespaces(7) (the end of process 1), mount(8); Kubernetes, "Kubelet Configuration (v1beta1)", "kube-proxy
Configuration (v1alpha1)", and ``pkg/kubelet/cm/container_manager_linux.go`` (``setupKernelTunables``); containerd,
"CRI Plugin Config Guide"; the CNI plugins' pages ``bridge`` and ``host-local``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from testbed.policy_rules import World, ruleset

ANSWERS_WITHIN: Final = 60.0
"""Seconds for containerd; on a machine with nothing else to do it is less than one."""
OWN: Final = ("/run", "/var/lib", "/var/log")
"""Folders below which programs of a node write to fixed places; what the machine has in them is not seen by a node."""
EVERYBODYS: Final = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""Parameters of the kernel that no namespace has for itself, and that a kubelet sets."""


class NodeError(Exception):
    """A node did not come up, or went down; the message says why."""


@dataclass(frozen=True)
class NodeSettings:
    """All that a node is started with, as it is written into a file.

    Attributes:
        name: of the node.
        zone: that it says it is in.
        folder: for everything that it keeps.
        address: of it, on the bridge between all nodes.
        pods: range of the addresses of its pods.
        dns: address of the service of the cluster's DNS.
        cgroup: absolute path of its cgroup, below every controller.
        programs: absolute path of each program, by name.
        plugins: folder of the CNI plugins.
        environment: search paths of the programs.
        images: archives that are imported, in this order.
        pause: image of what holds a pod's namespaces.
        authority: certificate authority of the cluster, PEM.
        kubeconfigs: of ``kubelet``, ``kube-proxy`` and ``policies``.
    """

    name: str
    zone: str
    folder: str
    address: str
    pods: str
    dns: str
    cgroup: str
    programs: Mapping[str, str]
    plugins: str
    environment: Mapping[str, str]
    images: tuple[str, ...]
    pause: str
    authority: str
    kubeconfigs: Mapping[str, str]

    def write(self) -> Path:
        """Write them into the node's folder."""
        path = Path(self.folder) / "settings.json"
        path.write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")
        return path

    @classmethod
    def read(cls, path: Path) -> NodeSettings:
        """Read them again."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


class _Programs:
    """The programs of a node."""

    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings
        self._names: dict[int, str] = {}

    def start(self, name: str, *options: str) -> None:
        folder = Path(self._settings.folder)
        with (folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                (self._settings.programs[name], *options),
                env={**os.environ, **self._settings.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
            )
        self._names[process.pid] = name
        # Nobody asks this object any more: whoever dies in the node is buried in one place.
        process.returncode = 0

    def watch(self) -> str:
        """Bury what dies in this node until one of the programs does. Returns its name."""
        while True:
            pid, _ = os.waitpid(-1, 0)
            if pid in self._names:
                return self._names[pid]


def main() -> int:
    """Run a node until one of its programs ends."""
    settings = NodeSettings.read(Path(sys.argv[1]))
    folder = Path(settings.folder)
    try:
        _privatise(folder)
        write_cgroup(settings.cgroup)
        enforce(ruleset(World(), node=settings.name, addresses=settings.pods), settings)
        programs = _Programs(settings)
        programs.start("containerd", "--config", str(_containerd(settings)))
        _import(settings)
        programs.start("policies", "-m", "testbed.policies", str(folder / "settings.json"))
        programs.start("kubelet", *_kubelet(settings))
        programs.start("kube-proxy", *_proxy(settings))
        (folder / "started").touch()
        ended = programs.watch()
        said = (folder / f"{ended}.log").read_text(encoding="utf-8", errors="replace").strip()
        raise NodeError(f"{ended} ended: {said[-1500:]}")
    except (NodeError, OSError, subprocess.CalledProcessError) as error:
        (folder / "failed").write_text(f"{settings.name}: {error}\n", encoding="utf-8")
        return 1


def enforce(rules: str, settings: NodeSettings) -> None:
    """Put rules of nftables in the place of those that are there, all at once.

    Args:
        rules: a file of ``nft``.
        settings: of the node, in whose network this is called.

    Raises:
        NodeError: they are refused.
    """
    done = subprocess.run(
        (settings.programs["nft"], "-f", "-"),
        env={**os.environ, **settings.environment},
        input=rules,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise NodeError(f"nft refuses the rules: {done.stderr.strip()[-1000:]}")


def hierarchies() -> Iterator[Path]:
    """Root of every hierarchy of cgroups."""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, where, kind, *_ = line.split()
        if kind in {"cgroup", "cgroup2"}:
            yield Path(where)


def write_cgroup(cgroup: str) -> None:
    """Make a cgroup in every hierarchy.

    Args:
        cgroup: absolute path in it.
    """
    for root in hierarchies():
        folder = root / cgroup.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            # A new one has none of them in the first version of cgroups, and then takes no process.
            inherited = root / name
            if inherited.is_file() and not (folder / name).read_text(encoding="ascii").strip():
                for each in (*reversed(_between(root, folder)), folder):
                    (each / name).write_text(inherited.read_text(encoding="ascii"), encoding="ascii")


def _between(root: Path, folder: Path) -> list[Path]:
    return [each for each in folder.parents if root in each.parents]


def _privatise(folder: Path) -> None:
    """Mount what is this node's own over what is the machine's; nobody else sees it."""
    for where in OWN:
        own = folder / where.strip("/").replace("/", "-")
        own.mkdir()
        _mount("--bind", str(own), where)
    # Images are thousands of files that are wanted for minutes: in memory they are there at once, and gone at once.
    images = folder / "containerd"
    images.mkdir()
    _mount("-t", "tmpfs", "-o", "mode=0711", "none", str(images))
    for parameter in EVERYBODYS:
        real = Path("/proc/sys", parameter)
        if real.exists():
            stand_in = folder / parameter.replace("/", "-")
            stand_in.write_text(real.read_text(encoding="ascii"), encoding="ascii")
            _mount("--bind", str(stand_in), str(real))
    # Volumes that are mounted later show in containers that run already.
    _mount("--make-rshared", "/")


def _mount(*words: str) -> None:
    done = subprocess.run(("mount", *words), capture_output=True, text=True, check=False)  # noqa: S607
    if done.returncode:
        raise NodeError(f"mount {' '.join(words)}: {done.stderr.strip()}")


def _containerd(settings: NodeSettings) -> Path:
    folder = Path(settings.folder)
    network = folder / "cni"
    network.mkdir()
    (network / "10-pods.conflist").write_text(json.dumps(_pod_network(settings)), encoding="utf-8")
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    lines = (
        "version = 2",
        f'root = "{folder}/containerd"',
        'state = "/run/containerd"',
        'disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper"]',
        "[grpc]",
        f'address = "{_socket(settings)}"',
        f"[{cri}]",
        f'sandbox_image = "{settings.pause}"',
        # Who may not lower it for himself must not try: containers would not start at all.
        "restrict_oom_score_adj = true",
        "netns_mounts_under_state_dir = true",
        f"[{cri}.cni]",
        f'bin_dir = "{settings.plugins}"',
        f'conf_dir = "{network}"',
        f"[{cri}.containerd.runtimes.runc]",
        'runtime_type = "io.containerd.runc.v2"',
        f"[{cri}.containerd.runtimes.runc.options]",
        "SystemdCgroup = false",
    )
    path = folder / "containerd.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _pod_network(settings: NodeSettings) -> dict[str, Any]:
    addresses = {
        "type": "host-local",
        "dataDir": f"{settings.folder}/addresses",
        "ranges": [[{"subnet": settings.pods}]],
    }
    bridge = {
        "type": "bridge",
        "bridge": "pods",
        "isDefaultGateway": True,
        # Without it a pod does not reach itself through its service.
        "hairpinMode": True,
        "ipam": addresses,
    }
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}


def _socket(settings: NodeSettings) -> str:
    return f"{settings.folder}/containerd.sock"


def _import(settings: NodeSettings) -> None:
    """Wait for containerd, and give it the images that pods here are made of."""
    client = (settings.programs["ctr"], "--address", _socket(settings), "--namespace", "k8s.io")
    ends = time.monotonic() + ANSWERS_WITHIN
    while subprocess.run((*client, "version"), capture_output=True, check=False).returncode:
        if time.monotonic() > ends:
            raise NodeError(f"containerd does not answer within {ANSWERS_WITHIN:.0f} s; see containerd.log")
        time.sleep(0.1)
    for archive in settings.images:
        done = subprocess.run(
            (*client, "images", "import", archive), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NodeError(f"{Path(archive).name} cannot be imported: {done.stderr.strip()[-500:]}")


def _kubelet(settings: NodeSettings) -> Iterator[str]:
    folder = Path(settings.folder)
    socket = f"unix://{_socket(settings)}"
    document = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": settings.authority},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": settings.cgroup,
        "clusterDNS": [settings.dns],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": socket,
        "enforceNodeAllocatable": [],
        "evictionHard": {"memory.available": "1Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "failCgroupV1": False,
        "failSwapOn": False,
        # Nobody pulls images from anywhere, so none may be thrown away.
        "imageGCHighThresholdPercent": 100,
        "imageMinimumGCAge": "24h",
        # Renewed every three seconds: one that is late on a busy machine is not taken for the loss of its node.
        "nodeLeaseDurationSeconds": 12,
        "nodeStatusReportFrequency": "10s",
        "nodeStatusUpdateFrequency": "2s",
        "podLogsDir": str(folder / "pod-logs"),
        "registerWithTaints": [],
        "rotateCertificates": False,
        "serverTLSBootstrap": False,
        "volumeStatsAggPeriod": "1h",
    }
    path = folder / "kubelet.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    yield from ("--config", str(path), "--kubeconfig", settings.kubeconfigs["kubelet"])
    yield from ("--hostname-override", settings.name, "--node-ip", settings.address)
    yield from ("--root-dir", str(folder / "kubelet"), "--cert-dir", str(folder / "certificates"))
    yield from ("--node-labels", f"topology.kubernetes.io/zone={settings.zone}", "-v", "1")


def _proxy(settings: NodeSettings) -> Iterator[str]:
    document = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": settings.kubeconfigs["kube-proxy"]},
        "mode": "nftables",
        "detectLocalMode": "BridgeInterface",
        "detectLocal": {"bridgeInterface": "pods"},
        # Of the table of connections these are the machine's own settings, which it may not write.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
    }
    path = Path(settings.folder) / "kube-proxy.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    yield from ("--config", str(path), "--hostname-override", settings.name)


if __name__ == "__main__":
    sys.exit(main())
