"""The log-in in a file that a node keeps: changed as an administrator would, and nothing else with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telamon.desired.kubernetes.scripts import SETTLE_LOGIN
from telamon.products.base import Product
from telamon.products.login import LoginFile
from telamon.products.registry import registry

DBCONFIG = """<?xml version="1.0" encoding="UTF-8"?>

<jira-database-config>
  <name>defaultDS</name>
  <schema-name>public</schema-name>
  <jdbc-datasource>
    <url>jdbc:postgresql://db:5432/jira?a=1&amp;b=2</url>
    <driver-class>org.postgresql.Driver</driver-class>
    <username>jira</username>
    <password>{password}</password>
    <atlassian-password-cipher-provider>com.atlassian.db.config.Base64Cipher</atlassian-password-cipher-provider>
    <pool-min-size>20</pool-min-size>
  </jdbc-datasource>
</jira-database-config>
"""
CFG = """<?xml version="1.0" encoding="UTF-8"?>

<confluence-configuration>
  <setupStep>complete</setupStep>
  <buildNumber>9111</buildNumber>
  <properties>
    <property name="hibernate.connection.password">{password}</property>
    <property name="hibernate.connection.url">jdbc:postgresql://db/c</property>
    <property name="hibernate.connection.username">confluence</property>
    <property name="jdbc.password.decrypter.classname">com.atlassian.db.config.Base64Cipher</property>
    <property name="license.string"/>
  </properties>
</confluence-configuration>
"""
FILES = {"jira": DBCONFIG, "confluence": CFG}
PLACES = {
    "jira": ("jdbc-datasource/username", "jdbc-datasource/password"),
    "confluence": (
        "properties/property[@name='hibernate.connection.username']",
        "properties/property[@name='hibernate.connection.password']",
    ),
}
# What an XML file cannot hold is in no password.
TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cn")), min_size=1, max_size=30)


def keeping() -> list[Product]:
    """Products whose nodes keep their log-in in a file."""
    return [product for product in registry().values() if product.login_file is not None]


def kept_by(name: str) -> LoginFile:
    """The file of a product."""
    found = registry()[name].login_file
    assert found is not None
    return found


def test_every_product_that_keeps_it_is_tested_here() -> None:
    assert {product.name for product in keeping()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
@given(user=TEXTS, password=TEXTS)
def test_whatever_the_password_the_product_reads_it_and_the_rest_stays(
    name: str, user: str, password: str
) -> None:
    file = kept_by(name)
    before = FILES[name].format(password="{ATL_SECURED}")
    after = file.written(before, user=user, password=password)
    root = ElementTree.fromstring(after)
    assert [root.findtext(place) for place in PLACES[name]] == [user, password]
    assert "Cipher" not in after
    assert file.written(after, user=user, password=password) == after
    kept = [line for line in before.splitlines() if not any(word in line for word in ("user", "assword"))]
    assert all(line in after.splitlines() for line in kept)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("old", ["", "$1 \\1 &amp; <![CDATA[x]]>", "two\nlines"])
def test_whatever_it_was_before(name: str, old: str) -> None:
    after = kept_by(name).written(FILES[name].format(password=old), user="u", password=r"\1$&<")
    assert ElementTree.fromstring(after).findtext(PLACES[name][1]) == r"\1$&<"
    assert old == "" or old not in after


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_a_log_in_stays_as_it_is(name: str) -> None:
    assert kept_by(name).written("<other/>", user="u", password="p") == "<other/>"


def test_an_empty_element_is_one_as_well() -> None:
    after = kept_by("jira").written("<a><username /><password/></a>", user="u", password="p")
    assert after == "<a><username>u</username><password>p</password></a>"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("text", ["{file}", "<other/>", "<a>\r\n<username />\r\n<password/></a>"])
def test_what_a_pod_writes_before_its_node_starts_is_the_same(name: str, text: str, tmp_path: Path) -> None:
    file = kept_by(name)
    before = text.replace("{file}", FILES[name].format(password="$1 \\1 &amp;"))
    path = tmp_path / "file"
    path.write_bytes(before.encode())
    path.chmod(0o640)
    environment = {
        "TELAMON_FILE": str(path),
        "TELAMON_PLACES": json.dumps({file.user: "GIVEN", file.password: "SECRET", file.cipher: None}),
        "GIVEN": "_one_a",
        "SECRET": r"\1$&<\g<0>",
    }
    for _ in range(2):
        subprocess.run([sys.executable, "-I", "-c", SETTLE_LOGIN], env=environment, check=True)
        assert path.read_bytes().decode() == file.written(before, user="_one_a", password=r"\1$&<\g<0>")
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_node_that_never_ran_has_no_file_yet(tmp_path: Path) -> None:
    environment = {"TELAMON_FILE": str(tmp_path / "file"), "TELAMON_PLACES": "{}"}
    subprocess.run([sys.executable, "-I", "-c", SETTLE_LOGIN], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
