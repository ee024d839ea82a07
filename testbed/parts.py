"""Which programs a cluster is made of, of which Go module each is, and where they are kept once built."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

KUBERNETES: Final = "v1.35.4"
ETCD: Final = "v3.6.16"
KWOK: Final = "v0.8.0"
COREDNS: Final = "v1.15.0"
GATEWAY: Final = "v1.9.1"
"""Of Envoy Gateway."""
HELM: Final = "v3.22.0"
LUA: Final = "v1.1.1"
"""Of gopher-lua, by which Argo CD runs scripts of health. Source: argo-cd, ``go.mod``."""


@dataclass(frozen=True)
class Module:
    """A Go module that programs are built of.

    Attributes:
        path: of the module.
        version: of it, with the ``v``.
        staged: whether its own ``go.mod`` replaces other modules by folders of its repository. Those are published
            under a version of their own, which has to be named, because a replacement counts in the main module only.
    """

    path: str
    version: str
    staged: bool = False


@dataclass(frozen=True)
class Program:
    """One program.

    Attributes:
        name: of the file.
        module: of which it is built.
        package: Go package of its ``main``.
    """

    name: str
    module: Module
    package: str

    @property
    def file(self) -> str:
        """Its path in the cache: another version never takes the place of this one."""
        return f"{self.name}-{self.module.version}"


_KUBERNETES: Final = Module("k8s.io/kubernetes", KUBERNETES, staged=True)
_ETCD: Final = Module("go.etcd.io/etcd/server/v3", ETCD)
_COREDNS: Final = Module("github.com/coredns/coredns", COREDNS)
_HELM: Final = Module("helm.sh/helm/v3", HELM)
_LUA: Final = Module("github.com/yuin/gopher-lua", LUA)
_KWOK: Final = Module("sigs.k8s.io/kwok", KWOK)
GATEWAY_MODULE: Final = Module("github.com/envoyproxy/gateway", GATEWAY)
"""It has the chart and the custom resources of Envoy Gateway in it."""

PROGRAMS: Final = (
    Program("etcd", _ETCD, "go.etcd.io/etcd/server/v3"),
    Program("kube-apiserver", _KUBERNETES, "k8s.io/kubernetes/cmd/kube-apiserver"),
    Program("kube-controller-manager", _KUBERNETES, "k8s.io/kubernetes/cmd/kube-controller-manager"),
    Program("kube-scheduler", _KUBERNETES, "k8s.io/kubernetes/cmd/kube-scheduler"),
    Program("kubelet", _KUBERNETES, "k8s.io/kubernetes/cmd/kubelet"),
    Program("kube-proxy", _KUBERNETES, "k8s.io/kubernetes/cmd/kube-proxy"),
    Program("kubectl", _KUBERNETES, "k8s.io/kubernetes/cmd/kubectl"),
    Program("kwok", _KWOK, "sigs.k8s.io/kwok/cmd/kwok"),
    Program("coredns", _COREDNS, "github.com/coredns/coredns"),
    Program("helm", _HELM, "helm.sh/helm/v3/cmd/helm"),
    Program("glua", _LUA, "github.com/yuin/gopher-lua/cmd/glua"),
    Program("envoy-gateway", GATEWAY_MODULE, "github.com/envoyproxy/gateway/cmd/envoy-gateway"),
)
PAUSE: Final = "pause"
"""What holds the namespaces of a pod; it is built of a file of this folder."""


class PartMissingError(Exception):
    """A program is not there; the message says which, and what would make it."""


@dataclass(frozen=True)
class Cache:
    """Where built programs are kept.

    Attributes:
        folder: of the programs.
    """

    folder: Path

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Cache:
        """The cache of this user: ``TELAMON_TESTBED``, or a folder below the user's cache."""
        chosen = environment.get("TELAMON_TESTBED")
        if chosen:
            return cls(Path(chosen))
        below = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return cls(Path(below) / "telamon" / "testbed")

    def path(self, program: Program) -> Path:
        """Where a program is, or would be."""
        return self.folder / program.file

    def find(self, name: str) -> Path:
        """A built program.

        Raises:
            PartMissingError: it was not built yet.
        """
        program = next(each for each in PROGRAMS if each.name == name)
        path = self.path(program)
        if not path.is_file():
            raise PartMissingError(f"{program.file} is not in {self.folder}: `make cluster-tools` builds it")
        return path
