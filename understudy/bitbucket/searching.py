"""Code search: from what people type to the companion's query, and from its hits to lines of files.

Held: words, "phrases", ``AND``, ``OR``, ``NOT`` and ``-``, parentheses, and ``project:``, ``repo:``, ``lang:``,
``ext:``, ``path:``. Source: Bitbucket Data Center documentation, "Search for code"; the shape of the answer: clients of
``/rest/search/latest/search``, which is not part of the documented REST.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.bitbucket.companion import CODE_INDEX, Companion
from understudy.bitbucket.errors import invalid

_TOKEN = re.compile(r'\s*(\(|\)|(?:-?\w+:)?"[^"]*"|[^\s()"]+)')
_WORD = re.compile(r"\w+")
_MODIFIERS = {"project", "repo", "lang", "ext", "path"}
_IGNORED_MODIFIERS = {"fork", "archived"}
_CONTEXT_LINES = 1
_MOST_LINES = 5
_MOST_TERMS = 50

Query = dict[str, Any]


@dataclass(frozen=True)
class FileHit:
    """A file that was found; ``words`` are what to look for in it."""

    repository: int
    path: str
    content: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A page of files and how many there are."""

    total: int
    files: tuple[FileHit, ...]


def search_code(
    companion: Companion, text: str, *, visible: Sequence[int] | None, start: int, limit: int
) -> Found:
    """Search the files of repositories somebody may read.

    Args:
        companion: the search server.
        text: what they typed.
        visible: numbers of the repositories they may read; None for all.
        start: how many files to skip.
        limit: how many to give.

    Raises:
        Refusal: the text is no query.
        CompanionUnavailable: the search server is away.
    """
    wanted, words = read_query(text)
    query: Query = {"bool": {"must": [wanted]}}
    if visible is not None:
        query["bool"]["filter"] = [any_of([{"terms": {"repositoryId": part}} for part in _parts(visible)])]
    body = {"query": query, "from": start, "size": limit, "_source": ["repositoryId", "path", "content"]}
    hits = companion.search(CODE_INDEX, body)
    files = tuple(
        FileHit(hit["_source"]["repositoryId"], hit["_source"]["path"], hit["_source"]["content"], words)
        for hit in hits["hits"]
    )
    return Found(int(hits["total"]["value"]), files)


def read_query(text: str) -> tuple[Query, tuple[str, ...]]:
    """What people typed as the companion's query, and the words to mark in what it finds.

    Raises:
        Refusal: the text is no query.
    """
    parser = _Parser(text)
    query = parser.parse()
    return query, tuple(parser.words)


def _parts(visible: Sequence[int]) -> list[list[int]]:
    """A clause holds at most 1,024 values."""
    return [list(visible[place : place + 1024]) for place in range(0, len(visible), 1024)] or [[]]


class _Parser:
    """Reads a query by descending from OR over AND to single terms."""

    def __init__(self, text: str) -> None:
        self._tokens = [token for token in _TOKEN.findall(text) if token]
        self._place = 0
        self.words: list[str] = []
        if not self._tokens or len(self._tokens) > _MOST_TERMS:
            raise invalid(f"A query of 1 to {_MOST_TERMS} terms is needed.", field="query")

    def parse(self) -> Query:
        query = self._any()
        if self._place < len(self._tokens):
            raise invalid("The query has a parenthesis too many.", field="query")
        return query

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _any(self) -> Query:
        alternatives = [self._all()]
        while self._peek() == "OR":
            self._place += 1
            alternatives.append(self._all())
        return any_of(alternatives)

    def _all(self) -> Query:
        wanted: list[Query] = []
        unwanted: list[Query] = []
        while (word := self._peek()) and word not in {")", "OR"}:
            if word == "AND":
                self._place += 1
                continue
            negative = word == "NOT" or (word.startswith("-") and len(word) > 1)
            if word == "NOT":
                self._place += 1
            elif negative:
                self._tokens[self._place] = word[1:]
            (unwanted if negative else wanted).append(self._term(negative))
        if not wanted and not unwanted:
            raise invalid("A term is missing in the query.", field="query")
        return {"bool": {"must": wanted or [{"match_all": {}}], "must_not": unwanted}}

    def _term(self, negative: bool) -> Query:
        word = self._peek()
        self._place += 1
        if word == "(":
            inner = self._any()
            if self._peek() != ")":
                raise invalid("A parenthesis is not closed in the query.", field="query")
            self._place += 1
            return inner
        if word in {"", ")", "OR", "AND", "NOT"}:
            raise invalid("A term is missing in the query.", field="query")
        name, separator, value = word.partition(":")
        if separator and value and name in _MODIFIERS:
            return _modifier(name, value.strip('"'))
        if separator and name in _IGNORED_MODIFIERS:
            return {"match_all": {}}
        plain = word.strip('"')
        if not negative:
            self.words += [word.lower() for word in _WORD.findall(plain)]
        phrases = [{"match_phrase": {field: plain}} for field in ("content", "path")]
        return any_of(phrases)


def _modifier(name: str, value: str) -> Query:
    if name == "project":
        return {"term": {"projectKey": value.upper()}}
    if name == "repo":
        project, separator, slug = value.rpartition("/")
        clauses: list[Query] = [{"term": {"repositorySlug": slug.lower()}}]
        if separator:
            clauses.append({"term": {"projectKey": project.upper()}})
        return {"bool": {"must": clauses}}
    if name == "path":
        return {"prefix": {"path.keyword": value.lstrip("/")}}
    field = {"lang": "language", "ext": "extension"}[name]
    return {"term": {field: value.lower().lstrip(".")}}


def any_of(queries: Sequence[Query]) -> Query:
    """A query that is met when one of several is."""
    if len(queries) == 1:
        return queries[0]
    return {"bool": {"should": list(queries), "minimum_should_match": 1}}


def shape_hit(hit: FileHit, repository: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of one found file: lines that hold a word, marked up, with a line around them."""
    pattern = (
        re.compile("|".join(rf"\b{re.escape(word)}" for word in hit.words), re.IGNORECASE)
        if hit.words
        else None
    )
    lines = hit.content.splitlines()
    found = [number for number, line in enumerate(lines) if pattern is not None and pattern.search(line)]
    contexts = [_context(lines, number, pattern) for number in found[:_MOST_LINES]]
    matches = [{"text": hit.path, "match": bool(pattern is not None and pattern.search(hit.path))}]
    return {
        "repository": dict(repository),
        "file": hit.path,
        "hitContexts": contexts,
        "pathMatches": matches,
        "hitCount": len(found),
    }


def _context(lines: Sequence[str], number: int, pattern: re.Pattern[str] | None) -> list[dict[str, Any]]:
    first, last = max(0, number - _CONTEXT_LINES), min(len(lines), number + _CONTEXT_LINES + 1)
    shown = []
    for place in range(first, last):
        text = html.escape(lines[place])
        if place == number and pattern is not None:
            text = _mark(lines[place], pattern)
        shown.append({"line": place + 1, "text": text})
    return shown


def _mark(line: str, pattern: re.Pattern[str]) -> str:
    """A line as HTML with every match emphasised."""
    parts, place = [], 0
    for match in pattern.finditer(line):
        parts.append(html.escape(line[place : match.start()]))
        parts.append(f"<em>{html.escape(match.group())}</em>")
        place = match.end()
    parts.append(html.escape(line[place:]))
    return "".join(parts)
