"""The query language: the part of OpenSearch's Query DSL that is held.

``match_all``, ``match`` (``operator``), ``match_phrase``, ``multi_match`` (``fields``, ``operator``), ``term``,
``terms``, ``prefix``, ``ids`` and ``bool`` (``must``, ``filter``, ``should``, ``must_not``,
``minimum_should_match`` as a number). Anything else is refused by name.

Source: OpenSearch documentation, "Query DSL" (term-level, full-text and Boolean queries).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tantivy

from understudy.search.errors import InvalidRequest
from understudy.search.mapping import Properties, coerce
from understudy.search.segments import build_analyser, check_term

MAX_CLAUSES = 1024
"""``indices.query.bool.max_clause_count``."""


@dataclass(frozen=True)
class Field:
    """A field as a query names it: where its terms are, and how its values are read."""

    path: str
    kind: str

    @property
    def is_words(self) -> bool:
        """Whether the field's values were broken into words."""
        return self.kind == "text"


class QueryBuilder:
    """Translates one request's query for one index."""

    def __init__(self, schema: tantivy.Schema, properties: Properties) -> None:
        self._schema = schema
        self._properties = properties
        self._analyser = build_analyser()
        self._kinds: dict[str, Callable[[Any], tantivy.Query]] = {
            "match_all": self._match_all,
            "match": self._match,
            "match_phrase": self._match_phrase,
            "multi_match": self._multi_match,
            "term": self._term,
            "terms": self._terms,
            "prefix": self._prefix,
            "ids": self._ids,
            "bool": self._bool,
        }

    def build(self, query: Any) -> tantivy.Query:
        """Translate a query.

        Raises:
            InvalidRequest: The query is malformed or not held.
        """
        if not isinstance(query, dict) or len(query) != 1:
            raise refusal("a query must be an object with one query type")
        ((kind, body),) = query.items()
        translate = self._kinds.get(kind)
        if translate is None:
            raise refusal(f"unknown query [{kind}]")
        return translate(body)

    def _field(self, name: str) -> Field | None:
        declared = self._properties.get(name)
        if declared is not None:
            return Field(name, declared["type"])
        parent, _, sub = name.rpartition(".")
        if sub == "keyword" and "keyword" in self._properties.get(parent, {}).get("fields", {}):
            return Field(parent, "keyword")
        return None

    def _match_all(self, body: Any) -> tantivy.Query:
        if body not in ({}, None):
            raise refusal("[match_all] takes no parameters here")
        return tantivy.Query.all_query()

    def _match(self, body: Any) -> tantivy.Query:
        name, value, options = single_field("match", body, value_key="query")
        operator = take_operator("match", options)
        return self._match_field(name, value, operator=operator)

    def _match_field(self, name: str, value: Any, *, operator: str) -> tantivy.Query:
        field = self._field(name)
        if field is None:
            return tantivy.Query.empty_query()
        if not field.is_words:
            return self._exact(field, value)
        words = self._analyser.analyze(str(value))
        if not words:
            return tantivy.Query.empty_query()
        occur = tantivy.Occur.Must if operator == "and" else tantivy.Occur.Should
        return tantivy.Query.boolean_query([(occur, self._word(field, word)) for word in words])

    def _match_phrase(self, body: Any) -> tantivy.Query:
        name, value, options = single_field("match_phrase", body, value_key="query")
        refuse_options("match_phrase", options)
        field = self._field(name)
        if field is None:
            return tantivy.Query.empty_query()
        if not field.is_words:
            return self._exact(field, value)
        words = self._analyser.analyze(str(value))
        if len(words) < 2:
            return self._word(field, words[0]) if words else tantivy.Query.empty_query()
        return tantivy.Query.phrase_query(self._schema, f"words.{field.path}", list(words))

    def _multi_match(self, body: Any) -> tantivy.Query:
        if not isinstance(body, dict) or "query" not in body or not isinstance(body.get("fields"), list):
            raise refusal("[multi_match] requires query and fields")
        options = {key: value for key, value in body.items() if key not in {"query", "fields"}}
        operator = take_operator("multi_match", options)
        alternatives = [
            self._match_field(str(name), body["query"], operator=operator) for name in body["fields"]
        ]
        return tantivy.Query.disjunction_max_query(alternatives)

    def _term(self, body: Any) -> tantivy.Query:
        name, value, options = single_field("term", body, value_key="value")
        refuse_options("term", options)
        return self._exact_by_name(name, value)

    def _terms(self, body: Any) -> tantivy.Query:
        if not isinstance(body, dict) or len(body) != 1:
            raise refusal("[terms] requires exactly one field")
        ((name, values),) = body.items()
        if not isinstance(values, list) or len(values) > MAX_CLAUSES:
            raise refusal(f"[terms] requires a list of at most {MAX_CLAUSES} values")
        return any_of([self._exact_by_name(name, value) for value in values])

    def _prefix(self, body: Any) -> tantivy.Query:
        name, value, options = single_field("prefix", body, value_key="value")
        refuse_options("prefix", options)
        field = self._field(name)
        if field is None:
            return tantivy.Query.empty_query()
        if not field.is_words and field.kind != "keyword":
            raise refusal(f"[prefix] works on text and keyword fields only, not on [{name}]")
        root = "words" if field.is_words else "exact"
        return tantivy.Query.phrase_prefix_query(self._schema, f"{root}.{field.path}", [str(value)])

    def _ids(self, body: Any) -> tantivy.Query:
        if not isinstance(body, dict) or not isinstance(body.get("values"), list):
            raise refusal("[ids] requires values")
        return any_of([tantivy.Query.term_query(self._schema, "_id", str(value)) for value in body["values"]])

    def _bool(self, body: Any) -> tantivy.Query:
        if not isinstance(body, dict):
            raise refusal("[bool] must be an object")
        refuse_options("bool", {k: v for k, v in body.items() if k not in BOOL_KEYS})
        required = self._clauses(body.get("must"))
        filters = [tantivy.Query.const_score_query(query, 0.0) for query in self._clauses(body.get("filter"))]
        optional = self._clauses(body.get("should"))
        excluded = self._clauses(body.get("must_not"))
        needed = body.get("minimum_should_match", 0 if required or filters else 1)
        if not isinstance(needed, int):
            raise refusal("[minimum_should_match] must be a number")
        clauses = [(tantivy.Occur.Must, query) for query in (*required, *filters)]
        clauses += [(tantivy.Occur.MustNot, query) for query in excluded]
        if optional and needed:
            some = tantivy.Query.boolean_query([(tantivy.Occur.Should, q) for q in optional], needed)
            clauses.append((tantivy.Occur.Must, some))
        else:
            clauses += [(tantivy.Occur.Should, query) for query in optional]
        if not required and not filters and not optional:
            clauses.append((tantivy.Occur.Must, tantivy.Query.all_query()))
        return tantivy.Query.boolean_query(clauses)

    def _clauses(self, clauses: Any) -> list[tantivy.Query]:
        if clauses is None:
            return []
        listed = clauses if isinstance(clauses, list) else [clauses]
        if len(listed) > MAX_CLAUSES:
            raise refusal(f"maxClauseCount is set to {MAX_CLAUSES}", kind="too_many_clauses")
        return [self.build(clause) for clause in listed]

    def _exact_by_name(self, name: str, value: Any) -> tantivy.Query:
        if name == "_id":
            return tantivy.Query.term_query(self._schema, "_id", str(value))
        field = self._field(name)
        if field is None:
            return tantivy.Query.empty_query()
        return self._word(field, str(value)) if field.is_words else self._exact(field, value)

    def _word(self, field: Field, word: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, f"words.{field.path}", word)

    def _exact(self, field: Field, value: Any) -> tantivy.Query:
        term = coerce(field.kind, check_term(value), path=field.path)
        return tantivy.Query.term_query(self._schema, f"exact.{field.path}", term)


