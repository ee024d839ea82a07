"""From files to one document: a stack file, or an overlay with everything it extends, and profiles in their place.

Files other than the first are got through a :class:`Loader`, which the caller brings; this module performs no I/O.
"""

from __future__ import annotations

from typing import Final, Protocol

from telamon import naming
from telamon.errors import Problem, brief
from telamon.stackfile.compose import compose
from telamon.stackfile.overlay import is_nothing, merge
from telamon.stackfile.tree import (
    Block,
    Entry,
    Node,
    Path,
    Position,
    Scalar,
    block,
    dotted,
    scalars,
    where,
)

_IN_FILES: Final = ("profile", "observed")
"""Parts of a product that may stand in a file of their own."""
LONGEST_CHAIN: Final = 8
"""Most files of a chain of overlays, the stack file at its end included."""


class Loader(Protocol):
    """Reads a file that another file refers to."""

    def __call__(self, reference: str, *, beside: str) -> tuple[str, bytes]:
        """Read a file.

        Args:
            reference: relative path, as it stands in the file.
            beside: name of the file it stands in, as this loader (or the caller of the reader) gave it.

        Returns:
            The file's own name, the same for the same file however it is referred to, and its content.

        Raises:
            OSError: it cannot be read.
        """
        ...


def no_files(reference: str, *, beside: str) -> tuple[str, bytes]:
    """The loader of a caller that has one text and no files beside it."""
    raise FileNotFoundError(f"{reference} cannot be looked for beside {beside}: other files are not at hand")


