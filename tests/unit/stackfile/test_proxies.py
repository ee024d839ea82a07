"""What may be written of the proxy that products reach the internet by."""

from __future__ import annotations

import pytest

from telamon.products.registry import registry
from telamon.stackfile.reader import read
from tests.support.manifests import JIRA, SMALL

PROXY = "  security: {proxy: {url: 'http://proxy.acme.example:3128', CREDENTIALS}}"


def problems(credentials: str, *, platform: str = "kubernetes") -> list[tuple[str, str]]:
    """Path and message of everything that is wrong."""
    text = SMALL.replace("PRODUCTS", JIRA).replace("MORE", PROXY.replace("CREDENTIALS", credentials))
    text = text.replace("{kind: kubernetes}", f"{{kind: {platform}}}")
    found = read(text.encode(), source="stack.yaml", registry=registry())
    return [(each.path, each.message) for each in found.problems]


def test_a_proxy_without_a_password_is_taken() -> None:
    assert problems("bypass: [intranet.example]") == []


@pytest.mark.parametrize("platform", ["kubernetes", "aws"])
def test_one_that_asks_for_a_password_is_refused_before_anything_is_rendered(platform: str) -> None:
    told = problems("credentials: {secret: proxy}", platform=platform)
    assert [message for path, message in told if path == "spec.security.proxy.credentials"] == [
        "the proxy asks for a password, and a Java program takes one only on its command line"
    ]