BOOL_KEYS = frozenset({"must", "filter", "should", "must_not", "minimum_should_match"})


def any_of(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    """A query that is met when one of several is."""
    if not queries:
        return tantivy.Query.empty_query()
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])


def single_field(kind: str, body: Any, *, value_key: str) -> tuple[str, Any, dict[str, Any]]:
    """Read ``{field: value}`` or ``{field: {value_key: value, ...}}``.

    Returns:
        The field, the value and the remaining options.
    """
    if not isinstance(body, dict) or len(body) != 1:
        raise refusal(f"[{kind}] query requires exactly one field")
    ((name, value),) = body.items()
    if not isinstance(value, dict):
        return name, value, {}
    if value_key not in value:
        raise refusal(f"[{kind}] query requires [{value_key}]")
    return name, value[value_key], {key: inner for key, inner in value.items() if key != value_key}


def take_operator(kind: str, options: dict[str, Any]) -> str:
    """The ``operator`` option, the only one held of full-text queries."""
    refuse_options(kind, {key: value for key, value in options.items() if key != "operator"})
    operator = str(options.get("operator", "or")).lower()
    if operator not in {"and", "or"}:
        raise refusal(f"[{kind}] operator must be and or or")
    return operator


def refuse_options(kind: str, options: dict[str, Any]) -> None:
    """Refuse what would otherwise be ignored silently."""
    if options:
        raise refusal(f"[{kind}] query does not support [{min(options)}]")


def refusal(reason: str, *, kind: str = "parsing_exception") -> InvalidRequest:
    """The refusal of a malformed query."""
    return InvalidRequest(reason, kind=kind)