class Gatherer:
    """Builds the document of a stack file out of all files that belong to it.

    Attributes:
        problems: everything met on the way.
        unread: paths under which a file could not be read; a key that is missing there means nothing.
    """

    def __init__(self, loader: Loader) -> None:
        self.problems: list[Problem] = []
        self.unread: list[Path] = []
        self._loader = loader

    def document(self, content: bytes, *, source: str) -> Block | None:
        """Read a file and all it refers to.

        Args:
            content: the file.
            source: its name.

        Returns:
            The document as if it had been written in one file, or ``None`` where none can be made.
        """
        document = self._chain(content, (source,))
        if document is None:
            return None
        self._report_nothings(document)
        return self._with_profiles(document)

    def _chain(self, content: bytes, files: tuple[str, ...]) -> Block | None:
        node, problems = compose(content, file=files[-1])
        self.problems += problems
        if node is None:
            return None
        if not isinstance(node, Block):
            self._report(
                node.position,
                (),
                rule="document",
                message="this is not a mapping",
                remedy="Begin with apiVersion, kind, metadata and spec.",
            )
            return None
        extends = node.entry("extends")
        sound = self._kind_is_right(node, extended=extends is not None)
        if extends is None:
            return node if sound else _with_unsound_kind(node)
        base = self._base(extends, files)
        over = block(
            node.position, tuple(entry for entry in node.entries if entry.key not in {"extends", "kind"})
        )
        if base is None:
            self.unread.append(())
            return self._alone(over, extends)
        return merge(base, over, report=self.problems.append)

    def _alone(self, over: Block, extends: Entry) -> Block:
        # Without its base an overlay can still be checked for what is wrong in itself.
        kind = Scalar(extends.position, naming.STACK_KIND, naming.STACK_KIND)
        return block(over.position, (*over.entries, Entry("kind", extends.position, kind)))

    def _base(self, extends: Entry, files: tuple[str, ...]) -> Block | None:
        loaded = self._load(extends.node, ("extends",), beside=files[-1], rule="extends")
        if loaded is None:
            return None
        name, content = loaded
        if name in files:
            way = " -> ".join((*files[files.index(name) :], name))
            self._report(
                extends.node.position,
                ("extends",),
                rule="extends",
                message=f"this chain has no end: {way}",
                remedy="Extend another file.",
            )
            return None
        if len(files) == LONGEST_CHAIN:
            message = f"the chain of overlays has more than {LONGEST_CHAIN} files"
            self._report(
                extends.node.position,
                ("extends",),
                rule="extends",
                message=message,
                remedy="Join some of them.",
            )
            return None
        return self._chain(content, (*files, name))

    def _load(self, node: Node, path: Path, *, beside: str, rule: str) -> tuple[str, bytes] | None:
        reference = node.value if isinstance(node, Scalar) else None
        if not isinstance(reference, str) or not reference:
            self._report(
                node.position,
                path,
                rule=rule,
                message="this is not the name of a file",
                remedy="Write a relative path.",
            )
            return None
        if reference.startswith(("/", "~")) or "://" in reference or "\0" in reference:
            self._report(
                node.position,
                path,
                rule=rule,
                message=f'"{reference}" is not a relative path',
                remedy="Write the path from this file to the other, so that both can move together.",
            )
            return None
        try:
            return self._loader(reference, beside=beside)
        except OSError as error:
            message = f'"{reference}" cannot be read: {error.strerror or brief(error)}'
            self._report(
                node.position,
                path,
                rule=rule,
                message=message,
                remedy="Check the path; it is relative to this file.",
            )
            return None

    def _kind_is_right(self, node: Block, *, extended: bool) -> bool:
        """Check what only an overlay makes wrong; any other word is the models' business."""
        kind = node.value("kind")
        entry = node.entry("kind")
        at = node.position if entry is None else entry.node.position
        if extended and kind != naming.OVERLAY_KIND:
            message = "a file with extends is not a whole stack"
            remedy = f"Write kind: {naming.OVERLAY_KIND}; kubectl then refuses it, as it should."
        elif not extended and kind == naming.OVERLAY_KIND:
            message, remedy = (
                "an overlay has to say what it extends",
                "Write extends: and the path of the other file.",
            )
        else:
            return True
        self._report(at, ("kind",), rule="kind", message=message, remedy=remedy)
        return False

    def _report_nothings(self, document: Block) -> None:
        for path, scalar in scalars(document):
            if is_nothing(scalar):
                at = where(document, path, key=True)
                message = f"nothing is written after {dotted(path[-1:])}" if path else "nothing is written"
                self._report(
                    at, path, rule="no-value", message=message, remedy="Write a value, or remove the key."
                )

    def _with_profiles(self, document: Block) -> Block:
        path: Path = ("spec", "products")
        spec = document.entry("spec")
        products = spec.node.entry("products") if spec is not None and isinstance(spec.node, Block) else None
        if spec is None or products is None or not isinstance(products.node, Block):
            return document
        entries = products.node.entries
        for key in _IN_FILES:
            entries = tuple(self._with_file(entry, (*path, entry.key), key=key) for entry in entries)
        changed = _with(spec.node, "products", block(products.node.position, entries))
        return _with(document, "spec", changed)

    def _with_file(self, product: Entry, path: Path, *, key: str) -> Entry:
        """The product with a part of it that stands in a file of its own."""
        given = product.node.entry(key) if isinstance(product.node, Block) else None
        if given is None or not isinstance(product.node, Block) or not isinstance(given.node, Scalar):
            return product
        here = (*path, key)
        if is_nothing(given.node):
            return product
        loaded = self._load(given.node, here, beside=given.node.position.file, rule=key)
        written = None if loaded is None else self._mapping(*loaded, here)
        if written is None:
            # The product then counts as one that has it, and of which nothing is known.
            self.unread.append(here)
            written = block(given.node.position, ())
        return Entry(product.key, product.position, _with(product.node, key, written))

    def _mapping(self, name: str, content: bytes, path: Path) -> Block | None:
        node, problems = compose(content, file=name)
        self.problems += problems
        if isinstance(node, Block):
            self._report_nothings(node)
            return node
        if node is not None:
            key = str(path[-1])
            self._report(
                node.position,
                path,
                rule=key,
                message="this is not a mapping",
                remedy=f"Write the keys of {'a profile' if key == 'profile' else key}.",
            )
        return None

    def _report(self, position: Position, path: Path, *, rule: str, message: str, remedy: str) -> None:
        self.problems.append(
            Problem(position.file, position.line, position.column, dotted(path), message, remedy, rule)
        )


def _with_unsound_kind(document: Block) -> Block:
    kind = document.entry("kind")
    at = document.position if kind is None else kind.node.position
    return _with(document, "kind", Scalar(at, naming.OVERLAY_KIND, naming.OVERLAY_KIND, sound=False))


def _with(node: Node, key: str, value: Node) -> Block:
    entries = node.entries if isinstance(node, Block) else ()
    return block(
        node.position,
        tuple(Entry(key, entry.position, value) if entry.key == key else entry for entry in entries),
    )
