"""Where the judges of manifests are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".venv-kube"
"""Made by ``make kube-tools``."""


def tool(name: str) -> Path:
    """A program of the tools; the test is skipped where it is not there."""
    found = shutil.which(name, path=str(TOOLS / "bin"))
    if found is None:
        pytest.skip(f"{name} is not there: `make kube-tools` installs it")
    return Path(found)
