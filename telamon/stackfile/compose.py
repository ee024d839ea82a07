"""Text to tree: the YAML of one file, with everything in it that is not fit for a stack file.

The library gives events with positions; this module builds the tree from them. It goes on after a problem where that
makes sense (a key twice, a value that readers disagree on) and stops where it does not (broken syntax, a bomb).

Bounds, because a stack file may come from anybody: 20,000 values after every alias is followed, and 40 levels.
A bomb of aliases is found while it is read, because sizes add up from below, and is never unfolded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from telamon.errors import InternalError, Problem, brief
from telamon.stackfile.decode import decode
from telamon.stackfile.scalars import resolve, trap
from telamon.stackfile.tree import Block, Entry, Listing, Node, Position, Scalar, block, dotted, listing

MOST_VALUES: Final = 20_000
"""Most values of a file, each alias counted as often as it is used."""
DEEPEST: Final = 40
"""Most levels of mappings and lists within one another."""


_HALF: Final = re.compile(r"[\ud800-\udfff]")


class _Stop(Exception):
    """Nothing behind this problem can be read."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def compose(content: bytes, *, file: str) -> tuple[Node | None, list[Problem]]:
    """Read one YAML document.

    Args:
        content: the file.
        file: its name, for positions.

    Returns:
        The tree, ``None`` where nothing could be read, and every problem met on the way.
    """
    text = decode(content, file=file)
    if isinstance(text, Problem):
        return None, [text]
    composer = _Composer(file)
    try:
        return composer.document(text), composer.problems
    except _Stop as stop:
        return None, [*composer.problems, stop.problem]


def _problem(position: Position, rule: str, message: str, *, remedy: str, path: str = "") -> Problem:
    return Problem(position.file, position.line, position.column, path, message, remedy, rule)


