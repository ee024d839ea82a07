"""Lines of the operator's log can be told apart by what they belong to."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from telamon.operator.logs import JsonLines, Looks


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, Looks, io.StringIO]]:
    """A log of its own."""
    looks, stream = Looks(), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    handler.addFilter(looks.filter)
    logger = logging.Logger("telamon.operator")  # noqa: LOG001 - nobody else writes to it.
    logger.addHandler(handler)
    yield logger, looks, stream
    handler.close()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """What was written."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_each_look_has_an_id_of_its_own(log: tuple[logging.Logger, Looks, io.StringIO]) -> None:
    logger, looks, stream = log
    logger.info("outside")
    with looks.at("acme"):
        logger.info("one")
        with looks.at("acme/jira"):
            logger.warning("inner")
        logger.info("two")
    with looks.at("acme"):
        logger.info("again")
    outside, one, inner, two, again = lines(stream)
    assert "reconcile" not in outside
    assert one["reconcile"] == two["reconcile"]
    assert len({one["reconcile"], inner["reconcile"], again["reconcile"]}) == 3
    assert inner["subject"] == "acme/jira"
    assert [inner["level"], inner["message"]] == ["warning", "inner"]


def test_a_line_stays_one_line_whatever_is_in_it(log: tuple[logging.Logger, Looks, io.StringIO]) -> None:
    logger, _, stream = log
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logger.exception("with\nbreaks")
    assert len(stream.getvalue().splitlines()) == 1
    assert "two\nlines" in lines(stream)[0]["error"]
