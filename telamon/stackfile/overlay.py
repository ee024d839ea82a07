"""Laying one document over another: mappings by key, lists of named items by name, everything else whole.

==========================  =====================================================================
in the overlay              what it does to the base
==========================  =====================================================================
a mapping                   goes into the base's mapping, key by key
a list of items with names  goes into the base's list, item by item; new names come last
``delete: true`` in such    takes the item of that name out
an item
any other list              replaces the base's list
a single value              replaces the base's value
nothing (``key:``, null)    takes the key out
==========================  =====================================================================

Every value keeps its own position, so that a problem points into the file that the value came from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from telamon.errors import Problem
from telamon.stackfile.nearest import nearest
from telamon.stackfile.tree import Block, Entry, Listing, Node, Path, Position, Scalar, block, dotted, listing

DELETE: Final = "delete"
"""Key by which an item of a named list is taken out."""

Report = Callable[[Problem], None]


def merge(base: Block, over: Block, *, report: Report, path: Path = ()) -> Block:
    """Lay a mapping over another.

    Args:
        base: what is changed.
        over: the changes.
        report: called with each problem, e.g. a key to take out that is not there.
        path: where both stand.

    Returns:
        A new mapping: the base's keys in the base's order, then new ones.
    """
    merged = {entry.key: entry for entry in base.entries}
    for entry in over.entries:
        here = (*path, entry.key)
        below = merged.get(entry.key)
        if is_nothing(entry.node):
            if merged.pop(entry.key, None) is None:
                report(_nothing_to_delete(entry, here, list(merged)))
        elif below is None:
            merged[entry.key] = entry
        else:
            merged[entry.key] = Entry(
                entry.key, entry.position, _laid(below.node, entry.node, report=report, path=here)
            )
    return block(over.position, tuple(merged.values()))


def is_nothing(node: Node) -> bool:
    """Whether a value is absent: written as null, or not written after its key."""
    return isinstance(node, Scalar) and node.value is None and node.sound


def _laid(base: Node, over: Node, *, report: Report, path: Path) -> Node:
    if isinstance(base, Block) and isinstance(over, Block):
        return merge(base, over, report=report, path=path)
    if isinstance(base, Listing) and isinstance(over, Listing) and over.items:
        named = _by_name(base), _by_name(over)
        if named[0] is not None and named[1] is not None:
            return _merged_items(named[0], named[1], position=over.position, report=report, path=path)
    return over


def _by_name(items: Listing) -> dict[str, Block] | None:
    """The items by name, or ``None`` where one has no name or two share one."""
    named = {
        name: item
        for item in items.items
        if isinstance(item, Block) and isinstance(name := item.value("name"), str)
    }
    return named if len(named) == len(items.items) else None


def _merged_items(
    base: dict[str, Block], over: dict[str, Block], *, position: Position, report: Report, path: Path
) -> Listing:
    merged: dict[str, Node] = dict(base)
    for name, item in over.items():
        below = base.get(name)
        if item.value(DELETE) is True:
            if merged.pop(name, None) is None:
                entry = Entry(name, item.position, item)
                report(_nothing_to_delete(entry, path, list(base)))
        elif below is None:
            merged[name] = item
        else:
            index = list(merged).index(name)
            merged[name] = merge(below, item, report=report, path=(*path, index))
    return listing(position, tuple(merged.values()))


def _nothing_to_delete(entry: Entry, path: Path, known: list[str]) -> Problem:
    near = nearest(entry.key, known)
    hint = f'Did you mean "{near}"?' if near is not None else "Remove the line, or correct the name."
    at = entry.position
    message = f'the base has no "{entry.key}" here that could be taken out'
    return Problem(at.file, at.line, at.column, dotted(path), message, hint, "nothing-to-delete")
