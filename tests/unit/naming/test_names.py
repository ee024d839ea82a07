"""Names: what is allowed, and that those built from allowed parts are allowed too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telamon import naming

LABELS = st.from_regex(r"[a-z]([-a-z0-9]{0,18}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize("text", ["acme", "a", "a-b", "x1-y2"])
def test_plain_names_are_allowed(text: str) -> None:
    assert naming.name_fault(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("Acme", "a to z"),
        ("-a", "begin"),
        ("1a", "letter"),
        ("a-", "end"),
        ("a_b", "only"),
        ("a.b", "only"),
        ("ä", "only"),
    ],
)
def test_other_names_are_refused_with_the_reason(text: str, why: str) -> None:
    assert why in (naming.name_fault(text) or "")


def test_a_name_has_a_greatest_length() -> None:
    assert naming.name_fault("a" * 63) is None
    assert "64 characters" in (naming.name_fault("a" * 64) or "")
    assert "21 characters" in (naming.name_fault("a" * 21, longest=20) or "")


@pytest.mark.parametrize("text", ["acme.example", "localhost", "a.b.c", "acme.localhost"])
def test_domains_are_allowed(text: str) -> None:
    assert naming.domain_fault(text) is None


@pytest.mark.parametrize(
    "text", ["", ".a", "a.", "a..b", "A.b", "a b", "http://a", "a" * 64 + ".b", "a." * 96 + "b"]
)
def test_other_domains_are_refused(text: str) -> None:
    assert naming.domain_fault(text)


@given(LABELS, LABELS | st.none(), st.integers(0, 99))
def test_member_names_come_apart_again(product: str, companion: str | None, ordinal: int) -> None:
    component = naming.component_name(product, companion)
    assert naming.split_member(naming.member_name(component, ordinal)) == (component, ordinal)


@pytest.mark.parametrize("text", ["wiki", "wiki-", "wiki-01", "-0", "wiki-x", ""])
def test_other_texts_are_no_member_names(text: str) -> None:
    assert naming.split_member(text) is None


def test_the_longest_names_fit_a_dns_label() -> None:
    stack, product, companion = "s" * naming.MAX_STACK, "p" * naming.MAX_PRODUCT, "c" * naming.MAX_COMPANION
    component = naming.component_name(product, companion)
    assert naming.name_fault(naming.member_name(component, 99)) is None
    assert len(naming.secret_name(stack, product, purpose="service-account")) <= 253
    assert naming.domain_fault(naming.host_name(product, "d" * 63 + ".example"), longest=253) is None


@given(LABELS)
def test_database_names_need_no_quotes(product: str) -> None:
    name = naming.database_name(product)
    assert name[0].isalpha()
    assert "-" not in name


def test_labels_leave_out_what_is_not_given() -> None:
    assert naming.labels("acme", "database") == {
        "app.kubernetes.io/managed-by": "telamon",
        "telamon.dev/stack": "acme",
        "telamon.dev/component": "database",
    }
    assert naming.labels("acme", "wiki", product="wiki", member="wiki-0")["telamon.dev/member"] == "wiki-0"
