"""Does an object on the cluster hold all that is desired of it?

An API server adds defaults, leaves out what means nothing, and writes quantities in another way than they came, so
"equal" is not the question. What is desired must be there: every key with its value, every item of a list in its place.
What is not desired any more must be gone, as far as it was ours.

Source: Kubernetes, "Resource units" and the canonical form of quantities (apimachinery, ``resource.Quantity``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from telamon.desired.kubernetes.data import Object
from telamon.naming import MANAGER

_QUANTITY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|[KMGTP]i?)?")
_SCALE: Final[Mapping[str, Decimal]] = {
    "m": Decimal("0.001"),
    "k": Decimal(1000),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("KMGTP", start=1) if unit != "K"},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTP", start=1)},
}
QUANTITIES: Final = frozenset(
    {"default", "defaultRequest", "hard", "limits", "requests", "sizeLimit", "storage"}
)
"""Keys below which texts are quantities."""
OMITTED: Final[tuple[Any, ...]] = (None, "", [], {}, (), False, 0)
"""What an API server leaves out, because it means the same as nothing."""


def covered(live: Object, wanted: Object) -> bool:
    """Whether an object is as it was rendered: all that is wanted is there, and nothing that was applied before only.

    Args:
        live: as the API server returns it.
        wanted: as it was rendered.
    """
    ours = [
        entry.get("fieldsV1", {})
        for entry in live["metadata"].get("managedFields", ())
        if entry.get("manager") == MANAGER and entry.get("operation") == "Apply"
    ]
    return bool(ours) and covers(live, wanted) and not any(_left_over(fields, wanted) for fields in ours)


def covers(live: Any, wanted: Any, *, quantity: bool = False) -> bool:
    """Whether what is there holds all that is wanted.

    Args:
        live: as the API server returns it.
        wanted: as it was rendered.
        quantity: whether texts here are quantities.
    """
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            covers(live[key], value, quantity=quantity or key in QUANTITIES)
            if key in live
            else value in OMITTED
            for key, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return (
            isinstance(live, list | tuple)
            and len(live) == len(wanted)
            and all(covers(one, other, quantity=quantity) for one, other in zip(live, wanted, strict=True))
        )
    if quantity:
        return amount(live) == amount(wanted)
    return bool(live == wanted)


def _left_over(fields: Mapping[str, Any], wanted: Any) -> bool:
    """Whether we have applied a key once that is not wanted any more.

    Source: Kubernetes, "Server-Side Apply", on ``fieldsV1``: ``f:`` begins the name of a key; items of lists begin
    otherwise, and lists are compared as a whole.
    """
    for key, below in fields.items():
        if not key.startswith("f:"):
            continue
        name = key.removeprefix("f:")
        if not isinstance(wanted, Mapping) or name not in wanted:
            return True
        if isinstance(wanted[name], Mapping) and _left_over(below, wanted[name]):
            return True
    return False


def amount(value: Any) -> Decimal | str:
    """How much a quantity is, or the text itself where it is none that is known.

    Args:
        value: as an API server writes it.
    """
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        return str(value)
    return Decimal(match[1]) * (_SCALE[match[2]] if match[2] else 1)
