"""(Stack, products) -> the files of all layers, ready for the real ``terraform``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import pydantic_core

from telamon.desired.terraform.cluster import cluster
from telamon.desired.terraform.data import APPLIED, MANIFEST, MARK, Input, Layer, LayerName, Output, Resource
from telamon.desired.terraform.deploy import deploy_role
from telamon.desired.terraform.edge import ELSEWHERE, edge
from telamon.desired.terraform.ground import Ground, ground
from telamon.desired.terraform.moves import MOVES, moved_blocks
from telamon.desired.terraform.network import network
from telamon.desired.terraform.operations import operations
from telamon.desired.terraform.regions import WORLDWIDE
from telamon.desired.terraform.state import state, state_bucket
from telamon.desired.terraform.storage import data
from telamon.model.stack import Stack
from telamon.products.base import Product

TERRAFORM: Final = ">= 1.10.0, < 2.0.0"
"""Locking by a lock file came with 1.10."""
WRITTEN: Final = "Written by telamon; changes are overwritten."
"""First line of every file, by which a later run knows its own."""
PROVIDER: Final = "5.100.0"
"""The release of the AWS provider that every layer was tried with."""


def layers(stack: Stack, products: Mapping[str, Product]) -> tuple[Layer, ...]:
    """All layers of a stack, in the order in which they are applied.

    Args:
        stack: with platform aws.
        products: those of the stack, by name.

    Raises:
        RefusedError: the stack runs elsewhere, or does not fit its region or network.
    """
    return layers_on(ground(stack, products))


def layers_on(found: Ground) -> tuple[Layer, ...]:
    """All layers of a stack whose ground is known; see :func:`layers`."""
    return tuple(make(found) for make in (state, network, cluster, data, edge, operations))


def files(stack: Stack, products: Mapping[str, Product]) -> Mapping[str, str]:
    """Every file below the output folder, by its path, with its text.

    Args:
        stack: with platform aws.
        products: those of the stack, by name.

    Raises:
        RefusedError: see :func:`layers`.
    """
    return files_on(ground(stack, products))


def files_on(found: Ground) -> Mapping[str, str]:
    """Every file of a stack whose ground is known; see :func:`files`."""
    made = layers_on(found)
    texts = {
        f"{layer.name}/{path}": _text({"//": WRITTEN} | dict(content))
        for layer in made
        for path, content in layer_files(found, layer).items()
    }
    texts |= {f"deploy-role/{name}": _text(content) for name, content in deploy_role(found, made).items()}
    return dict(sorted(texts.items()))


def layer_files(ground: Ground, layer: Layer) -> Mapping[str, Mapping[str, Any]]:
    """The files of one layer as data, by name.

    Args:
        ground: the stack.
        layer: which.
    """
    found: dict[str, dict[str, Any]] = {"terraform.tf.json": _settings(ground, layer)}
    if layer.inputs:
        found["inputs.tf.json"] = {"variable": {item.name: _variable(item) for item in layer.inputs}}
    if layer.outputs:
        found["outputs.tf.json"] = {"output": {item.name: _output(item) for item in layer.outputs}}
    moved = moved_blocks(MOVES, layer.name)
    if moved:
        found["moved.tf.json"] = {"moved": moved}
    for sheet in layer.sheets:
        found[f"{sheet.name}.tf.json"] = {"resource": by_type(sheet.resources)}
    configuration = f"sha256:{hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()}"
    found["applied.tf.json"] = _applied(layer, configuration)
    found[MANIFEST] = _manifest(ground, layer, configuration)
    return found


def _applied(layer: Layer, configuration: str) -> dict[str, Any]:
    """By what a state says from which files and inputs it was applied, and that it was applied to the end.

    A resource of Terraform itself, because it is touched only once everything it rests on is done; an output that
    rests on resources by ``depends_on`` is set although one of them failed (seen with Terraform 1.11.4).
    """
    body = {
        "input": {"configuration": configuration, "inputs": {item.name: item.ref for item in layer.inputs}},
        "depends_on": [resource.address for resource in layer.resources],
    }
    output = {
        "description": "from which files and inputs this was applied",
        "value": f"${{{APPLIED}.output}}",
    }
    kind, _, name = APPLIED.partition(".")
    return {"resource": {kind: {name: body}}, "output": {MARK: output}}


def _manifest(ground: Ground, layer: Layer, configuration: str) -> dict[str, Any]:
    return {
        "layer": str(layer.name),
        "configuration": configuration,
        "inputs": {item.name: str(item.source) for item in layer.inputs},
        "previews": {item.name: item.preview_for(len(ground.zones)) for item in layer.inputs},
    }


def by_type(resources: tuple[Resource, ...]) -> dict[str, dict[str, Any]]:
    """Resources as Terraform nests them: by type, then by name, both in alphabetical order."""
    nested: dict[str, dict[str, Any]] = {}
    for resource in sorted(resources, key=lambda each: (each.type, each.name)):
        nested.setdefault(resource.type, {})[resource.name] = dict(resource.body)
    return nested


def _text(content: Mapping[str, Any]) -> str:
    # The bytes are those of ``json.dumps(indent=2)``, which writes indented text in Python itself: a fifth as fast.
    return pydantic_core.to_json(content, indent=2).decode() + "\n"


def _settings(ground: Ground, layer: Layer) -> dict[str, Any]:
    provider: dict[str, Any] = {
        "region": ground.platform.region,
        # Whoever is logged in to another account is refused before anything is read or written.
        "allowed_account_ids": [ground.platform.account],
        "default_tags": {"tags": ground.tags | {"telamon.dev/layer": str(layer.name)}},
    }
    providers = [provider]
    if layer.worldwide:
        providers.append(provider | {"alias": ELSEWHERE.removeprefix("aws."), "region": WORLDWIDE})
    settings: dict[str, Any] = {
        "required_version": TERRAFORM,
        "required_providers": {"aws": {"source": "hashicorp/aws", "version": PROVIDER}},
    }
    settings["backend"] = {"local": {}} if layer.name is LayerName.STATE else {"s3": _backend(ground, layer)}
    return {"terraform": settings, "provider": {"aws": providers}}


def _backend(ground: Ground, layer: Layer) -> dict[str, Any]:
    return {
        "bucket": state_bucket(ground),
        "key": f"{layer.name}.tfstate",
        "region": ground.platform.region,
        "allowed_account_ids": [ground.platform.account],
        "encrypt": True,
        "kms_key_id": f"alias/{ground.prefix}-state",
        "use_lockfile": True,
    }


def _variable(item: Input) -> dict[str, Any]:
    return {
        "description": f"{item.what}; output {item.name} of the layer {item.source}",
        "type": item.type,
        "nullable": False,
    }


def _output(item: Output) -> dict[str, Any]:
    return {"description": item.what, "value": item.value}
