"""The text of a stack file as a tree in which every value knows where it stands.

Values are plain: text, numbers, truth values, nothing. The tree is what overlays merge and what problems point into;
models never see it, they get :func:`plain` data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Keys and list positions from the top of the document down to a value."""

PlainScalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands. Lines and columns count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value.

    Attributes:
        position: where it begins.
        value: what it means.
        text: as it was written, without quotes.
        plain: whether it was written without quotes.
        sound: whether nothing was said against it so far; a second problem about the same value helps nobody.
    """

    position: Position
    value: PlainScalar
    text: str
    plain: bool = True
    sound: bool = True

    @property
    def size(self) -> int:
        """How many values it stands for: one."""
        return 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping, with its value."""

    key: str
    position: Position
    node: Node


@dataclass(frozen=True, slots=True)
class Block:
    """A mapping.

    Attributes:
        position: where it begins.
        entries: in the order of the file; no key twice.
        size: how many values it holds, itself included, each alias counted as often as it is used.
    """

    position: Position
    entries: tuple[Entry, ...]
    size: int

    def entry(self, key: str) -> Entry | None:
        """The entry with that key, if there is one."""
        return next((entry for entry in self.entries if entry.key == key), None)

    def value(self, key: str) -> PlainScalar:
        """The single value under a key; ``None`` where there is none."""
        entry = self.entry(key)
        return entry.node.value if entry is not None and isinstance(entry.node, Scalar) else None


@dataclass(frozen=True, slots=True)
class Listing:
    """A list."""

    position: Position
    items: tuple[Node, ...]
    size: int


Node = Scalar | Block | Listing


def block(position: Position, entries: tuple[Entry, ...]) -> Block:
    """Make a mapping and count its values."""
    return Block(position, entries, 1 + sum(entry.node.size for entry in entries))


def listing(position: Position, items: tuple[Node, ...]) -> Listing:
    """Make a list and count its values."""
    return Listing(position, items, 1 + sum(item.size for item in items))


def plain(node: Node) -> object:
    """The tree as dictionaries, lists and single values."""
    if isinstance(node, Block):
        return {entry.key: plain(entry.node) for entry in node.entries}
    if isinstance(node, Listing):
        return [plain(item) for item in node.items]
    return node.value


def child(node: Node, step: str | int) -> Node | None:
    """The value one step below a node, if there is one."""
    if isinstance(node, Block) and isinstance(step, str):
        entry = node.entry(step)
        return None if entry is None else entry.node
    if isinstance(node, Listing) and isinstance(step, int) and 0 <= step < len(node.items):
        return node.items[step]
    return None


def find(node: Node, path: Path) -> Node | None:
    """The value at a path, if there is one."""
    found: Node | None = node
    for step in path:
        found = None if found is None else child(found, step)
    return found


def where(root: Node, path: Path, *, key: bool = False) -> Position:
    """Where a path stands: the value itself, or the nearest thing above it that exists.

    Args:
        root: the document.
        path: what is looked for.
        key: point to the key rather than the value.

    Returns:
        The position; a mapping or list below a key is found at its key, where people look for it.
    """
    position, node = root.position, root
    for depth, step in enumerate(path):
        below = child(node, step)
        if below is None:
            break
        last = depth == len(path) - 1
        position = _shown(node, step, below, key=key and last)
        node = below
    return position


def _shown(parent: Node, step: str | int, below: Node, *, key: bool) -> Position:
    if isinstance(parent, Block) and isinstance(step, str) and (key or not isinstance(below, Scalar)):
        entry = parent.entry(step)
        if entry is not None:
            return entry.position
    return below.position


def scalars(node: Node, path: Path = ()) -> Iterator[tuple[Path, Scalar]]:
    """Every single value with its path, in the order of the file."""
    if isinstance(node, Block):
        for entry in node.entries:
            yield from scalars(entry.node, (*path, entry.key))
    elif isinstance(node, Listing):
        for index, item in enumerate(node.items):
            yield from scalars(item, (*path, index))
    else:
        yield path, node


def dotted(path: Path) -> str:
    """A path as people write it: ``spec.products.wiki.volumes[0].name``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")
