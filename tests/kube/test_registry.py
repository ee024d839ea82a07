"""Digests are asked of a real registry: CNCF Distribution."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from telamon.errors import PlatformError
from telamon.platforms.registry.client import Registries
from tests.kube.conftest import tool
from tests.understudy.support import eventually, free_port

CONFIGURATION = """\
version: 0.1
log: {level: error}
storage:
  filesystem: {rootdirectory: ROOT}
http: {addr: "ADDRESS"}
"""
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a registry of its own."""
    program = tool("registry")
    folder = tmp_path_factory.mktemp("registry")
    address = f"127.0.0.1:{free_port('127.0.0.1')}"
    settings = folder / "config.yml"
    text = CONFIGURATION.replace("ROOT", str(folder / "data")).replace("ADDRESS", address)
    settings.write_text(text, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"}
    process = subprocess.Popen(
        [str(program), "serve", str(settings)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            return httpx.get(f"http://{address}/v2/").status_code == 200
        except httpx.HTTPError:
            assert process.poll() is None, "the registry ended"
            return False

    try:
        eventually(answers, what="the registry answers")
        yield address
    finally:
        process.terminate()
        process.wait(20)


def digest_of(content: bytes) -> str:
    """The digest of anything."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def pushed(registry: str, path: str, tag: str) -> tuple[str, str]:
    """Push a small image and an index of it under a tag; gives the digests of index and manifest."""
    base = f"http://{registry}/v2/{path}"
    blob = b"{}"
    where = httpx.post(f"{base}/blobs/uploads/").headers["location"]
    place = httpx.URL(where).copy_merge_params({"digest": digest_of(blob)})
    assert httpx.put(place, content=blob).status_code == 201
    described = {"mediaType": CONFIG, "digest": digest_of(blob), "size": len(blob)}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}
    text = json.dumps(manifest).encode()
    kind = {"Content-Type": MANIFEST}
    assert httpx.put(f"{base}/manifests/{digest_of(text)}", content=text, headers=kind).status_code == 201
    entry = {
        "mediaType": MANIFEST,
        "digest": digest_of(text),
        "size": len(text),
        "platform": {"os": "linux", "architecture": "amd64"},
    }
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
    kind = {"Content-Type": INDEX}
    assert httpx.put(f"{base}/manifests/{tag}", content=index, headers=kind).status_code == 201
    return digest_of(index), digest_of(text)


def test_a_tag_means_the_index_and_not_one_machines_image(registry: str) -> None:
    index, manifest = pushed(registry, "mirror/atlassian/jira-software", "11.3.1")
    registries = Registries({})
    found = registries.digest(registry, "mirror/atlassian/jira-software", tag="11.3.1")
    assert found == index != manifest
    with pytest.raises(PlatformError, match="there is no image"):
        registries.digest(registry, "mirror/atlassian/jira-software", tag="11.3.2")
    with pytest.raises(PlatformError, match="there is no image"):
        registries.digest(registry, "mirror/nothing", tag="1")
    registries.close()


def test_the_lock_of_a_mirrored_stack_comes_from_the_mirror(registry: str, tmp_path: Path) -> None:
    jira, _ = pushed(registry, "copies/atlassian/jira-software", "11.3.1")
    server, _ = pushed(registry, "copies/cloudnative-pg/postgresql", "17")
    file = tmp_path / "stack.yaml"
    file.write_text(
        f"""\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {{name: acme}}
spec:
  domain: acme.example
  products: {{jira: {{version: 11.3.1}}}}
  platform: {{kind: kubernetes}}
  storage: {{shared: {{kind: csi, storageClass: shared}}}}
  edge: {{tls: {{kind: cert-manager, issuer: issuer}}}}
  images: {{mirror: "{registry}/copies"}}
""",
        encoding="utf-8",
    )
    command = [str(Path(sys.executable).with_name("telamon")), "lock", str(file), "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    images = {image["name"]: image["digest"] for image in json.loads(done.stdout)["images"]}
    assert images == {
        f"{registry}/copies/atlassian/jira-software:11.3.1": jira,
        f"{registry}/copies/cloudnative-pg/postgresql:17": server,
    }
    rendered = subprocess.run(
        [command[0], "render", str(file)], capture_output=True, text=True, check=True
    ).stdout
    assert f"{registry}/copies/atlassian/jira-software:11.3.1@{jira}" in rendered
