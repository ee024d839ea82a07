"""A cluster from outside: up, how it stands, down.

All of it lives in process namespaces below one process, so that taking it down is one kill and the removal of files
and empty cgroups; that holds as well for one whose keeper was killed, or whose start was.

Sources: pid_namespaces(7), unshare(1) (``--kill-child``), proc(5), cgroups(7).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from testbed import gateway
from testbed.control_plane import NotStartedError
from testbed.images import ROOT, images, parts_archive
from testbed.keeper import BACK, LINK, Plan
from testbed.network import Network
from testbed.node import OWN, hierarchies
from testbed.oci import digest, write_archive
from testbed.packages import unpacked
from testbed.parts import PAUSE, Cache, PartMissingError
from testbed.processes import end_with_parent

NEEDED: Final = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
)
"""Programs of a cluster."""
UP_WITHIN: Final = 600.0
"""Seconds for everything; on a machine with nothing else to do it is half a minute."""
DOWN_WITHIN: Final = 60.0
"""Seconds for the kernel to end all processes of a cluster; it is one or two."""
LINKS: Final = range(16, 250)
"""Third byte of the networks of two addresses each, 172.31.N.0/30, of which one is a cluster's link to the machine."""


class NotDownError(Exception):
    """Something of a cluster cannot be taken away; the message says what."""


@dataclass(frozen=True)
class Wanted:
    """What somebody wants.

    Attributes:
        nodes: how many.
        images: tags of each of the images that nodes have, by the name of its recipe.
        gateway: whether it has Envoy Gateway, and a balancer before its nodes.
        tied: whether the cluster ends with the process that asks.
    """

    nodes: int = 2
    images: Mapping[str, Sequence[str]] = field(default_factory=dict)
    gateway: bool = False
    tied: bool = False


