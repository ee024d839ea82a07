"""What the tests of AWS need: the real terraform and provider, and moto and checkov in an environment of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from telamon.desired.terraform.data import INPUTS, Layer
from telamon.desired.terraform.ground import Ground
from telamon.desired.terraform.render import layer_files
from telamon.platforms.terraform.providers import find_plugins
from telamon.platforms.terraform.runner import Terraform
from tests.aws.quirks import Reach, override

ROOT = Path(__file__).resolve().parents[2]
TOOLS = "TELAMON_AWS_TOOLS"
"""Names the environment that moto and checkov are installed in; ``make aws-tools`` makes one."""
DUMMY = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def tool(name: str) -> Path:
    """A program of the environment with moto and checkov; skips where it is missing."""
    folder = Path(os.environ.get(TOOLS, ROOT / ".venv-aws"))
    program = folder / "bin" / name
    if not program.exists():
        pytest.skip(f"{program} is not there: `make aws-tools` installs moto and checkov")
    return program


def terraform(**environment: str) -> Terraform:
    """The real terraform with the real provider; skips where either is missing."""
    program = shutil.which("terraform")
    if program is None:
        pytest.skip("terraform is not installed")
    plugins = find_plugins(os.environ)
    if plugins is None:
        pytest.skip("the AWS provider is not on this machine; TELAMON_TF_PLUGIN_DIR names its folder")
    kept = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    return Terraform(program, kept | DUMMY | environment, plugins)


@dataclass(frozen=True)
class Moto:
    """A running stand-in for AWS."""

    url: str

    def terraform(self) -> Terraform:
        """The real terraform, which takes the stand-in for AWS."""
        return terraform(AWS_ENDPOINT_URL=self.url)


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    """A moto of the test's own."""
    yield from running_moto()


def running_moto() -> Iterator[Moto]:
    """Start a moto, and end it afterwards; skips where it is missing."""
    python = tool("python")
    if next(python.parent.parent.rglob("moto/server.py"), None) is None:
        pytest.skip("moto is not installed beside checkov")
    process = subprocess.Popen(
        [python, str(Path(__file__).with_name("moto_server.py"))],
        env={
            "PATH": os.environ["PATH"],
            "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
            "MOTO_ACM_VALIDATION_WAIT": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Moto(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def prepare(folder: Path, ground: Ground, layer: Layer, *, reach: Reach) -> Path:
    """Write a layer as users get it, and beside it the override of the tests."""
    place = folder / layer.name
    place.mkdir()
    rendered = layer_files(ground, layer)
    for name, content in rendered.items():
        (place / name).write_text(json.dumps(content), encoding="utf-8")
    content = override(layer, rendered["terraform.tf.json"], reach)
    (place / "test_override.tf.json").write_text(json.dumps(content), encoding="utf-8")
    return place


def give(folder: Path, inputs: Mapping[str, object]) -> None:
    """Write what a layer takes from earlier ones to where terraform reads it."""
    (folder / INPUTS).write_text(json.dumps(inputs), encoding="utf-8")


def previews(ground: Ground, layer: Layer) -> Mapping[str, object]:
    """Values that stand in for what earlier layers would tell."""
    return {item.name: item.preview_for(len(ground.zones)) for item in layer.inputs}
