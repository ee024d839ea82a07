"""Environments of one stack: stack files with their locks, and what their clusters tell of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from telamon.desired.kubernetes.images import locked
from telamon.desired.kubernetes.site import wanted_images
from telamon.model.stack import Stack
from telamon.model.status import GreenStatus, StackStatus, StatusCondition
from telamon.plan.promotion import Ran, Stage
from telamon.stackfile.lock import NAME, lock_text
from tests.support.manifests import products, stack_of

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TEXT = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  environment: ENVIRONMENT
  domain: ENVIRONMENT.acme.example
  soak: 2h
  products: {jira: {version: VERSION}}
  platform: {kind: kubernetes}
  storage: {shared: {kind: csi, storageClass: shared}}
  edge: {tls: {kind: cert-manager, issuer: issuer}}
"""


def digest_of(text: str) -> str:
    """A digest, the same for the same text."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def text_of(environment: str, *, version: str = "11.3.1", more: str = "") -> str:
    """A stack file."""
    return TEXT.replace("ENVIRONMENT", environment).replace("VERSION", version) + more


def stage(text: str, *, salt: str = "", lock: Mapping[str, str] | None = None) -> Stage:
    """A stage whose lock has a digest for every image; another salt gives other digests."""
    stack = stack_of(text)
    found = Stage(stack.spec.environment, stack, wanted_images(stack, products(stack)), {})
    full = {found.named(image): digest_of(found.named(image) + salt) for image in found.images}
    return replace(found, lock=full if lock is None else lock)


def status(
    *, since: datetime = NOW - timedelta(hours=3), seen: datetime = NOW, ready: bool = True
) -> StackStatus:
    """Ready and green for a while, or neither."""
    condition = StatusCondition(
        type="Ready",
        status="True" if ready else "False",
        reason="AsDesired" if ready else "BackOff",
        message="" if ready else "jira: it ended three times",
        last_transition_time=since,
    )
    green = GreenStatus(generation=1, since=since, seen=seen) if ready else None
    return StackStatus(conditions=(condition,), green=green)


def running(found: Stage, told: StackStatus) -> Stack:
    """A stage as it runs where what `telamon build` prints of it was applied."""
    spec = found.stack.spec
    images = locked(spec.images, found.images, digests=found.lock)
    return found.stack.model_copy(update={"spec": spec.model_copy(update={"images": images}), "status": told})


def ran(found: Stage, told: StackStatus | None = None) -> Ran:
    """What is known of a stage that runs as it should."""
    return Ran(running(found, told or status()))


@dataclass(frozen=True)
class Folder:
    """Stages on the disk, a folder each.

    Attributes:
        root: of all of them.
    """

    root: Path

    def write(self, found: Stage, text: str) -> Path:
        """Write a stage. Returns its lock."""
        place = self.root / found.name
        place.mkdir()
        (place / "stack.yaml").write_text(text, encoding="utf-8")
        lock = place / NAME
        lock.write_text(lock_text(found.lock), encoding="utf-8")
        return lock

    def report(self, found: Stage, told: StackStatus) -> Path:
        """Write what a cluster tells of a stage, with what clusters add."""
        document = running(found, told).model_dump(mode="json", exclude_none=True)
        document["metadata"] |= {"uid": "4f0c", "resourceVersion": "7", "generation": 1}
        path = self.root / f"{found.name}.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return path
