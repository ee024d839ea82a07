"""Asks a cluster for what Helm keeps of a release, by way of ``kubectl``, which knows the login.

Source: helm/helm v3, ``pkg/storage/driver/secrets.go`` (labels ``owner`` and ``name``).
"""

from __future__ import annotations

import subprocess
from typing import Final

from telamon.errors import MachineError, PlatformError, brief

PATIENCE: Final = 60.0
"""Seconds for an answer of the cluster."""
_SHOWN: Final = 200
"""Characters of what kubectl says that are passed on."""


def release_secrets(name: str, *, namespace: str = "") -> bytes:
    """The secrets of a release, as a list of the API in JSON.

    Args:
        name: of the release.
        namespace: where it is; "" for that of the current context.

    Raises:
        MachineError: there is no kubectl.
        PlatformError: the cluster does not answer, or refuses.
    """
    command = ["kubectl", "get", "secrets", "--selector", f"owner=helm,name={name}", "--output", "json"]
    command += ["--namespace", namespace] if namespace else []
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
        )
    except FileNotFoundError as error:
        raise MachineError(
            "there is no kubectl to ask the cluster with",
            remedy="Install kubectl, or give the release as a file.",
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PlatformError(
            f"kubectl did not answer: {brief(error)}", remedy="Look at `kubectl get secrets`."
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise PlatformError(
            f"kubectl: {said[:_SHOWN] or done.returncode}",
            remedy="Check the context and the rights: secrets of the release's namespace are read.",
        )
    return done.stdout
