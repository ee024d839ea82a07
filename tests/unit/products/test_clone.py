"""What keeps a copy of each product's data from acting as the original."""

from __future__ import annotations

import base64
import re

import pytest

from telamon.products.base import Product
from telamon.products.clone import CloneInputs, CloneRules, credential
from telamon.products.registry import registry

KNOWN = "{PKCS5S2}DQIXJU038u4P7FdsuFTY/+35bm41kfjZa57UrdxHp2Mu3qF2uy+ooD+jF5t1tb8J"
"""The password "password", from the documentation of passlib, "atlassian_pbkdf2_sha1"."""

INPUTS = CloneInputs(
    base_url="http://127.0.0.1:8080/a?b&c",
    banner="<A copy & no more>",
    admin="Admin",
    admin_password="one",
    account="telamon",
    account_password="two",
    jdbc_url="jdbc:postgresql://127.0.0.1:5432/wiki",
    database_user="wiki",
    database_password="a<b",
    fresh_secret="never seen",
    salts=(b"0" * 16, b"1" * 16),
)
CLONED = {name: product for name, product in registry().items() if product.clone is not None}


def rules_of(product: Product) -> CloneRules:
    assert product.clone is not None
    return product.clone


def test_password_has_the_form_that_products_read() -> None:
    salt = base64.b64decode(KNOWN.removeprefix("{PKCS5S2}"))[:16]
    assert credential("password", salt=salt) == KNOWN


def test_secrets_are_not_shown() -> None:
    shown = repr(INPUTS)
    assert not [secret for secret in ("one", "two", "a<b", "never seen") if f"'{secret}'" in shown]


def test_banner_is_text_and_no_markup() -> None:
    values = INPUTS.values()
    assert values["banner"] == "&lt;A copy &amp; no more&gt;"
    assert values["banner_in_xml"] == "&amp;lt;A copy &amp;amp; no more&amp;gt;"
    assert values["base_url_in_xml"] == "http://127.0.0.1:8080/a?b&amp;c"


@pytest.mark.parametrize("name", sorted(CLONED))
def test_statements_name_known_values_alone(name: str) -> None:
    for statement in rules_of(CLONED[name]).statements:
        assert set(re.findall(r"%\((\w+)\)s", statement.sql)) <= set(INPUTS.values())
        assert not re.search(r"(?<!%)%(?!\(|%)", statement.sql.replace("%%", "")), statement.sql


@pytest.mark.parametrize("name", sorted(CLONED))
def test_mail_is_off_from_the_first_start_and_no_original_is_called(name: str) -> None:
    rules = rules_of(CLONED[name])
    assert "-Datlassian.mail.senddisabled=true" in rules.jvm
    told = {statement.what for statement in rules.statements}
    assert {"a base URL of its own", "webhooks off", "application links removed"} <= told


def test_configuration_in_the_shared_home_gets_the_log_in_of_the_copy() -> None:
    original = (
        '<p><property name="hibernate.connection.url">jdbc:postgresql://db/wiki</property>'
        '<property name="hibernate.connection.username">_wiki_a</property>'
        '<property name="hibernate.connection.password">secret of the original</property>'
        '<property name="confluence.cluster.authentication.secret">shared by its nodes</property>'
        '<property name="confluence.setup.server.id">A-B-C-D</property></p>'
    )
    (rewrite,) = rules_of(registry()["confluence"]).rewrites.values()
    changed = rewrite(original, INPUTS)
    assert "secret of the original" not in changed
    assert "shared by its nodes" not in changed
    assert "//db/wiki" not in changed
    assert ">a&lt;b<" in changed
    assert "A-B-C-D" in changed
