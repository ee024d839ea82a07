"""From the tree of a query to a search of the index.

Values are checked against the database first, as the product does: a project or an issue that does not
exist is an error of the query, not an empty result.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import tantivy
from tantivy import FieldType, Occur, Query

from understudy.jira.catalogue import (
    ISSUE_TYPES,
    PRIORITIES,
    RESOLUTION,
    STATUSES,
    Choice,
    find_choice,
)
from understudy.jira.documents import EMPTY, epoch_milliseconds, sort_key
from understudy.jira.jql import Clause, Combination, Jql, Negation, Node, Operand
from understudy.kit.database import Database
from understudy.kit.errors import BadRequest
from understudy.kit.index import SearchIndex

_TEXT_FIELDS = {
    "summary": ("summary",),
    "description": ("description",),
    "comment": ("comment",),
    "text": ("summary", "description", "comment"),
}
_CATEGORIES = tuple(Choice(str(status.category_id), status.category_name) for status in STATUSES)
_CHOICES: dict[str, tuple[str, tuple[Choice, ...]]] = {
    "status": ("status", STATUSES),
    "statuscategory": ("statuscategory", _CATEGORIES),
    "issuetype": ("issuetype", ISSUE_TYPES),
    "type": ("issuetype", ISSUE_TYPES),
    "priority": ("priority", PRIORITIES),
    "resolution": ("resolution", (RESOLUTION,)),
}
_PEOPLE = frozenset({"assignee", "reporter", "creator"})
_KEYS = frozenset({"key", "issuekey", "issue", "id"})
_TIMES = {"created": "created", "createddate": "created", "updated": "updated", "updateddate": "updated"}
_PIECE = re.compile(r"\"[^\"]*\"|[^\s\"]+")
_WORD = re.compile(r"[^\W_]+")
_RELATIVE = re.compile(r"([+-]?\d{1,6})(m|h|d|w)?")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks", None: "minutes"}
_ORDER_FIELDS = {
    **dict.fromkeys(_KEYS, "issuekey"),
    **_TIMES,
    **{name: field for name, (field, _) in _CHOICES.items()},
    **{name: name for name in _PEOPLE},
    "project": "project",
}


@dataclass(frozen=True)
class Sorting:
    """How a result is sorted: a field of the index, or by relevance where None."""

    field: str | None
    descending: bool


class Translator:
    """Turns queries into searches.

    Args:
        database: for values that must exist.
        index: that is searched; gives the schema.
        user_name: what ``currentUser()`` means, in lower case; None for nobody.
        now: what ``now()`` and relative times mean.
    """

    def __init__(
        self, database: Database, index: SearchIndex, *, user_name: str | None, now: datetime
    ) -> None:
        self._database = database
        self._index = index
        self._user_name = user_name
        self._now = now

    def query(self, jql: Jql) -> Query:
        """The search for a query.

        Raises:
            BadRequest: a field, operator or value is not known.
        """
        return Query.all_query() if jql.condition is None else self._node(jql.condition)

    def sorting(self, jql: Jql) -> tuple[Sorting, ...]:
        """How the results are sorted, the first key first; by key, newest first, where nothing is said.

        Raises:
            BadRequest: one cannot sort by that.
        """
        keys = []
        for order in jql.order:
            field = _ORDER_FIELDS.get(order.field)
            if field is None:
                raise _error(f"Field '{order.field}' does not exist or is not sortable.")
            keys.append(Sorting(field, order.descending))
        if keys:
            return tuple(keys)
        by_relevance = jql.condition is not None and _searches_text(jql.condition)
        return (Sorting(None, True),) if by_relevance else (Sorting("issuekey", True),)

    def _node(self, node: Node) -> Query:
        if isinstance(node, Negation):
            return _negate(self._node(node.inner))
        if isinstance(node, Combination):
            occur = Occur.Must if node.word == "and" else Occur.Should
            return Query.boolean_query([(occur, self._node(part)) for part in node.parts])
        return self._clause(node)

    def _clause(self, clause: Clause) -> Query:
        if clause.field in _TEXT_FIELDS:
            return self._text(clause)
        if clause.field in _TIMES:
            return self._time(clause)
        if clause.field in _KEYS:
            return self._terms(clause, "issuekey", self._key_term, ranges=True)
        if clause.field == "project":
            return self._terms(clause, "project", self._project_term)
        if clause.field in _PEOPLE:
            return self._terms(clause, clause.field, self._person_term)
        if clause.field in _CHOICES:
            field, choices = _CHOICES[clause.field]
            return self._terms(clause, field, lambda operand: _choice_term(clause.field, choices, operand))
        if clause.field == "labels":
            return self._terms(clause, "labels", lambda operand: operand.text)
        if clause.field == "fixversion":
            return self._terms(clause, "fixversion", self._version_term)
        raise _error(
            f"Field '{clause.field}' does not exist or you do not have permission to view it.", wrap=False
        )

    def _text(self, clause: Clause) -> Query:
        if clause.operator not in {"~", "!~"}:
            raise _unsupported(clause)
        pieces = [self._piece(piece) for piece in _PIECE.findall(clause.operands[0].text.lower())]
        wanted = [query for query in pieces if query is not None]
        if not wanted:
            raise _error(f"The field '{clause.field}' cannot be searched for an empty text.", wrap=False)
        fields = _TEXT_FIELDS[clause.field]
        found = Query.boolean_query(
            [
                (Occur.Must, Query.boolean_query([(Occur.Should, query(field)) for field in fields]))
                for query in wanted
            ]
        )
        return found if clause.operator == "~" else _negate(found)

    def _piece(self, piece: str) -> Callable[[str], Query] | None:
        """A phrase, a beginning of a word or a word, as a query that still needs its field."""
        schema = self._index.schema
        words = _WORD.findall(piece)
        if not words:
            return None
        if len(words) > 1:
            return lambda field: Query.phrase_query(schema, field, list(words))
        if piece.endswith("*"):
            return lambda field: Query.regex_query(schema, field, f"{words[0]}.*")
        return lambda field: Query.term_query(schema, field, words[0])

    def _time(self, clause: Clause) -> Query:
        if clause.operator not in {"=", "<", "<=", ">", ">="}:
            raise _unsupported(clause)
        moment = epoch_milliseconds(self._moment(clause.operands[0]))
        above, below = clause.operator in {"=", ">", ">="}, clause.operator in {"=", "<", "<="}
        return Query.range_query(
            self._index.schema,
            _TIMES[clause.field],
            FieldType.Integer,
            lower_bound=moment if above else None,
            upper_bound=moment if below else None,
            include_lower=clause.operator != ">",
            include_upper=clause.operator != "<",
        )

    def _terms(
        self, clause: Clause, field: str, term: Callable[[Operand], str], *, ranges: bool = False
    ) -> Query:
        if clause.operator in {"is", "is not"}:
            found = self._term(field, EMPTY)
            return found if clause.operator == "is" else _negate(found)
        if clause.operator in {"=", "!=", "in", "not in"}:
            terms = [self._term(field, term(operand)) for operand in clause.operands]
            found = (
                terms[0] if len(terms) == 1 else Query.boolean_query([(Occur.Should, one) for one in terms])
            )
            return found if clause.operator in {"=", "in"} else _negate(found)
        if ranges and clause.operator in {"<", "<=", ">", ">="}:
            return self._key_range(clause.operator, term(clause.operands[0]))
        raise _unsupported(clause)

    def _key_range(self, operator: str, value: str) -> Query:
        """Keys compare within their project alone."""
        project, _, number = value.rpartition("-")
        above = operator in {">", ">="}
        numbers = Query.range_query(
            self._index.schema,
            "issuenum",
            FieldType.Integer,
            lower_bound=int(number) if above else None,
            upper_bound=None if above else int(number),
            include_lower=operator != ">",
            include_upper=operator != "<",
        )
        return Query.boolean_query([(Occur.Must, self._term("project", project)), (Occur.Must, numbers)])

    def _term(self, field: str, value: str) -> Query:
        return Query.term_query(self._index.schema, field, value)

    def _moment(self, operand: Operand) -> datetime:
        if operand.function:
            if operand.text == "now":
                return self._now
            if operand.text == "startofday":
                return self._now.replace(hour=0, minute=0, second=0, microsecond=0)
            raise _error(f"Unable to find JQL function '{operand.text}()'.", wrap=False)
        text = operand.text.strip().replace("/", "-")
        if (found := _RELATIVE.fullmatch(text)) is not None:
            return self._now + timedelta(**{_UNITS[found[2]]: int(found[1])})
        try:
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError as error:
            raise _error(f"Date value '{operand.text}' is invalid.", wrap=False) from error

    def _key_term(self, operand: Operand) -> str:
        key, _, number = operand.text.upper().rpartition("-")
        row = self._database.fetch_one(
            """select p.pkey, i.issuenum from jiraissue i join project p on p.id = i.project
               where (p.pkey = %s and i.issuenum::text = %s) or i.id::text = %s""",
            (key, number, operand.text),
        )
        if row is None:
            raise _error(f"An issue with key '{operand.text}' does not exist for field 'key'.", wrap=False)
        return sort_key(row["pkey"], row["issuenum"])

    def _project_term(self, operand: Operand) -> str:
        row = self._database.fetch_one(
            "select pkey from project where lower(pkey) = lower(%s) or lower(pname) = lower(%s) or id::text = %s",
            (operand.text, operand.text, operand.text),
        )
        if row is None:
            raise _error(f"The value '{operand.text}' does not exist for the field 'project'.", wrap=False)
        return str(row["pkey"])

    def _person_term(self, operand: Operand) -> str:
        if operand.function:
            if operand.text != "currentuser":
                raise _error(f"Unable to find JQL function '{operand.text}()'.", wrap=False)
            return self._user_name or EMPTY
        return EMPTY if operand.text.lower() in {"empty", "null"} else operand.text.lower()

    def _version_term(self, operand: Operand) -> str:
        row = self._database.fetch_one(
            "select id from projectversion where vname = %s or id::text = %s", (operand.text, operand.text)
        )
        if row is None:
            raise _error(f"The value '{operand.text}' does not exist for the field 'fixVersion'.", wrap=False)
        return str(row["id"])


def _choice_term(field: str, choices: tuple[Choice, ...], operand: Operand) -> str:
    if field == "resolution" and operand.text.lower() == "unresolved":
        return EMPTY
    choice = find_choice(choices, operand.text)
    if choice is None:
        raise _error(f"The value '{operand.text}' does not exist for the field '{field}'.", wrap=False)
    return choice.id


def _searches_text(node: Node) -> bool:
    if isinstance(node, Negation):
        return False
    if isinstance(node, Combination):
        return any(_searches_text(part) for part in node.parts)
    return node.field in _TEXT_FIELDS


def _negate(query: tantivy.Query) -> tantivy.Query:
    return Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, query)])


def _unsupported(clause: Clause) -> BadRequest:
    return _error(
        f"The operator '{clause.operator}' is not supported by the '{clause.field}' field.", wrap=False
    )


def _error(message: str, *, wrap: bool = True) -> BadRequest:
    return BadRequest(f"Error in the JQL Query: {message}" if wrap else message)