@dataclass(frozen=True)
class Cluster:
    """A cluster and its folder, whether it is up or not.

    Attributes:
        folder: of all that it keeps.
    """

    folder: Path

    @property
    def name(self) -> str:
        """Of its cgroup and of its link: another folder has another one."""
        return hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:8]

    @property
    def kubeconfig(self) -> Path:
        """By which the machine reaches it."""
        return self.folder / "kubeconfig"

    def digests(self) -> dict[str, str]:
        """The digest of each image that its nodes were given, by name with tag: what a registry would have said."""
        lines = _lines(self.folder / "digests.json")
        return dict(json.loads("".join(lines))) if lines else {}

    def keeper(self) -> int:
        """Process id of the keeper; 0 where none lives."""
        return next((pid for pid in self._processes("testbed.keeper", self.folder) if _is_first(pid)), 0)

    def node(self, name: str) -> int:
        """Process id of a node, whose death is the node's; 0 where it does not live.

        Args:
            name: of the node.
        """
        settings = self.folder / name / "settings.json"
        return next((pid for pid in self._processes("testbed.node", settings) if _is_first(pid)), 0)

    def bring_back(self, name: str) -> None:
        """Have a node that was lost come up again by itself, with an empty disk; it takes as long as at first.

        Args:
            name: of the node.
        """
        (self.folder / f"{name}{BACK}").touch()

    def pod(self, uid: str) -> int:
        """Process id of something in a pod, in whose network all of it is; 0 where nothing of it runs.

        Args:
            uid: of the pod.
        """
        for folder in self._cgroups():
            if f"pod{uid}" in folder.parts and (found := _lines(folder / "cgroup.procs")):
                return int(found[0])
        return 0

    def container(self, identity: str) -> int:
        """Process id of the first process of a container, whose death is the container's; 0 where it does not run.

        Args:
            identity: of the container, as its pod's status tells it, without the scheme of the runtime.
        """
        for folder in self._cgroups():
            if folder.name == identity and (found := _lines(folder / "cgroup.procs")):
                return int(found[0])
        return 0

    def network(self) -> Network:
        """The network in which the API server, the nodes and the pods are reached.

        Raises:
            OSError: it is not up.
        """
        return Network.of(self.keeper())

    def up(self, wanted: Wanted, told: Callable[[Mapping[str, Any]], None]) -> subprocess.Popen[bytes]:
        """Bring it up.

        Args:
            wanted: what it is to be.
            told: is given a line of each step: ``what`` was reached after how many ``seconds``.

        Returns:
            The process whose end is that of the cluster, to be buried by who outlives it.

        Raises:
            PartMissingError: it cannot be had here; the message says all that is missing.
            NotStartedError: it is up, or does not come up. Nothing is left of one that does not.
        """
        cache = Cache.of()
        _check(cache, self.folder, wanted)
        if self.keeper():
            raise NotStartedError(f"a cluster is up in {self.folder}: `python -m testbed down` ends it")
        self.down()
        self.folder.mkdir(parents=True, mode=0o700)
        try:
            with self._alone():
                process = self._start(cache, wanted)
                self._wait(process, told)
                return process
        except BaseException:
            self.down()
            raise

    def down(self) -> tuple[str, ...]:
        """Take away whatever there is of it. Returns what there was.

        Raises:
            NotDownError: something stays.
        """
        found = []
        pids = self._processes("testbed.keeper", self.folder)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if pids:
            found.append("processes")
        if _links(self._link):
            found.append("link")
            subprocess.run(("ip", "link", "delete", self._link), check=False, capture_output=True)  # noqa: S607
        steps = (
            ("processes", lambda: not self._processes("testbed.keeper", self.folder)),
            ("cgroups", self._without_cgroups),
            ("link", lambda: not _links(self._link)),
            ("files", self._without_files),
        )
        found += [
            f"{each}"
            for each, there in (("cgroups", self._cgroups()), ("files", self.folder.exists()))
            if there
        ]
        for what, gone in steps:
            if not _until(gone):
                raise NotDownError(f"{what} of the cluster in {self.folder} stay for {DOWN_WITHIN:.0f} s")
        return tuple(found)

    def left(self) -> tuple[str, ...]:
        """What there is of it on the machine: processes, links, mounts, cgroups and files."""
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
        return (
            *(f"process {pid}" for pid in self._processes("testbed.keeper", self.folder)),
            *(f"link {name}" for name in _links(self._link)),
            *(f"mount {line.split()[1]}" for line in mounts if line.split()[1].startswith(f"{self.folder}/")),
            *(f"cgroup {folder}" for folder in self._cgroups()),
            *((f"folder {self.folder}",) if self.folder.exists() else ()),
        )

    @property
    def _link(self) -> str:
        return f"tb-{self.name}"

    def _processes(self, module: str, of: Path) -> list[int]:
        """Processes that run a module for something, by their command line."""
        words = [b"-m", module.encode(), str(of).encode()]
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                pid = int(folder.name)
                # That of a zombie is empty.
                if (folder / "cmdline").read_bytes().split(b"\0")[-4:-1] == words:
                    found.append(pid)
        return found

    def _start(self, cache: Cache, wanted: Wanted) -> subprocess.Popen[bytes]:
        archives = [parts_archive(cache)]
        if wanted.gateway:
            archives.append(gateway.gateway_archive(cache))
        if wanted.images:
            archives.append(self.folder / "images.tar")
            made = images(self.folder, cache, tags=wanted.images)
            machine = os.uname().machine
            write_archive(archives[-1], made, machine=machine)
            digests = {name: digest(image, machine=machine) for image in made for name in image.names}
            (self.folder / "digests.json").write_text(json.dumps(digests), encoding="utf-8")
        network = Network.made()
        try:
            near, far = self._connect(network, cache)
            objects = str(gateway.chart(cache)) if wanted.gateway else ""
            plan = Plan(self.name, wanted.nodes, far, tuple(map(str, archives)), objects)
            (self.folder / "plan.json").write_text(json.dumps(asdict(plan)), encoding="utf-8")
            network.ip("route", "add", "default", "via", near)
            command = ("unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc")
            with network.inside(), (self.folder / "keeper.log").open("ab") as log:
                return subprocess.Popen(
                    (*command, sys.executable, "-m", "testbed.keeper", str(self.folder)),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=ROOT,
                    start_new_session=not wanted.tied,
                    preexec_fn=end_with_parent if wanted.tied else None,  # noqa: PLW1509 - see there.
                )
        finally:
            network.close()

    def _connect(self, network: Network, cache: Cache) -> tuple[str, str]:
        """Give a network a link to the machine. Returns the addresses of both ends, the machine's first."""
        here = Network.of(os.getpid())
        # Two that come up at once must not take the same addresses.
        with _locked(cache.folder):
            taken = subprocess.run(("ip", "-4", "addr"), capture_output=True, text=True, check=True).stdout  # noqa: S607
            number = next(each for each in LINKS if f" 172.31.{each}." not in taken)
            near, far = f"172.31.{number}.1", f"172.31.{number}.2"
            here.ip(
                "link", "add", self._link, "type", "veth", "peer", "name", LINK, "netns", str(network.path)
            )
            here.ip("addr", "add", f"{near}/30", "dev", self._link)
        here.ip("link", "set", self._link, "up")
        here.close()
        network.ip("addr", "add", f"{far}/30", "dev", LINK)
        network.ip("link", "set", LINK, "up")
        return near, far

    def _wait(self, process: subprocess.Popen[bytes], told: Callable[[Mapping[str, Any]], None]) -> None:
        """Pass on what the keeper tells until it is ready."""
        said = 0
        ends = time.monotonic() + UP_WITHIN
        while time.monotonic() < ends:
            lines = _lines(self.folder / "told")
            for line in lines[said:]:
                step = json.loads(line)
                told(step)
                if step["what"] == "ready":
                    return
            said = len(lines)
            if process.poll() is not None:
                why = "".join(_lines(self.folder / "failed")) or "".join(_lines(self.folder / "keeper.log"))
                raise NotStartedError(why[-3000:] or "the keeper has ended without a word")
            time.sleep(0.1)
        raise NotStartedError(f"the cluster was not up within {UP_WITHIN:.0f} s")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with _locked(self.folder):
            yield

    def _cgroups(self) -> list[Path]:
        """Its own, the innermost first."""
        tops = [root / f"telamon-testbed-{self.name}" for root in hierarchies()]
        return [
            Path(folder)
            for top in dict.fromkeys(tops)
            if top.is_dir()
            for folder, _, _ in os.walk(top, topdown=False)
        ]

    def _without_cgroups(self) -> bool:
        for folder in self._cgroups():
            # One in which a process is still dying is tried again.
            with contextlib.suppress(OSError):
                folder.rmdir()
        return not self._cgroups()

    def _without_files(self) -> bool:
        shutil.rmtree(self.folder, ignore_errors=True)
        return not self.folder.exists()


