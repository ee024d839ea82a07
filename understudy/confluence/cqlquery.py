"""From the tree of a query to a query of the index."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import tantivy

from understudy.confluence.cql import Call, Clause, Cql, Junction, Not, Tree, Value
from understudy.kit.errors import BadRequest
from understudy.kit.index import SearchIndex

KEYWORDS = {
    "ancestor": "ancestor",
    "container": "container",
    "content": "id",
    "contributor": "contributor",
    "creator": "creator",
    "id": "id",
    "label": "label",
    "parent": "parent",
    "space": "space",
    "space.key": "space",
    "type": "type",
}
TEXTS = {"title": ("title",), "text": ("title", "text"), "sitesearch": ("title", "text")}
DATES = {"created": "created", "lastmodified": "modified"}
ORDERS = {
    "title": "sorttitle",
    "created": "created",
    "lastmodified": "modified",
    "space": "space",
    "type": "type",
}

_LOWERED = frozenset({"space", "type", "label", "creator", "contributor"})
_DATE_FORMS = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")
_INCREMENT = re.compile(r"^([+-]?\d{1,5})([yMwdhm])$")
_UNITS = {"y": 365 * 86_400, "M": 30 * 86_400, "w": 7 * 86_400, "d": 86_400, "h": 3_600, "m": 60}


@dataclass(frozen=True)
class Asker:
    """Who asks, and when: what the functions of the language need."""

    user_name: str | None
    now: dt.datetime


def order_field(cql: Cql) -> str | None:
    """The field of the index to sort by, or None for relevance.

    Raises:
        BadRequest: one cannot sort by that.
    """
    if cql.order_by is None:
        return None
    if cql.order_by not in ORDERS:
        raise BadRequest(f"Could not parse cql : cannot order by {cql.order_by[:80]}")
    return ORDERS[cql.order_by]


def build_query(cql: Cql, index: SearchIndex, *, asker: Asker) -> tantivy.Query:
    """The query of the index that finds what the tree says.

    Raises:
        BadRequest: a field, an operator or a value that is not held here.
    """
    if cql.tree is None:
        return tantivy.Query.all_query()
    return _Builder(index, asker).build(cql.tree)


class _Builder:
    def __init__(self, index: SearchIndex, asker: Asker) -> None:
        self._index = index
        self._asker = asker

    def build(self, tree: Tree) -> tantivy.Query:
        if isinstance(tree, Junction):
            occur = tantivy.Occur.Must if tree.conjunction else tantivy.Occur.Should
            return tantivy.Query.boolean_query([(occur, self.build(part)) for part in tree.parts])
        if isinstance(tree, Not):
            everything = (tantivy.Occur.Must, tantivy.Query.all_query())
            return tantivy.Query.boolean_query([everything, (tantivy.Occur.MustNot, self.build(tree.inner))])
        return self._clause(tree)

    def _clause(self, clause: Clause) -> tantivy.Query:
        if clause.field in KEYWORDS:
            return self._keyword(clause)
        if clause.field in TEXTS:
            return self._text(clause)
        if clause.field in DATES:
            return self._date(clause)
        raise BadRequest(f"Could not parse cql : no field exists with name {clause.field[:80]}")

    def _keyword(self, clause: Clause) -> tantivy.Query:
        if clause.operator not in {"=", "in"}:
            raise _no_operator(clause)
        field = KEYWORDS[clause.field]
        terms = []
        for value in clause.values:
            text = self._plain(value)
            text = text.lower() if field in _LOWERED else text.removeprefix("att")
            terms.append((tantivy.Occur.Should, tantivy.Query.term_query(self._index.schema, field, text)))
        return tantivy.Query.boolean_query(terms)

    def _text(self, clause: Clause) -> tantivy.Query:
        fields = TEXTS[clause.field]
        text = self._plain(clause.values[0])
        if clause.operator == "=" and clause.field == "title":
            return tantivy.Query.term_query(self._index.schema, "sorttitle", text.lower())
        if clause.operator != "~":
            raise _no_operator(clause)
        words = re.findall(r"[\w*]+", text.lower())
        if not words:
            raise BadRequest("Could not parse cql : there is no word to look for")
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, self._word(word, fields)) for word in words])

    def _word(self, word: str, fields: tuple[str, ...]) -> tantivy.Query:
        schema = self._index.schema
        if "*" in word:
            pattern = ".*".join(re.escape(part) for part in word.split("*"))
            found = [tantivy.Query.regex_query(schema, field, pattern) for field in fields]
        else:
            found = [tantivy.Query.term_query(schema, field, word) for field in fields]
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in found])

    def _date(self, clause: Clause) -> tantivy.Query:
        if clause.operator == "in":
            raise _no_operator(clause)
        first, last = self._moment(clause.values[0])
        bounds: dict[str, tuple[int | None, int | None]] = {
            "=": (first, last),
            ">": (last + 1, None),
            ">=": (first, None),
            "<": (None, first - 1),
            "<=": (None, last),
        }
        if clause.operator not in bounds:
            raise _no_operator(clause)
        low, high = bounds[clause.operator]
        return tantivy.Query.range_query(
            self._index.schema,
            DATES[clause.field],
            tantivy.FieldType.Integer,
            lower_bound=low,
            upper_bound=high,
        )

    def _moment(self, value: Value) -> tuple[int, int]:
        """First and last millisecond of what a date names: a minute, or a day."""
        if isinstance(value, Call):
            if value.name != "now":
                raise BadRequest(f"Could not parse cql : {value.name[:80]}() is no date")
            moment = self._asker.now + _increment(value.arguments)
            at = int(moment.timestamp() * 1000)
            return at, at
        for form in _DATE_FORMS:
            try:
                moment = dt.datetime.strptime(value, form).replace(tzinfo=dt.UTC)
            except ValueError:
                continue
            length = 60_000 if "%H" in form else 86_400_000
            at = int(moment.timestamp() * 1000)
            return at, at + length - 1
        raise BadRequest(f"Could not parse cql : {value[:80]!r} is no date")

    def _plain(self, value: Value) -> str:
        if isinstance(value, str):
            return value
        if value.name == "currentuser" and not value.arguments:
            return self._asker.user_name or ""
        raise BadRequest(f"Could not parse cql : unknown function {value.name[:80]}")


def _increment(arguments: tuple[str, ...]) -> dt.timedelta:
    if not arguments:
        return dt.timedelta()
    found = _INCREMENT.match(arguments[0])
    if found is None or len(arguments) > 1:
        raise BadRequest("Could not parse cql : now() takes an increment such as -4w")
    return dt.timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def _no_operator(clause: Clause) -> BadRequest:
    return BadRequest(f"Could not parse cql : the field {clause.field} does not support {clause.operator}")
