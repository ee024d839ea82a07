"""A Stack or an Operation on a cluster, as people have written it there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from telamon.desired.kubernetes.data import Object
from telamon.naming import GROUP, VERSION

DOWNTIME: Final = f"{GROUP}/downtime"
"""Annotation: components, with commas, for which a planned interruption is agreed to; each alone, or with words after
an equals sign. Other words ask for another try of a release that failed."""

DRIFT: Final = f"{GROUP}/drift"
"""Annotation: ``report`` where what is changed by hand is told and not put right, or the components, with commas, for
which that is so."""
REPORT: Final = "report"

FACTS: Final = f"{GROUP}/facts"
"""Annotation: what Terraform tells of what lies below the cluster, as one line of JSON
(:mod:`telamon.desired.kubernetes.facts`)."""


def document(item: Object) -> dict[str, Any]:
    """What it says, as a file would, without what the API server has added.

    Args:
        item: the object.
    """
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": item["kind"],
        "metadata": {"name": item["metadata"]["name"]},
        "spec": dict(item["spec"]),
    }


def agreed(item: Object) -> dict[str, str]:
    """Components for which a planned interruption is agreed to, and by which words.

    Args:
        item: a Stack.
    """
    text = str((item["metadata"].get("annotations") or {}).get(DOWNTIME, ""))
    parts = (each.strip().partition("=") for each in text.split(",") if each.strip())
    return {name.strip(): words.strip() for name, _, words in parts}


def as_agreed(words: Mapping[str, str]) -> str:
    """The value of :data:`DOWNTIME`.

    Args:
        words: by component; "" for none.
    """
    return ",".join(f"{name}={said}" if said else name for name, said in sorted(words.items()))


def told_below(item: Object) -> str:
    """What Terraform tells of what lies below the cluster; "" where nobody has said so.

    Args:
        item: a Stack.
    """
    return str((item["metadata"].get("annotations") or {}).get(FACTS, ""))


def left_to_drift(item: Object) -> tuple[str, ...]:
    """Components of which what is changed by hand is left as it is; :data:`REPORT` stands for all of them.

    Args:
        item: a Stack.
    """
    text = str((item["metadata"].get("annotations") or {}).get(DRIFT, ""))
    return tuple(sorted({each.strip() for each in text.split(",")} - {""}))
