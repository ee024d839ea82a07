"""Envoy Gateway on a cluster: its chart, written out once for each version, and the images of its two programs.

The chart is the one that its Go module has in it, and so are the custom resources of Gateway API; Envoy is the one that
a lab has from its wheel. A proxy's image is named by whoever asks for proxies: :data:`ENVOY_IMAGE` is on every node.

Sources: Envoy Gateway 1.9, ``charts/gateway-helm`` (``values.tmpl.yaml`` is a template of its values), "Customize
EnvoyProxy", image; helm(1), ``template``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from testbed.oci import Entry, Image, write_archive, write_layer
from testbed.parts import GATEWAY, Cache, PartMissingError
from testbed.python_root import envoy

NAMESPACE: Final = "envoy-gateway-system"
GATEWAY_IMAGE: Final = f"docker.io/envoyproxy/gateway:{GATEWAY}"
ENVOY_IMAGE: Final = "telamon.dev/testbed/envoy:1"
NEEDED: Final = ("envoy-gateway", "kubectl")
"""Programs, beside those of every cluster."""
_USER: Final = "65532:65532"
_VALUES: Final = {"${GatewayImage}": GATEWAY_IMAGE, "${GatewayImagePullPolicy}": "IfNotPresent"}
_OWN_VALUES: Final = f"""\
config:
  envoyGateway:
    provider:
      type: Kubernetes
      kubernetes:
        shutdownManager: {{image: "{GATEWAY_IMAGE}"}}
"""


def chart(cache: Cache) -> Path:
    """The file of all its objects, written out.

    Raises:
        PartMissingError: it was not written yet.
    """
    file = _chart(cache)
    if not file.is_file():
        raise PartMissingError(f"{file.name} is not in {cache.folder}: `make cluster-tools` writes it")
    return file


def write_chart(cache: Cache, module: Path) -> bool:
    """Write its objects out, unless that was done.

    Args:
        cache: where they go.
        module: folder of the Go module.

    Returns:
        Whether anything had to be done.

    Raises:
        PartMissingError: helm is not built, or refuses.
    """
    target = _chart(cache)
    if target.is_file():
        return False
    helm = cache.find("helm")
    with tempfile.TemporaryDirectory(prefix="chart-") as name:
        folder = Path(name) / "chart"
        # The copy of a module is for reading only; what is copied must not be.
        shutil.copytree(module / "charts/gateway-helm", folder, copy_function=shutil.copyfile)
        for each in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
            each.chmod(0o700)
        values = (folder / "values.tmpl.yaml").read_text(encoding="utf-8")
        for word, value in _VALUES.items():
            values = values.replace(word, value)
        (folder / "values.yaml").write_text(values, encoding="utf-8")
        own = Path(name) / "own.yaml"
        own.write_text(_OWN_VALUES, encoding="utf-8")
        command = (
            helm,
            "template",
            "eg",
            folder,
            "--namespace",
            NAMESPACE,
            "--include-crds",
            "--values",
            own,
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment(name))
    if done.returncode:
        raise PartMissingError(f"helm refuses the chart of Envoy Gateway: {done.stderr.strip()[-1000:]}")
    new = target.with_name(f"{target.name}.{os.getpid()}")
    new.write_text(done.stdout, encoding="utf-8")
    new.replace(target)
    return True


def gateway_archive(cache: Cache) -> Path:
    """An archive of the images of Envoy Gateway and of Envoy.

    Raises:
        PartMissingError: a program is not there.
    """
    program = cache.find("envoy-gateway")
    entries = tuple(envoy())
    proxy = next(each.content for each in entries if each.path.endswith("bin/envoy"))
    size = proxy.stat().st_size if isinstance(proxy, Path) else 0
    file = cache.folder / f"images-{program.name}-{size}.tar"
    if not file.is_file():
        with tempfile.TemporaryDirectory(prefix="images-") as name:
            folder = Path(name)
            around = (Entry("tmp", mode=0o1777), Entry("etc/passwd", b"gateway:x:65532:65532::/tmp:/none\n"))
            manager = write_layer(
                folder / "gateway.tar", [Entry("usr/local/bin/envoy-gateway", program, 0o755), *around]
            )
            proxies = write_layer(folder / "envoy.tar", [*entries, *around])
            paths = {"PATH": "/usr/local/bin"}
            images = (
                Image((GATEWAY_IMAGE,), (manager,), ("envoy-gateway",), paths, user=_USER),
                Image((ENVOY_IMAGE,), (proxies,), ("envoy",), paths, user=_USER),
            )
            write_archive(file, images, machine=os.uname().machine)
    return file


def _chart(cache: Cache) -> Path:
    return cache.folder / f"gateway-{GATEWAY}.yaml"


def _environment(home: str) -> dict[str, str]:
    """In which helm finds nothing of whoever runs it."""
    return {"HOME": home, "PATH": os.environ.get("PATH", "")}
