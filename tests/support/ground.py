"""Stacks on AWS for tests, and what is rendered of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from telamon.desired.terraform.ground import Ground, ground
from telamon.model.stack import Stack
from telamon.products.base import Product
from telamon.products.registry import products_of, registry
from telamon.stackfile.reader import read

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "aws.yaml"

SMALL = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  environment: ENVIRONMENT
  domain: acme.example
  products:
    jira: {version: 11.3.1}
  platform: {kind: aws, region: REGION, account: "123456789012"}
MORE
"""


def _alone(reference: str, *, beside: str) -> tuple[str, bytes]:
    raise AssertionError(f"{beside} extends nothing, and {reference} was asked for")


def stack_of(text: str) -> Stack:
    """Read a stack file."""
    return read(text.encode(), source="stack.yaml", registry=registry(), loader=_alone).require()


def small(more: str = "", *, environment: str = "production", region: str = "eu-central-1") -> Ground:
    """The ground of a small stack with further sections."""
    text = SMALL.replace("ENVIRONMENT", environment).replace("REGION", region)
    return ground_of(stack_of(text.replace("MORE", more)))


def grouped(groups: str) -> Ground:
    """The ground of a small stack with groups of machines, as the file writes them."""
    text = SMALL.replace("ENVIRONMENT", "production").replace("REGION", "eu-central-1").replace("MORE", "")
    return ground_of(stack_of(text.replace('"}', f'", kubernetes: "1.35", nodeGroups: {groups}}}')))


def example() -> Stack:
    """The example on AWS."""
    return stack_of(EXAMPLE.read_text(encoding="utf-8"))


def products(stack: Stack) -> Mapping[str, Product]:
    """The products of a stack."""
    return products_of({str(name): spec for name, spec in stack.spec.products.items()})


def ground_of(stack: Stack) -> Ground:
    """What a stack amounts to on AWS."""
    return ground(stack, products(stack))
