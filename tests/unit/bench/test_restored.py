"""The bench reads the rows of a dump by itself."""

from __future__ import annotations

import pytest

from bench.errors import BenchError
from bench.restored import copied

SCRIPT = """SET search_path = '';
COPY public.content (contentid, prevver, "version", title) FROM stdin;
1	\\N	2	a\\tb
2	1	1	\\N
\\.

SELECT 1;
"""


def test_rows_are_those_between_the_first_line_and_the_last() -> None:
    assert copied(SCRIPT, "content") == [
        {"contentid": "1", "prevver": None, "version": "2", "title": "a\\tb"},
        {"contentid": "2", "prevver": "1", "version": "1", "title": None},
    ]


@pytest.mark.parametrize(
    ("script", "words"), [("SELECT 1;\n", "holds no table"), (SCRIPT.partition("\\.")[0], "has no end")]
)
def test_a_table_that_is_absent_or_cut_off_is_no_empty_one(script: str, words: str) -> None:
    with pytest.raises(BenchError, match=words):
        copied(script, "content")
