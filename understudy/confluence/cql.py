"""The query language: text to a tree, and the tree to a query of the index.

Held are the fields ``ancestor content container creator contributor created lastmodified id label parent
siteSearch space space.key text title type``, the operators ``= != ~ !~ > >= < <= in`` and ``not in``,
``and or not``, brackets, ``order by`` with one field, and the functions ``currentUser()`` and ``now()``.
Source: Atlassian, "Advanced searching using CQL". Everything else is refused with the words of a syntax
error, never ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from understudy.kit.errors import BadRequest

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
        |(?P<operator>!=|!~|>=|<=|=|~|>|<|\(|\)|,)
        |(?P<word>[^\s"'=!~<>(),]+))""",
    re.VERBOSE,
)
_OPERATORS: Final = frozenset({"=", "!=", "~", "!~", ">", ">=", "<", "<="})
_MAXIMUM_TOKENS: Final = 500


@dataclass(frozen=True)
class Call:
    """A function in place of a value, such as ``now("-1d")``."""

    name: str
    arguments: tuple[str, ...]


Value = str | Call


@dataclass(frozen=True)
class Clause:
    """One comparison; ``in`` has several values, every other operator one."""

    field: str
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Not:
    """The opposite of a tree."""

    inner: Tree


@dataclass(frozen=True)
class Junction:
    """Several trees, all of which (``and``) or any of which (``or``) must hold."""

    conjunction: bool
    parts: tuple[Tree, ...]


Tree = Clause | Not | Junction


@dataclass(frozen=True)
class Cql:
    """A query: the tree (None finds everything), and the order."""

    tree: Tree | None
    order_by: str | None
    descending: bool


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str

    def is_word(self, word: str) -> bool:
        return self.kind == "word" and self.text.lower() == word


def parse_cql(text: str) -> Cql:
    """Read a query.

    Raises:
        BadRequest: it is none, or goes beyond what is held here.
    """
    return _Parser(_tokens(text), text).query()


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or len(found) >= _MAXIMUM_TOKENS:
            raise BadRequest(f"Could not parse cql : {text[:200]}")
        at = match.end()
        kind = str(match.lastgroup)
        token = match[kind]
        if kind == "string":
            token = re.sub(r"\\(.)", r"\1", token[1:-1])
        found.append(_Token(kind, token))
    return found


class _Parser:
    """Recursive descent: or, and, not, then a comparison or a bracket."""

    def __init__(self, tokens: list[_Token], text: str) -> None:
        self._tokens = tokens
        self._text = text
        self._at = 0

    def query(self) -> Cql:
        tree = None if self._next_is_word("order") or not self._tokens else self._any_of()
        order_by, descending = self._order()
        if self._at != len(self._tokens):
            raise self._refusal()
        return Cql(tree, order_by, descending)

    def _order(self) -> tuple[str | None, bool]:
        if not self._take_word("order"):
            return None, True
        if not self._take_word("by"):
            raise self._refusal()
        field = self._take("word").text.lower()
        descending = self._take_word("desc")
        if not descending:
            self._take_word("asc")
        return field, descending

    def _any_of(self) -> Tree:
        parts = [self._all_of()]
        while self._take_word("or"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else Junction(False, tuple(parts))

    def _all_of(self) -> Tree:
        parts = [self._term()]
        while self._take_word("and"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else Junction(True, tuple(parts))

    def _term(self) -> Tree:
        if self._take_word("not"):
            return Not(self._term())
        if self._take_operator("("):
            tree = self._any_of()
            if not self._take_operator(")"):
                raise self._refusal()
            return tree
        return self._clause()

    def _clause(self) -> Tree:
        field = self._take("word").text.lower()
        if self._take_word("not"):
            if not self._take_word("in"):
                raise self._refusal()
            return Not(Clause(field, "in", self._values()))
        if self._take_word("in"):
            return Clause(field, "in", self._values())
        operator = self._take("operator").text
        if operator not in _OPERATORS:
            raise self._refusal()
        value = self._value()
        if operator in {"!=", "!~"}:
            return Not(Clause(field, operator[1:], (value,)))
        return Clause(field, operator, (value,))

    def _values(self) -> tuple[Value, ...]:
        if not self._take_operator("("):
            raise self._refusal()
        values = [self._value()]
        while self._take_operator(","):
            values.append(self._value())
        if not self._take_operator(")"):
            raise self._refusal()
        return tuple(values)

    def _value(self) -> Value:
        token = self._peek()
        if token is None or token.kind == "operator":
            raise self._refusal()
        self._at += 1
        if token.kind == "word" and self._take_operator("("):
            return self._call(token.text)
        return token.text

    def _call(self, name: str) -> Call:
        arguments: list[str] = []
        while not self._take_operator(")"):
            token = self._peek()
            if token is None:
                raise self._refusal()
            self._at += 1
            if token.text != ",":
                arguments.append(token.text)
        return Call(name.lower(), tuple(arguments))

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next_is_word(self, word: str) -> bool:
        token = self._peek()
        return token is not None and token.is_word(word)

    def _take(self, kind: str) -> _Token:
        token = self._peek()
        if token is None or token.kind != kind:
            raise self._refusal()
        self._at += 1
        return token

    def _take_word(self, word: str) -> bool:
        if not self._next_is_word(word):
            return False
        self._at += 1
        return True

    def _take_operator(self, text: str) -> bool:
        token = self._peek()
        if token is None or token.kind != "operator" or token.text != text:
            return False
        self._at += 1
        return True

    def _refusal(self) -> BadRequest:
        return BadRequest(f"Could not parse cql : {self._text[:200]}")