class _Composer:
    """Builds the tree of one document out of events."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._anchors: dict[str, Node] = {}
        self._open: set[str] = set()
        self._path: list[str | int] = []
        self._values = 0

    def document(self, text: str) -> Node:
        try:
            return self._document(_events(text))
        except ReaderError as error:
            raise _Stop(self._unreadable(text, error)) from error
        except MarkedYAMLError as error:
            raise _Stop(self._syntax(text, error)) from error
        except (YAMLError, AssertionError, AttributeError, IndexError, TypeError, ValueError) as error:
            # The library's own slips on odd input (a directive without its number, say) are problems of the input.
            top = Position(self.file, 1, 1)
            raise _Stop(
                _problem(
                    top, "syntax", f"this is not YAML: {brief(error)}", remedy="Check tags and directives."
                )
            ) from error

    def _document(self, events: Iterator[Event]) -> Node:
        next(events)
        first = next(events)
        top = Position(self.file, 1, 1)
        if isinstance(first, StreamEndEvent):
            raise _Stop(
                _problem(
                    top,
                    "empty",
                    "the file is empty",
                    remedy="Begin with apiVersion, kind, metadata and spec.",
                )
            )
        node = self._node(next(events), events, depth=0)
        next(events)
        following = next(events)
        if isinstance(following, DocumentStartEvent):
            self._report(
                self._position(following),
                "one-document",
                "a second document begins here",
                remedy="Keep one document in a file, and remove the line with ---.",
            )
        return node

    def _node(self, event: Event, events: Iterator[Event], *, depth: int) -> Node:
        position = self._position(event)
        if isinstance(event, AliasEvent):
            return self._alias(event, position)
        self._values += 1
        if depth > DEEPEST or self._values > MOST_VALUES:
            raise _Stop(self._too_large(position, deep=depth > DEEPEST))
        anchor = event.anchor if isinstance(event, NodeEvent) else None
        if anchor is not None:
            self._open.add(anchor)
        self._check_tag(event, position)
        node = self._inside(event, events, position, depth=depth)
        if node.size > MOST_VALUES:
            raise _Stop(self._too_large(position, deep=False))
        if anchor is not None:
            self._open.discard(anchor)
            self._anchors[anchor] = node
        return node

    def _inside(self, event: Event, events: Iterator[Event], position: Position, *, depth: int) -> Node:
        if isinstance(event, MappingStartEvent):
            return self._block(events, position, depth=depth)
        if isinstance(event, SequenceStartEvent):
            items: list[Node] = []
            for following in events:
                if isinstance(following, SequenceEndEvent):
                    break
                self._path.append(len(items))
                items.append(self._node(following, events, depth=depth + 1))
                self._path.pop()
            return listing(position, tuple(items))
        if isinstance(event, ScalarEvent):
            return self._scalar(event, position)
        raise InternalError(f"the YAML library gave {type(event).__name__} where a value begins")

    def _block(self, events: Iterator[Event], position: Position, *, depth: int) -> Block:
        entries: dict[str, Entry] = {}
        merged: list[Block] = []
        for following in events:
            if isinstance(following, MappingEndEvent):
                break
            key = self._node(following, events, depth=depth + 1)
            name = self._key(key)
            self._path.append("?" if name is None else name)
            value = self._node(next(events), events, depth=depth + 1)
            if isinstance(key, Scalar) and key.plain and name == "<<":
                merged += self._merged(value)
            elif name is not None:
                self._enter(entries, Entry(name, key.position, value))
            self._path.pop()
        for source in merged:
            for entry in source.entries:
                entries.setdefault(entry.key, entry)
        return block(position, tuple(entries.values()))

    def _enter(self, entries: dict[str, Entry], entry: Entry) -> None:
        earlier = entries.get(entry.key)
        if earlier is None:
            entries[entry.key] = entry
            return
        self._report(
            entry.position,
            "duplicate-key",
            f'"{entry.key}" stands here a second time; the first is on line {earlier.position.line}',
            remedy="Keep one of them.",
        )

    def _key(self, key: Node) -> str | None:
        if isinstance(key, Scalar):
            if isinstance(key.value, str):
                return key.value
            if key.value is None:
                self._report(
                    key.position, "key-is-text", "a key is missing before the colon", remedy="Write a key."
                )
                return None
            if key.sound:
                self._report(
                    key.position,
                    "key-is-text",
                    f"the key {key.text} is not text",
                    remedy=f'Write it in quotes: "{key.text}".',
                )
            return key.text
        self._report(
            key.position, "key-is-text", "a key cannot be a list or a mapping", remedy="Write a word."
        )
        return None

    def _merged(self, value: Node) -> list[Block]:
        sources = value.items if isinstance(value, Listing) else (value,)
        for source in sources:
            if not isinstance(source, Block):
                self._report(
                    source.position,
                    "merge-key",
                    "<< takes a mapping, or a list of them",
                    remedy="Name an anchor.",
                )
        return [source for source in sources if isinstance(source, Block)]

    def _scalar(self, event: ScalarEvent, position: Position) -> Scalar:
        text = self._whole(event.value, position)
        if event.style not in {None, ""} or event.tag is not None:
            return Scalar(position, text, text, plain=False)
        trapped = trap(text)
        if trapped is not None:
            message, remedy = trapped
            self._report(position, "ambiguous-value", message, remedy=remedy)
        return Scalar(position, resolve(text), text, sound=trapped is None)

    def _whole(self, text: str, position: Position) -> str:
        """Join characters that were escaped in two halves, as JSON does it, and refuse a half that stands alone."""
        if not _HALF.search(text):
            return text
        joined = text.encode("utf-16", errors="surrogatepass").decode("utf-16", errors="replace")
        if "\ufffd" in joined and "\ufffd" not in text:
            self._report(
                position, "character", "half a character stands here", remedy="Write the character itself."
            )
        return joined

    def _alias(self, event: AliasEvent, position: Position) -> Node:
        name: str = event.anchor
        if name in self._open:
            raise _Stop(
                self._located(
                    position, "alias", f"*{name} stands within &{name} itself", remedy="Write it out."
                )
            )
        node = self._anchors.get(name)
        if node is None:
            self._report(
                position,
                "alias",
                f"*{name} names no anchor above it",
                remedy=f"Write &{name} before its first use.",
            )
            return Scalar(position, None, f"*{name}", sound=False)
        return node

    def _check_tag(self, event: Event, position: Position) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._report(
                position,
                "tag",
                f"the tag {tag} is not used in a stack file",
                remedy="Remove it; put text in quotes.",
            )

    def _too_large(self, position: Position, *, deep: bool) -> Problem:
        if deep:
            return self._located(
                position,
                "depth",
                f"this stands more than {DEEPEST} levels deep",
                remedy="Check the indentation.",
            )
        return self._located(
            position,
            "values",
            f"the file has more than {MOST_VALUES:,} values once its aliases are followed",
            remedy="Use fewer aliases; a stack file needs a few hundred values.",
        )

    def _syntax(self, text: str, error: MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark
        position = (
            Position(self.file, 1, 1) if mark is None else Position(self.file, mark.line + 1, mark.column + 1)
        )
        reason = brief(ValueError(error.problem or error.context or "broken syntax"))
        lines = text.splitlines()
        line = lines[position.line - 1] if position.line <= len(lines) else ""
        if "\t" in line[: position.column]:
            return _problem(position, "tab", "a tab cannot indent or separate here", remedy="Use spaces.")
        return _problem(
            position,
            "syntax",
            f"this is not YAML: {reason}",
            remedy="Check the indentation, the colons and the quotes around here.",
        )

    def _unreadable(self, text: str, error: ReaderError) -> Problem:
        before = text[: error.position]
        position = Position(self.file, before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
        code = error.character if isinstance(error.character, int) else ord(error.character[:1] or "\0")
        return _problem(
            position, "character", f"the character U+{code:04X} is not allowed in YAML", remedy="Remove it."
        )

    def _position(self, event: Any) -> Position:
        mark = event.start_mark
        return Position(self.file, mark.line + 1, mark.column + 1)

    def _report(self, position: Position, rule: str, message: str, *, remedy: str) -> None:
        self.problems.append(self._located(position, rule, message, remedy=remedy))

    def _located(self, position: Position, rule: str, message: str, *, remedy: str) -> Problem:
        # Deep down a path says nothing any more, and a bomb's would fill the screen.
        return _problem(position, rule, message, remedy=remedy, path=dotted(tuple(self._path[:12])))


def _events(text: str) -> Iterator[Event]:
    # The parser in Python, wherever an extension in C is installed too: positions must not depend on the machine.
    events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)
    return events
