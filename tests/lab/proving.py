"""A lab under a user's load, and what its record says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from telamon.model.products import ProductSpec
from telamon.model.stack import Stack
from telamon.products.registry import registry
from telamon.proof.generator import Generator
from telamon.proof.history.checker import check
from telamon.proof.history.reading import history_of
from telamon.proof.history.verdict import Verdict
from telamon.proof.history.words import told
from telamon.proof.record import Record
from telamon.proof.repository import Account
from telamon.proof.stage import Place, Script, stage, target_of
from telamon.proof.workload import Audit
from tests.lab.world import World

VERSIONS = {"jira": "11.3.1", "confluence": "10.2.7", "bitbucket": "9.4.16"}
NAME = "proof"
AUDIT = Audit(settle=2.0, patience=25.0)


def one_product(
    product: str,
    *,
    sabotage: str = "",
    settings: Mapping[str, str] | None = None,
    nodes: int = 2,
    **platform: Any,
) -> Stack:
    """A stack of one product, whose nodes betray their users as they are told, or have settings of their own."""
    environment = {"UNDERSTUDY_START_SECONDS": "1", "UNDERSTUDY_STOP_SECONDS": "1", **(settings or {})}
    if sabotage:
        environment["UNDERSTUDY_SABOTAGE"] = sabotage
    companions: dict[str, Any] = {"synchrony": {"nodes": 2}} if product == "confluence" else {}
    section = {
        "version": VERSIONS[product],
        "nodes": nodes,
        "env": environment,
        "companions": companions,
    }
    return Stack.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": NAME},
            "spec": {
                "environment": "dev",
                "domain": "proof.example",
                "products": {product: section},
                "platform": {"kind": "lab", **platform},
            },
        }
    )


def place(world: World, product: str) -> Place:
    """The product as its users reach it."""
    urls = world.platform.urls(world.stack)
    secrets = world.platform.secrets
    name = f"{NAME}-{product}-admin"
    account = Account(secrets.get(name, "username"), secrets.get(name, "password"))
    ssh = urls.get(f"{product}-ssh", "")
    return Place(
        registry()[product],
        urls[product].rstrip("/"),
        target_of(urls[product]),
        account,
        ssh_port=(urlsplit(ssh).port or 0) if ssh else 0,
        companions=frozenset(_section(world, product).companions),
    )


def _section(world: World, product: str) -> ProductSpec:
    return next(spec for name, spec in world.stack.spec.products.items() if name == product)


def prove(
    world: World,
    product: str,
    folder: Path,
    *,
    seconds: float,
    rate: float = 40.0,
    harm: Callable[[Generator], None] | None = None,
) -> tuple[Record, Verdict]:
    """Load a product, do it harm meanwhile, and judge what its users were shown.

    Args:
        world: with the product serving.
        product: which.
        folder: for plan and record.
        seconds: how long.
        rate: requests per second.
        harm: done while load runs; given the generator, whose clock it may wait for.
    """
    script = Script(
        name="proof", label="PROOF", rate=rate, seconds=seconds + 60, sessions=12, seed=5, audit=AUDIT
    )
    staged = stage(place(world, product), script, folder=folder)
    with Generator(staged.plan, folder, secrets=staged.secrets) as generator:
        if harm is not None:
            harm(generator)
        generator.sleep_until(seconds)
        record = generator.finish()
    return record, check(history_of(record))


def explain(verdict: Verdict) -> str:
    """The anomalies with their witnesses, for a test that fails."""
    return "\n".join(
        "\n  ".join([f"{one.fault}: {one.words}", *map(told, one.witness)]) for one in verdict.anomalies[:5]
    )