def default_folder() -> Path:
    """Where a cluster is kept if nothing else is said. The path of a socket below it must stay short."""
    return Path(tempfile.gettempdir()) / "telamon-testbed"


def _check(cache: Cache, folder: Path, wanted: Wanted) -> None:
    """Refuse with all that is missing at once."""
    missing = []
    if sys.platform != "linux" or os.geteuid() != 0:
        missing.append(
            "nodes are namespaces, mounts and cgroups of this machine, which only root of a Linux may make"
        )
    missing += [f"there is no `{tool}`" for tool in ("ip", "unshare", "mount") if shutil.which(tool) is None]
    more = gateway.NEEDED if wanted.gateway else ()
    parts: list[Callable[[], Path]] = [partial(cache.find, name) for name in (*NEEDED, *more)]
    parts.append(partial(unpacked, cache))
    if wanted.gateway:
        parts.append(partial(gateway.chart, cache))
    for part in parts:
        try:
            part()
        except PartMissingError as error:
            missing.append(str(error))
    if not (cache.folder / PAUSE).is_file():
        missing.append(f"{PAUSE} is not in {cache.folder}: `make cluster-tools` builds it")
    hidden = [each for each in (folder, cache.folder) if any(each.is_relative_to(own) for own in OWN)]
    missing += [f"{each} is below a folder that every node has for itself" for each in hidden]
    if missing:
        raise PartMissingError("; ".join(missing))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone among those who ask for the same folder."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _is_first(pid: int) -> bool:
    """Whether a process is the first of a process namespace."""
    with contextlib.suppress(OSError):
        status = Path("/proc", str(pid), "status").read_text(encoding="utf-8").splitlines()
        own = next((line.split() for line in status if line.startswith("NSpid:")), [])
        return len(own) > 2 and own[-1] == "1"
    return False


def _links(name: str) -> list[str]:
    return [name] if Path("/sys/class/net", name).exists() else []


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _until(holds: Callable[[], bool]) -> bool:
    ends = time.monotonic() + DOWN_WITHIN
    while not holds():
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True
