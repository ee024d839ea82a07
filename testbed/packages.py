"""What a node needs beside the programs of Kubernetes, out of Debian's packages, unpacked into the cache.

Nothing is installed on the machine: packages are fetched by ``apt-get`` from wherever the machine takes its own, and
unpacked side by side into one folder, from which a node is given its search paths.

Sources: apt-get(8), ``download``; dpkg-deb(1), ``-x``; the contents of the packages named here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from testbed.parts import Cache, PartMissingError

PACKAGES: Final = (
    "containerd",
    "runc",
    "containernetworking-plugins",
    "conntrack",
    "nftables",
    "libnftables1",
    "libnftnl11",
    "libnetfilter-conntrack3",
    "libnfnetlink0",
)
"""Programs, and those of their libraries that a small installation lacks."""
RELEASE: Final = Path("/etc/os-release")


def unpack(cache: Cache) -> bool:
    """Fetch and unpack the packages, unless they are there.

    Args:
        cache: where they go; the folder appears there whole or not at all.

    Returns:
        Whether anything had to be done.

    Raises:
        PartMissingError: this is no Debian, or a package cannot be had.
    """
    target = _folder(cache)
    if target.is_dir():
        return False
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise PartMissingError(
                f"containerd and its like come out of Debian's packages: no {tool} is here"
            )
    cache.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="packages-", dir=cache.folder) as name:
        folder = Path(name)
        _run("apt-get", "download", "--quiet", *PACKAGES, folder=folder)
        whole = folder / "whole"
        for package in sorted(folder.glob("*.deb")):
            _run("dpkg-deb", "-x", package.name, whole.name, folder=folder)
        whole.replace(target)
    return True


def unpacked(cache: Cache) -> Path:
    """The folder of all unpacked packages, which looks like the root of a file system.

    Raises:
        PartMissingError: they were not fetched yet.
    """
    folder = _folder(cache)
    if not folder.is_dir():
        raise PartMissingError(f"{folder.name} is not in {cache.folder}: `make cluster-tools` fetches it")
    return folder


def search_paths(root: Path) -> dict[str, str]:
    """Environment in which the programs of the packages find one another and their libraries.

    Args:
        root: folder of the unpacked packages.
    """
    programs = [str(root / folder) for folder in ("usr/sbin", "usr/bin")]
    libraries = sorted({str(each.parent) for each in (root / "usr/lib").rglob("lib*.so.*")})
    return {
        "PATH": os.pathsep.join([*programs, os.environ.get("PATH", "")]),
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
    }


def _folder(cache: Cache) -> Path:
    """Another release of Debian has other packages; its name keeps them apart."""
    known = dict(
        line.split("=", 1) for line in RELEASE.read_text(encoding="utf-8").splitlines() if "=" in line
    )
    name = known.get("VERSION_CODENAME") or known.get("VERSION_ID") or "unknown"
    return cache.folder / f"packages-{name.strip(chr(34))}"


def _run(*command: str, folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PartMissingError(f"{command[0]} {command[1]} failed: {done.stderr.strip()[-1000:]}")
