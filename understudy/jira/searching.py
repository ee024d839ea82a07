"""Search: a query of the language against the index of this node, then the rows of what it found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from understudy.jira import jql
from understudy.jira.jqlquery import Sorting, Translator
from understudy.jira.services import Services
from understudy.kit.database import Row
from understudy.kit.errors import HttpProblem, IndexProblem
from understudy.kit.index import Hits

_SETTLE_SECONDS = 5.0
_SORTED_IN_MEMORY = 10_000


@dataclass(frozen=True)
class Found:
    """One page of results and how many there are altogether."""

    total: int
    rows: list[Row]


def search_issues(
    services: Services, text: str, *, user_name: str | None, start: int, limit: int, details: bool
) -> Found:
    """Search for issues.

    What the one who searches had this node write is in the result; what others wrote follows within moments.

    Args:
        services: of the node.
        text: the query; empty for every issue.
        user_name: who searches.
        start: results to skip.
        limit: most results to give.
        details: whether comments and attachments are needed.

    Raises:
        BadRequest: the query is wrong.
        HttpProblem: 500, the index cannot be used.
    """
    query = jql.parse(text)
    services.index.settle(user_name or "", timeout=_SETTLE_SECONDS)
    try:
        hits = _search(services, query, user_name=user_name, start=start, limit=limit)
    except IndexProblem as error:
        raise HttpProblem(f"The search index cannot be used: {error}", status=500) from error
    rows = services.reader.by_ids([int(key) for key in hits.keys], details=details)
    return Found(hits.total, rows)


def _search(services: Services, query: jql.Jql, *, user_name: str | None, start: int, limit: int) -> Hits:
    index = services.index.current
    translator = Translator(
        services.database, index, user_name=user_name and user_name.lower(), now=datetime.now(UTC)
    )
    condition, sorting = translator.query(query), translator.sorting(query)
    first = sorting[0]
    if len(sorting) == 1:
        return index.search(
            condition, limit=limit, offset=start, order_by=first.field, descending=first.descending
        )
    found = index.search(
        condition, limit=_SORTED_IN_MEMORY, order_by=first.field, descending=first.descending
    )
    rows = services.reader.by_ids([int(key) for key in found.keys], details=False)
    ordered = _sort(rows, sorting)
    return Hits(found.total, tuple(str(row["id"]) for row in ordered[start : start + limit]))


def _sort(rows: list[Row], sorting: tuple[Sorting, ...]) -> list[Row]:
    """By several keys: sorts are stable, so the last key goes first."""
    for key in reversed(sorting):
        rows = sorted(rows, key=lambda row, key=key: _sort_value(row, key.field), reverse=key.descending)  # type: ignore[misc]
    return rows


def _sort_value(row: Row, field: str | None) -> tuple[str, float]:
    person = row.get(field or "")
    values: dict[str | None, tuple[str, float]] = {
        "issuekey": (row["pkey"], row["issuenum"]),
        "project": (row["pkey"], 0),
        "status": (row["issuestatus"], 0),
        "created": ("", row["created"].timestamp()),
        "updated": ("", row["updated"].timestamp()),
        "issuetype": (row["issuetype"], 0),
        "priority": (row["priority"], 0),
    }
    if field in values:
        return values[field]
    return (str(person["name"]) if isinstance(person, dict) else "", 0)
