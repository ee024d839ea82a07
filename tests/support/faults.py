"""Ways to spoil a valid stack file, each with a name and with the place where it must be found.

A data fault changes the document; several can be put into one file, as long as their zones do not touch. A text fault
changes what is written, and is found by its rule.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from telamon.model.stack import Stack
from telamon.stackfile import shape as shapes
from telamon.stackfile.shape import Field, Shape
from telamon.stackfile.tree import Path, dotted
from tests.support.stackfiles import Document

Zone = tuple[Path, ...]


@dataclass(frozen=True)
class Spoiled:
    """What a data fault did.

    Attributes:
        at: where the problem must point.
        zone: what else it must not share with another fault, itself included.
    """

    at: Path
    zone: Zone = field(default=())

    @property
    def touched(self) -> Zone:
        return (self.at, *self.zone)


Spoiler = Callable[[Document, random.Random], Spoiled | None]
"""Changes the document and says where; ``None``: there is nothing in it that could be spoiled so."""


TOKENS = {
    f"zz{index}zz": text
    for index, text in enumerate(["no", "Yes", "010", "0x1F", "12:30", "2026-11-22", "1_000", ".inf", "off"])
}


@dataclass(frozen=True)
class Slot:
    """A place in a document, with what may stand there."""

    path: Path
    parent: Document
    key: str
    field: Field

    @property
    def shape(self) -> Shape:
        return self.field.shape

    @property
    def value(self) -> Any:
        return self.parent.get(self.key)


def slots(data: Document) -> list[Slot]:
    """Every field that is written in a document."""
    return list(_slots(data, shapes.of_section(Stack), ()))


def _slots(data: Any, shape: Shape, path: Path) -> Iterator[Slot]:
    chosen = shapes.variant(shape, data.get("kind")) if isinstance(data, dict) else None
    section = shape.section or chosen
    if section is not None and isinstance(data, dict):
        known = shapes.fields(section)
        for key, value in data.items():
            if key not in known:
                continue
            yield Slot((*path, key), data, key, known[key])
            yield from _slots(value, known[key].shape, (*path, key))
    elif shape.values is not None and isinstance(data, dict):
        for key, value in data.items():
            yield from _slots(value, shape.values, (*path, key))
    elif shape.items is not None and isinstance(data, list):
        for index, value in enumerate(data):
            yield from _slots(value, shape.items, (*path, index))


def _pick(found: list[Slot], rng: random.Random) -> Slot | None:
    # The document's own kind decides how everything is read; it has faults of its own.
    usable = [slot for slot in found if len(slot.path) > 1]
    return rng.choice(usable) if usable else None


def _at_a(wanted: Callable[[Slot], bool], spoil: Callable[[Slot, random.Random], Any]) -> Spoiler:
    """Replace the value of a random slot of some sort."""

    def spoiler(data: Document, rng: random.Random) -> Spoiled | None:
        slot = _pick([slot for slot in slots(data) if wanted(slot)], rng)
        if slot is None:
            return None
        slot.parent[slot.key] = spoil(slot, rng)
        return Spoiled(slot.path, _decided_by(slot))

    return spoiler


def _decided_by(slot: Slot) -> Zone:
    """A ``kind`` decides what its whole section may hold, and the platform what every part may be."""
    return (slot.path[:-1],) if slot.key == "kind" else ()


def _wrong_type(slot: Slot, rng: random.Random) -> Any:
    shape = slot.shape
    if shape.scalar is bool or shape.scalar is int:
        return rng.choice(["2", [1], {"a": "b"}])
    if shape.items is not None or shape.values is not None or shape.section is not None or shape.variants:
        return rng.choice(["text", 5, True])
    return rng.choice([["a"], {"a": "b"}])


def _beyond(slot: Slot, rng: random.Random) -> Any:
    if slot.shape.quantity is None:
        return rng.choice([int(slot.shape.low or 0) - 1, int(slot.shape.high or 0) + 1])
    return {"Bytes": "1Ki", "Duration": "999999d", "Cpu": "1m"}[slot.shape.quantity.__name__]


def _another_word(_slot: Slot, rng: random.Random) -> Any:
    return rng.choice(["zebra", "Productoin"])


def _another_form(_slot: Slot, rng: random.Random) -> Any:
    return rng.choice(["a b\tc", "ü", "a//b c"])


def _wrong_unit(slot: Slot, rng: random.Random) -> Any:
    wrong: dict[str, list[Any]] = {
        "Bytes": ["2GB", "512 Mi", 2],
        "Duration": ["15 min", "30", 30],
        "Cpu": ["2 cores", "500M"],
    }
    quantity = slot.shape.quantity
    return rng.choice(wrong["Bytes" if quantity is None else quantity.__name__])


def unknown_key(data: Document, rng: random.Random) -> Spoiled | None:
    sections = [
        slot for slot in slots(data) if slot.shape.section is not None and isinstance(slot.value, dict)
    ]
    slot = _pick([slot for slot in sections if slot.path != ("status",)], rng)
    parent, path = (data["spec"], ("spec",)) if slot is None else (slot.value, slot.path)
    key = rng.choice(["nodez", "Version", "labell", "x"])
    parent[key] = rng.choice([1, "a", {"a": 1}])
    return Spoiled((*path, key))


def missing_key(data: Document, rng: random.Random) -> Spoiled | None:
    slot = _pick([slot for slot in slots(data) if slot.field.required and slot.path != ("spec",)], rng)
    if slot is None:
        return None
    del slot.parent[slot.key]
    at = (*slot.path[:-1], slot.key)
    return Spoiled(at, (slot.path[:-1],) if slot.key == "kind" else (slot.path,))


def _kind_of(slot: Slot) -> str | None:
    kind = slot.value.get("kind") if isinstance(slot.value, dict) else None
    return kind if isinstance(kind, str) else None


def misspelt_kind(data: Document, rng: random.Random) -> Spoiled | None:
    slot = _pick([slot for slot in slots(data) if slot.shape.variants and _kind_of(slot) is not None], rng)
    if slot is None:
        return None
    slot.value["kind"] += "x"
    return Spoiled((*slot.path, "kind"), (slot.path,))


def wrong_envelope(data: Document, rng: random.Random) -> Spoiled | None:
    key = rng.choice(["apiVersion", "kind"])
    data[key] = rng.choice(["telamon.dev/v2", "Deployment", "Stak"])
    return Spoiled((key,))


def ambiguous_value(data: Document, rng: random.Random) -> Spoiled | None:
    slot = _pick([slot for slot in slots(data) if slot.shape.scalar is not None], rng)
    if slot is None:
        return None
    slot.parent[slot.key] = rng.choice(list(TOKENS))
    return Spoiled(slot.path)


def version_as_number(data: Document, rng: random.Random) -> Spoiled | None:
    found = [slot for slot in slots(data) if slot.key == "version" and slot.path[1] == "products"]
    slot = _pick(found, rng)
    if slot is None:
        return None
    slot.parent["version"] = rng.choice([9.4, 10.1, 11])
    return Spoiled(slot.path)


def _products(data: Document, *, known: bool) -> list[str]:
    products = data["spec"].get("products", {})
    return [name for name, product in products.items() if ("profile" not in product) is known]


def _a_product(data: Document, rng: random.Random, *, known: bool = True) -> tuple[Path, Document] | None:
    names = _products(data, known=known)
    if not names:
        return None
    name = rng.choice(names)
    return ("spec", "products", name), data["spec"]["products"][name]


def _in_a_product(
    spoil: Callable[[Document, random.Random], tuple[Path, Zone]], *, known: bool = True
) -> Spoiler:
    """Spoil something in a random product; paths are below its section."""

    def spoiler(data: Document, rng: random.Random) -> Spoiled | None:
        found = _a_product(data, rng, known=known)
        if found is None:
            return None
        path, product = found
        at, zone = spoil(product, rng)
        return Spoiled((*path, *at), tuple((*path, *part) for part in zone))

    return spoiler


def unknown_product(data: Document, rng: random.Random) -> Spoiled | None:
    name = rng.choice(["jria", "conflunce", "wiki"])
    if "products" not in data["spec"]:
        return None
    data["spec"]["products"][name] = {"version": "1.2.3"}
    return Spoiled(("spec", "products", name))


def _heap_over_memory(product: Document, rng: random.Random) -> tuple[Path, Zone]:
    product["resources"] = {"memory": "2Gi", "heap": rng.choice(["2Gi", "3Gi"])}
    return ("resources", "heap"), (("resources",),)


def _heap_set_twice(product: Document, rng: random.Random) -> tuple[Path, Zone]:
    product["jvmArgs"] = ["-Da=b", rng.choice(["-Xmx4g", "-XX:MaxRAMPercentage=50"])]
    return ("jvmArgs", 1), (("jvmArgs",),)


def _unknown_companion(product: Document, rng: random.Random) -> tuple[Path, Zone]:
    name = rng.choice(["opensarch", "synchronyy", "helper"])
    product.setdefault("companions", {})[name] = {}
    return ("companions", name), ()


def _too_many_nodes(product: Document, rng: random.Random) -> tuple[Path, Zone]:
    product["nodes"] = rng.randint(9, 20)
    return ("nodes",), ()


def _no_version(product: Document, _rng: random.Random) -> tuple[Path, Zone]:
    product.pop("version", None)
    return (), (("version",),)


def _half_a_version(product: Document, rng: random.Random) -> tuple[Path, Zone]:
    product["version"] = rng.choice(["11.3", "latest", "9.4.x"])
    return ("version",), ()


def _two_of_a_name(product: Document, _rng: random.Random) -> tuple[Path, Zone]:
    product["volumes"] = [
        {"name": "a", "mountPath": "/a", "secret": "s"},
        {"name": "a", "mountPath": "/b", "secret": "s"},
    ]
    return ("volumes", 1, "name"), (("volumes",),)


def _two_in_a_place(product: Document, _rng: random.Random) -> tuple[Path, Zone]:
    product["volumes"] = [
        {"name": "a", "mountPath": "/a", "secret": "s"},
        {"name": "b", "mountPath": "/a/", "claim": "s"},
    ]
    return ("volumes", 1, "mountPath"), (("volumes",),)


def _two_sources(product: Document, rng: random.Random) -> tuple[Path, Zone]:
    sources: Document = rng.choice([{}, {"secret": "a", "claim": "b"}])
    product["volumes"] = [{"name": "a", "mountPath": "/a", **sources}]
    return ("volumes", 0), (("volumes",),)


def _patch_without_value(product: Document, rng: random.Random) -> tuple[Path, Zone]:
    operation: Document = rng.choice(
        [{"op": "add", "path": "/a"}, {"op": "remove", "path": "/a", "value": 1}]
    )
    product["patches"] = [{"name": "a", "kind": "Service", "operations": [operation]}]
    return ("patches", 0, "operations", 0), (("patches",),)


def _unknown_placeholder(product: Document, rng: random.Random) -> tuple[Path, Zone]:
    word = rng.choice(
        ["${adress}", "${port.admin}", "${secret.other}", "${", "${database.user}${database.port}${x}"]
    )
    product["profile"].setdefault("environment", {})["X"] = word
    return ("profile", "environment", "X"), (("profile",),)


def _secret_in_command(product: Document, rng: random.Random) -> tuple[Path, Zone]:
    product["profile"]["command"] += [rng.choice(["${secret.session-key}", "--db=${database.url}"])]
    return ("profile", "command", len(product["profile"]["command"]) - 1), (("profile",),)


def _no_http_port(product: Document, _rng: random.Random) -> tuple[Path, Zone]:
    product["profile"]["command"] = ["serve"]
    product["profile"]["ports"] = {"web": 80, "ssh": 22}
    return ("profile", "ports"), (("profile",),)


def _one_port_twice(product: Document, _rng: random.Random) -> tuple[Path, Zone]:
    product["profile"]["ports"] |= {"extra": product["profile"]["ports"]["http"]}
    return ("profile", "ports", "extra"), (("profile",),)


def _never_running(product: Document, _rng: random.Random) -> tuple[Path, Zone]:
    product["profile"]["status"] = {"path": "/s", "reader": {"kind": "text", "states": {"ERROR": ["a"]}}}
    return ("profile", "status", "reader", "states"), (("profile",),)


def foreign_url(data: Document, rng: random.Random) -> Spoiled | None:
    found = _a_product(data, rng)
    if found is None:
        return None
    path, product = found
    product["baseUrl"] = "https://wiki.other.example" + product.get("contextPath", "")
    return Spoiled((*path, "baseUrl"), ((*path, "contextPath"), ("spec", "domain")))


def one_front_port(data: Document, rng: random.Random) -> Spoiled | None:
    port = rng.choice([7999, 8443])
    data["spec"].setdefault("edge", {}).update({"port": port, "ssh": {"port": port}})
    zone = ("spec", "edge", "port")
    tcp = (("spec", "products", "shop", "profile"),)
    return Spoiled(("spec", "edge", "ssh", "port"), (("spec", "edge", "ssh"), zone, *tcp))


def part_of_another_platform(data: Document, _rng: random.Random) -> Spoiled | None:
    kind = data["spec"].get("platform", {}).get("kind", "lab")
    if kind == "aws":
        data["spec"]["backup"] = {"destination": {"kind": "folder", "path": "/b"}}
        at: Path = ("spec", "backup", "destination", "kind")
    else:
        data["spec"]["database"] = {"kind": "rds"}
        at = ("spec", "database", "kind")
    return Spoiled(at, (at[:2], ("spec", "platform")))


def kept_too_short(data: Document, _rng: random.Random) -> Spoiled | None:
    backup = data["spec"].setdefault("backup", {})
    if data["spec"].get("platform", {}).get("kind") == "kubernetes" and "destination" not in backup:
        backup["destination"] = {"kind": "s3", "bucket": "acme-backup"}
    backup |= {"every": "3d", "keep": "2d"}
    return Spoiled(("spec", "backup", "keep"), (("spec", "backup"),))


def unknown_time_zone(data: Document, _rng: random.Random) -> Spoiled | None:
    windows = [{"start": "02:00", "duration": "1h", "timezone": "Europe/Berlim"}]
    data["spec"]["maintenance"] = {"windows": windows}
    return Spoiled(("spec", "maintenance", "windows", 0, "timezone"), (("spec", "maintenance"),))


def rights_in_a_missing_product(data: Document, _rng: random.Random) -> Spoiled | None:
    data["spec"]["access"] = {"products": {"nowhere": {"administrators": ["a"]}}}
    return Spoiled(("spec", "access", "products", "nowhere"), (("spec", "access"), ("spec", "products")))


def broken_release_of_a_missing_product(data: Document, _rng: random.Random) -> Spoiled | None:
    data["spec"]["drills"] = {"brokenReleases": {"nowhere": {"errs": "1.2.3"}}}
    path: Path = ("spec", "drills", "brokenReleases", "nowhere")
    return Spoiled(path, (("spec", "drills"), ("spec", "products")))


def later_release_of_a_missing_product(data: Document, _rng: random.Random) -> Spoiled | None:
    data["spec"]["drills"] = {"laterReleases": {"nowhere": {"rolling": "1.2.3"}}}
    path: Path = ("spec", "drills", "laterReleases", "nowhere")
    return Spoiled(path, (("spec", "drills"), ("spec", "products")))


def repositories_on_efs(data: Document, _rng: random.Random) -> Spoiled | None:
    product = data["spec"].get("products", {}).get("bitbucket")
    if product is None or data["spec"].get("platform", {}).get("kind", "lab") == "lab":
        return None
    product["storage"] = {"sharedHome": {"volume": {"kind": "efs"}}}
    path: Path = ("spec", "products", "bitbucket", "storage")
    return Spoiled((*path, "sharedHome", "volume", "kind"), (path, ("spec", "platform"), ("spec", "storage")))


def nothing_written(data: Document, rng: random.Random) -> Spoiled | None:
    slot = _pick([slot for slot in slots(data) if slot.key != "value"], rng)
    if slot is None:
        return None
    slot.parent[slot.key] = None
    return Spoiled(slot.path, _decided_by(slot))


DATA_FAULTS: dict[str, Spoiler] = {
    "wrong type": _at_a(lambda slot: slot.key not in {"kind", "value"}, _wrong_type),
    "wrong unit": _at_a(lambda slot: slot.shape.quantity is not None, _wrong_unit),
    "out of bounds": _at_a(lambda slot: slot.shape.high is not None, _beyond),
    "unknown word": _at_a(
        lambda slot: len(slot.shape.words) > 1 and isinstance(slot.shape.words[0], str),
        _another_word,
    ),
    "wrong form": _at_a(lambda slot: slot.shape.form is not None, _another_form),
    "unknown key": unknown_key,
    "missing key": missing_key,
    "misspelt kind": misspelt_kind,
    "wrong envelope": wrong_envelope,
    "ambiguous value": ambiguous_value,
    "nothing written": nothing_written,
    "version as a number": version_as_number,
    "unknown product": unknown_product,
    "unknown companion": _in_a_product(_unknown_companion),
    "heap over memory": _in_a_product(_heap_over_memory),
    "heap set twice": _in_a_product(_heap_set_twice),
    "too many nodes": _in_a_product(_too_many_nodes),
    "no version": _in_a_product(_no_version),
    "half a version": _in_a_product(_half_a_version),
    "two of a name": _in_a_product(_two_of_a_name),
    "two in a place": _in_a_product(_two_in_a_place),
    "two sources": _in_a_product(_two_sources),
    "patch without its value": _in_a_product(_patch_without_value),
    "URL outside the domain": foreign_url,
    "unknown placeholder": _in_a_product(_unknown_placeholder, known=False),
    "secret in a command": _in_a_product(_secret_in_command, known=False),
    "no port called http": _in_a_product(_no_http_port, known=False),
    "one port twice": _in_a_product(_one_port_twice, known=False),
    "never running": _in_a_product(_never_running, known=False),
    "one front port": one_front_port,
    "part of another platform": part_of_another_platform,
    "kept too short": kept_too_short,
    "unknown time zone": unknown_time_zone,
    "rights in a missing product": rights_in_a_missing_product,
    "broken release of a missing product": broken_release_of_a_missing_product,
    "later release of a missing product": later_release_of_a_missing_product,
    "repositories on EFS": repositories_on_efs,
}


def spoil(data: Document, kinds: list[str], rng: random.Random) -> tuple[Document, list[Spoiled]]:
    """Put faults into a document, each where no other one is.

    Returns:
        A spoiled copy, and where its faults are; kinds that do not apply are left out.
    """
    spoiled = copy.deepcopy(data)
    done: list[Spoiled] = []
    # The particular ones first: they look for products and profiles that the general ones may have replaced.
    for kind in sorted(kinds, key=list(DATA_FAULTS).index, reverse=True):
        attempt = copy.deepcopy(spoiled)
        fault = DATA_FAULTS[kind](attempt, rng)
        if fault is not None and not any(_touch(fault, other) for other in done):
            spoiled = attempt
            done.append(fault)
    return spoiled, done


def _touch(fault: Spoiled, other: Spoiled) -> bool:
    return any(
        one[: len(two)] == two or two[: len(one)] == one for one in fault.touched for two in other.touched
    )


def with_tokens_written(text: str) -> str:
    """The file with the ambiguous values as people write them, without quotes."""
    for token, written in TOKENS.items():
        text = text.replace(json.dumps(token), written).replace(token, written)
    return text


def expected(faults: list[Spoiled]) -> set[str]:
    """The paths at which problems must be reported."""
    return {dotted(fault.at) for fault in faults}
