"""The query language: from text to a tree. A subset, with the product's own words for what is wrong.

::

    query  := [or] ["order" "by" field ["asc"|"desc"] {"," field ["asc"|"desc"]}]
    or     := and {"or" and}
    and    := not {("and"|"&&") not}
    not    := ("not"|"!") not | "(" or ")" | clause
    clause := field operator operand | field "is" ["not"] ("empty"|"null")
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from understudy.kit.errors import BadRequest

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
        |(?P<operator>!=|!~|<=|>=|&&|\|\||[=~<>!(),])
        |(?P<word>[^\s=~<>!(),"'&|]+)
    )""",
    re.VERBOSE,
)
_MAXIMUM_DEPTH = 50
_COMPARISONS = frozenset({"=", "!=", "~", "!~", "<", "<=", ">", ">="})
_RESERVED = frozenset({"and", "or", "not", "in", "is", "order", "by"})


@dataclass(frozen=True)
class Token:
    """A piece of the text; ``plain`` tells a word from a quoted string and an operator."""

    text: str
    plain: bool
    operator: bool
    at: int

    def is_word(self, *words: str) -> bool:
        """Whether it is one of the words, whatever the case."""
        return self.plain and self.text.lower() in words


@dataclass(frozen=True)
class Operand:
    """A value, or a call of a function without arguments such as ``currentUser()``."""

    text: str
    function: bool = False


@dataclass(frozen=True)
class Clause:
    """A field, an operator (a comparison, ``in``, ``not in``, ``is`` or ``is not``) and its operands."""

    field: str
    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True)
class Negation:
    """``not`` something."""

    inner: Node


@dataclass(frozen=True)
class Combination:
    """Several nodes, all of which (``and``) or one of which (``or``) must hold."""

    word: str
    parts: tuple[Node, ...]


Node = Clause | Negation | Combination


@dataclass(frozen=True)
class Order:
    """One key to sort by."""

    field: str
    descending: bool


@dataclass(frozen=True)
class Jql:
    """A whole query; without a condition it matches every issue."""

    condition: Node | None
    order: tuple[Order, ...]


def parse(text: str) -> Jql:
    """Read a query.

    Raises:
        BadRequest: it is not in the language; the message says where.
    """
    parser = _Parser(_split(text))
    condition = None if parser.at_end or parser.sees("order") else parser.disjunction(0)
    order = parser.order()
    parser.expect_end()
    return Jql(condition, order)


def _split(text: str) -> list[Token]:
    tokens, at = [], 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise _error(f"Unexpected character at position {at + 1}.")
        if (quoted := found["quoted"]) is not None:
            tokens.append(Token(re.sub(r"\\(.)", r"\1", quoted[1:-1]), False, False, at))
        elif (operator := found["operator"]) is not None:
            tokens.append(Token(operator, False, True, at))
        else:
            tokens.append(Token(found["word"], True, False, at))
        at = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0

    @property
    def at_end(self) -> bool:
        return self._next >= len(self._tokens)

    def sees(self, *words: str) -> bool:
        return not self.at_end and self._tokens[self._next].is_word(*words)

    def sees_operator(self, *operators: str) -> bool:
        token = None if self.at_end else self._tokens[self._next]
        return token is not None and token.operator and token.text in operators

    def disjunction(self, depth: int) -> Node:
        parts = [self._conjunction(depth)]
        while self.sees("or") or self.sees_operator("||"):
            self._take()
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else Combination("or", tuple(parts))

    def order(self) -> tuple[Order, ...]:
        if not self.sees("order"):
            return ()
        self._take()
        if not self.sees("by"):
            raise self._unexpected("'by'")
        keys: list[Order] = []
        while not keys or self.sees_operator(","):
            self._take()
            field = self._value("a field").text.lower()
            descending = self.sees("desc")
            if self.sees("asc", "desc"):
                self._take()
            keys.append(Order(field, descending))
        return tuple(keys)

    def expect_end(self) -> None:
        if not self.at_end:
            raise self._unexpected("'AND', 'OR' or the end of the query")

    def _conjunction(self, depth: int) -> Node:
        parts = [self._negation(depth)]
        while self.sees("and") or self.sees_operator("&&"):
            self._take()
            parts.append(self._negation(depth))
        return parts[0] if len(parts) == 1 else Combination("and", tuple(parts))

    def _negation(self, depth: int) -> Node:
        if depth > _MAXIMUM_DEPTH:
            raise _error("The query is nested too deeply.")
        if self.sees("not") or self.sees_operator("!"):
            self._take()
            return Negation(self._negation(depth + 1))
        if self.sees_operator("("):
            self._take()
            inner = self.disjunction(depth + 1)
            self._close()
            return inner
        return self._clause()

    def _clause(self) -> Clause:
        field = self._value("a field name").text.lower()
        if self.sees("is"):
            self._take()
            negative = self._skip("not")
            if not self.sees("empty", "null"):
                raise self._unexpected("'EMPTY' or 'NULL'")
            self._take()
            return Clause(field, "is not" if negative else "is", ())
        if self.sees("in", "not"):
            negative = self._skip("not")
            if not self._skip("in"):
                raise self._unexpected("'IN'")
            return Clause(field, "not in" if negative else "in", self._list())
        if not self.sees_operator(*_COMPARISONS):
            raise self._unexpected("an operator")
        operator = self._take().text
        return Clause(field, operator, (self._operand(),))

    def _list(self) -> tuple[Operand, ...]:
        if not self.sees_operator("("):
            raise self._unexpected("'('")
        operands: list[Operand] = []
        while not operands or self.sees_operator(","):
            self._take()
            operands.append(self._operand())
        self._close()
        return tuple(operands)

    def _operand(self) -> Operand:
        token = self._value("a value")
        if token.plain and self.sees_operator("("):
            self._take()
            self._close()
            return Operand(token.text.lower(), function=True)
        return Operand(token.text)

    def _value(self, what: str) -> Token:
        if self.at_end or self._tokens[self._next].operator or self.sees(*_RESERVED):
            raise self._unexpected(what)
        return self._take()

    def _close(self) -> None:
        if not self.sees_operator(")"):
            raise self._unexpected("')'")
        self._take()

    def _skip(self, word: str) -> bool:
        if not self.sees(word):
            return False
        self._take()
        return True

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _unexpected(self, wanted: str) -> BadRequest:
        if self.at_end:
            return _error(f"Expecting {wanted} before the end of the query.")
        token = self._tokens[self._next]
        return _error(f"Expecting {wanted} but got '{token.text}'. (line 1, character {token.at + 1})")


def _error(message: str) -> BadRequest:
    return BadRequest(f"Error in the JQL Query: {message}")
