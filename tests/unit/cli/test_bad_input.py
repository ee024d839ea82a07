"""Whatever is typed or read: an exit code from the table, and never a traceback."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from telamon.cli.verbs import NAMES
from telamon.errors import BRANCHES
from tests.support.desk import STACK, Desk

CODES = {0} | {branch.exit_code for branch in BRANCHES}

# Verbs that end by themselves without a controller; `logs -f` is the only one that would not.
OPTIONS = (
    "-o",
    "json",
    "--output=text",
    "--lab",
    "--yes",
    "-n",
    "--purge",
    "--no-wait",
    "--wait",
    "--stack",
    "--overlay",
    "--debugg",
    "--",
    "-",
    "",
)
# A command line is made of C strings, so no word of it can hold a zero byte.
WORDS = st.one_of(
    st.sampled_from((*NAMES, *OPTIONS, "acme", "stack.yaml", "jira-0", "spec.products", "../x.yaml", "/")),
    st.text(st.characters(exclude_characters="\0"), max_size=12),
)


@settings(max_examples=150)
@given(words=st.lists(WORDS, max_size=6))
def test_any_words_end_in_a_known_code(words: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="desk") as folder:
        found = Desk(Path(folder)).run(*words)
    assert found.code in CODES
    assert found.code != 70, found.err
    assert "Traceback" not in found.out + found.err


@settings(max_examples=60)
@given(verb=st.sampled_from(("validate", "build", "plan", "up", "apply")), content=st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(verb: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory(prefix="desk") as folder:
        file = Path(folder, "x.yaml")
        file.write_bytes(content)
        found = Desk(Path(folder)).run(verb, str(file))
    assert found.code == 3, found.err
    assert f"{file}:" in found.err


@settings(max_examples=60)
@given(
    at=st.integers(0, len(STACK)), scrap=st.text(alphabet="{}[]:#&*!|>'\"\t\n -ab1", min_size=1, max_size=4)
)
def test_a_damaged_file_is_refused_or_read(at: int, scrap: str) -> None:
    with tempfile.TemporaryDirectory(prefix="desk") as folder:
        file = Path(folder, "x.yaml")
        file.write_text(STACK[:at] + scrap + STACK[at:], encoding="utf-8")
        found = Desk(Path(folder)).run("validate", str(file), "-o", "json")
    assert found.code in {0, 3}
    assert found.document["valid"] if found.code == 0 else found.document["problems"]
