"""Stacks on Kubernetes for tests, and what is rendered of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from telamon.desired.kubernetes.data import Bundle, Object
from telamon.desired.kubernetes.facts import Facts
from telamon.desired.kubernetes.images import pulled
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.site import Site, site, wanted_images
from telamon.model.stack import Stack
from telamon.products.base import Product
from telamon.products.registry import products_of, registry
from telamon.stackfile.reader import read

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ("overlay-kubernetes", "aws", "full", "overlay-staging", "custom-kubernetes", "nginx")
"""Examples whose platform takes manifests."""

SMALL = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  environment: production
  domain: acme.example
  products:
PRODUCTS
  platform: {kind: kubernetes}
  storage: {shared: {kind: csi, storageClass: shared}}
  edge: {tls: {kind: cert-manager, issuer: issuer}}
MORE
"""
JIRA = "    jira: {version: 11.3.1}"
CONFLUENCE = "    confluence: {version: 10.2.7, companions: {synchrony: {nodes: 2}}}"
BITBUCKET = "    bitbucket: {version: 9.4.16, companions: {opensearch: {nodes: 3}}}"
ALL = "\n".join((JIRA, CONFLUENCE, BITBUCKET))


def _load(reference: str, *, beside: str) -> tuple[str, bytes]:
    name = os.path.normpath(Path(beside).parent / reference)
    return name, Path(name).read_bytes()


def stack_of(text: str, source: str = "stack.yaml") -> Stack:
    """Read a stack file."""
    return read(text.encode(), source=source, registry=registry(), loader=_load).require()


def products(stack: Stack) -> Mapping[str, Product]:
    """The products of a stack."""
    return products_of({str(name): spec for name, spec in stack.spec.products.items()})


def digests(stack: Stack) -> dict[str, str]:
    """A digest for every image of a stack."""
    names = [str(pulled(text, stack.spec.images)) for text in wanted_images(stack, products(stack))]
    return {name: f"sha256:{hashlib.sha256(name.encode()).hexdigest()}" for name in names}


def facts(stack: Stack) -> Facts:
    """What the layers of Terraform would tell of a stack."""
    homes = {
        str(name): {
            "kind": "efs",
            "file_system": "fs-0123456789abcdef0",
            "access_point": "fsap-0123456789abcdef0",
            "server": "fs-0123456789abcdef0.fsx.eu-central-1.amazonaws.com",
            "path": "/fsx",
        }
        for name in stack.spec.products
    }
    group = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup"
    return Facts(
        database_host="telamon-acme.abcdefghijkl.eu-central-1.rds.amazonaws.com",
        shared_homes=homes,
        web_target_group=f"{group}/web/0123456789abcdef",
        tcp_target_groups={"bitbucket-ssh": f"{group}/ssh/0123456789abcdef"},
        certificate="arn:aws:acm:eu-central-1:123456789012:certificate/0f9c7a52",
    )


def site_of(stack: Stack) -> Site:
    """What a stack amounts to on a cluster, with all that has to be known of it."""
    known = facts(stack) if stack.spec.platform.kind == "aws" else Facts()
    return site(stack, products(stack), facts=known, digests=digests(stack))


def example(name: str) -> Site:
    """An example on a cluster."""
    path = ROOT / "examples" / f"{name}.yaml"
    return site_of(stack_of(path.read_text(encoding="utf-8"), str(path)))


def small(more: str = "", *, running: str = JIRA) -> Site:
    """A small stack with further sections."""
    return site_of(stack_of(SMALL.replace("PRODUCTS", running).replace("MORE", more)))


def rendered(known: Site) -> tuple[Bundle, ...]:
    """Everything that is rendered of a stack."""
    return bundles(known)


def objects(known: Site, kind: str = "") -> list[Any]:
    """Objects of a kind."""
    found: list[Object] = [item for bundle in bundles(known) for item in bundle.objects]
    return [item for item in found if not kind or item["kind"] == kind]


def the(known: Site, kind: str, name: str) -> Any:
    """The object of that kind and name."""
    found = [item for item in objects(known, kind) if item["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects {kind} {name}"
    return found[0]


def container(known: Site, component: str) -> Any:
    """The container of a component that runs the product."""
    pod = the(known, "StatefulSet", component)["spec"]["template"]["spec"]
    return next(each for each in pod["containers"] if each["name"] == "main")


def environment(known: Site, component: str) -> dict[str, Any]:
    """The variables of a component, plain ones as text."""
    return {
        each["name"]: each.get("value", each.get("valueFrom")) for each in container(known, component)["env"]
    }
