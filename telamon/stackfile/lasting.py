"""What never changes once it is there, in the words of everybody who refuses it.

The API server does by rules of the custom resource, of which each compares what is written with what was written
before; admission and the operator do by what lives. So a rule speaks only where both say something: what a file leaves
open may be what is there.

Source: Kubernetes, "Extend the Kubernetes API with CustomResourceDefinitions", transition rules (``oldSelf``); "Common
Expression Language in Kubernetes", the libraries of quantities and lists.
"""

from __future__ import annotations

from typing import Final

from telamon.stackfile.structural import RULES, Schema, rule

ELSEWHERE: Final = "another stack, and a restore into it, move what it holds"
SMALLER: Final = f"a volume grows and never shrinks: put the size back; {ELSEWHERE}"
OTHER_CLASS: Final = (
    f"the storage class of volumes cannot change once they are made: put it back; {ELSEWHERE}"
)
OTHER_HOME: Final = f"the shared home cannot lie elsewhere once it is made: put its place back; {ELSEWHERE}"
OTHER_NODE: Final = (
    "homes that were taken over stay those of their nodes: put the list back, and add to its end alone"
)
OTHER_DATABASE: Final = (
    f"a database cannot be kept by another kind once it is made: put the kind back; {ELSEWHERE}"
)

LONGEST_SIZE: Final = 24
"""Characters of a size."""
MOST_COMPANIONS: Final = 6
"""Of one product; an API server bounds the cost of a rule by all that it may have to read."""
PLACE: Final = ("fileSystem", "server", "path", "storageClass", "volume")
"""What says where a shared home lies, beside its kind; somebody's own claim may be another one with the same files."""
_USUAL: Final = (
    "(has({0}.database) ? {0}.database.kind : {0}.platform.kind == 'aws' ? 'rds' : 'cloudnative-pg')"
)


def let_last(spec: Schema) -> None:
    """Add the rules to a stack.

    Args:
        spec: its structural schema; it is changed.
    """
    properties = spec["properties"]
    product = properties["products"]["additionalProperties"]
    companion = product["properties"]["companions"]["additionalProperties"]
    product["properties"]["companions"]["maxProperties"] = MOST_COMPANIONS
    storage = product["properties"]["storage"]["properties"]
    own = _below(storage, "localHome")
    _grow_only(product, "storage", "localHome", "size")
    _grow_only(product, "storage", "sharedHome", "size")
    _grow_only(companion, "storage", "size")
    for home in (
        own,
        _below(companion["properties"], "storage"),
        _below(properties["storage"]["properties"], "local"),
    ):
        _add(home["properties"]["storageClass"], "self == oldSelf", OTHER_CLASS)
    volumes = own["properties"]["volumes"]
    volumes["maxItems"] = product["properties"]["nodes"]["maximum"]
    _add(volumes, "oldSelf.all(name, self.indexOf(name) == oldSelf.indexOf(name))", OTHER_NODE)
    for shared in (
        _below(storage, "sharedHome")["properties"]["volume"],
        properties["storage"]["properties"]["shared"],
    ):
        same = " && ".join(
            f"has(self.{key}) == has(oldSelf.{key}) && (!has(self.{key}) || self.{key} == oldSelf.{key})"
            for key in PLACE
        )
        _add(shared, f"self.kind == oldSelf.kind && {same}", OTHER_HOME)
    _grow_only(spec, "database", "storage")
    kinds = " == ".join(_USUAL.format(each) for each in ("self", "oldSelf"))
    on_cluster = "!has(self.platform) || !has(oldSelf.platform) || self.platform.kind == 'lab'"
    _add(spec, f"{on_cluster} || {kinds}", OTHER_DATABASE, field=".database")


def _below(properties: Schema, key: str) -> Schema:
    found: Schema = properties[key]
    return found


def _grow_only(node: Schema, *path: str) -> None:
    """A size that is written is written from then on, and as large at least."""
    size = node
    for key in path:
        size = size["properties"][key]
    size["maxLength"] = LONGEST_SIZE
    name = ".".join(path)
    there = [
        " && ".join(f"has({root}.{'.'.join(path[: n + 1])})" for n in range(len(path)))
        for root in ("oldSelf", "self")
    ]
    grows = f"!quantity(self.{name}).isLessThan(quantity(oldSelf.{name}))"
    _add(node, f"!({there[0]}) || ({there[1]} && {grows})", SMALLER, field=f".{path[0]}")


def _add(node: Schema, expression: str, message: str, *, field: str = "") -> None:
    node.setdefault(RULES, []).append(rule(expression, message, field=field))
