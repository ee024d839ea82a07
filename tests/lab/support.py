"""Waiting with a deadline, and small processes to supervise."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from telamon.model.stack import Stack
from telamon.platforms.lab.processes import Launch
from telamon.platforms.lab.tracked import Identity

T = TypeVar("T")


def until(look: Callable[[], T], *, within: float = 60.0) -> T:
    """Look again and again until there is something true to see.

    Raises:
        AssertionError: there was not, within the given seconds.
    """
    end = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"never so within {within} s: last seen {found!r}"
        time.sleep(0.02)


def strike(pid: int, number: signal.Signals) -> None:
    """Send a signal to one process.

    A member that is not back yet has no pid, 0 stands for it, and the kernel takes 0 for whoever asks and all beside.

    Raises:
        AssertionError: there is no such process.
    """
    assert pid > 1, f"nobody has pid {pid}"
    os.kill(pid, number)


def identity(member: str, *, revision: str = "r1", stop_signal: str = "SIGTERM") -> Identity:
    """An identity of a member of component ``app``."""
    return Identity(member, "app", int(member.rpartition("-")[2]), revision, "1.0", stop_signal)


def launch(root: Path, member: str, *, code: str, stop_signal: str = "SIGTERM") -> Launch:
    """A process that runs some lines of Python."""
    return Launch(
        identity(member, stop_signal=stop_signal),
        (sys.executable, "-c", code),
        {"LAB_TEST_ROOT": str(root)},
        str(root),
    )


SLEEPS = "import time\ntime.sleep(600)"
IGNORES_TERM = (
    f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\n{SLEEPS}"
)
HAS_A_CHILD = f"import subprocess\nprint(subprocess.Popen(['sleep', '600']).pid, flush=True)\n{SLEEPS}"
HAS_A_DAEMON = HAS_A_CHILD.replace("'600']", "'600'], start_new_session=True")


def tiny_stack(
    *,
    profile: dict[str, Any] | None = None,
    edge: dict[str, Any] | None = None,
    platform: dict[str, Any] | None = None,
    **changes: Any,
) -> Stack:
    """A stack of one small application of two nodes.

    Args:
        profile: over the application's profile.
        edge: the section of the front door.
        platform: over the section of the platform.
        changes: over the section of the product.
    """
    described = {
        "command": [sys.executable, str(Path(__file__).with_name("tinyapp.py")), "${address}:${port.http}"],
        "environment": {
            "TINY_NODE": "${node.name}",
            "TINY_DATABASE": "${database.url}",
        },
        "ports": {"http": 8000},
        "status": {
            "path": "/status",
            "reader": {
                "kind": "json",
                "field": "state",
                "states": {"RUNNING": ["RUNNING"], "STOPPING": ["STOPPING"]},
            },
        },
        "database": "postgresql",
        "stickyCookie": "lab-node",
        "startTimeout": "30s",
        "stopGrace": "5s",
        **(profile or {}),
    }
    return Stack.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": "acme"},
            "spec": {
                "domain": "acme.example",
                "products": {"tiny": {"profile": described, **changes}},
                "edge": edge or {},
                "platform": {"kind": "lab", **(platform or {})},
            },
        }
    )
