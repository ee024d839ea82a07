"""The models take what is right, as YAML or JSON spells it, and give it back unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from telamon.model import text
from telamon.model.stack import Stack
from telamon.model.template import Placeholder, UnfinishedPlaceholder, parts, placeholders
from telamon.units import Bytes, Duration


def document(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "telamon.dev/v1alpha1",
        "kind": "Stack",
        "metadata": {"name": "acme"},
        "spec": {"domain": "acme.example", "products": {"wiki": {"version": "1.2"}}} | spec,
    }


def test_a_short_file_is_a_production_stack_of_two_nodes_in_the_lab() -> None:
    stack = Stack.model_validate(document())
    product = stack.spec.products[next(iter(stack.spec.products))]
    assert (stack.spec.environment, stack.spec.platform.kind, product.nodes) == ("production", "lab", 2)


def test_json_gives_back_what_was_written_and_nothing_else() -> None:
    written = document(
        products={
            "wiki": {
                "nodes": 3,
                "resources": {"memory": "4096Mi"},
                "jvmArgs": ["-Da=b"],
                "startTimeout": "90s",
            }
        }
    )
    stack = Stack.model_validate_json(Stack.model_validate(written).model_dump_json(exclude_unset=True))
    wiki = next(iter(stack.spec.products.values()))
    assert (wiki.resources.memory, wiki.start_timeout, wiki.jvm_args) == (
        Bytes(2**32),
        Duration(90_000),
        ("-Da=b",),
    )
    assert stack.model_dump(mode="json", exclude_unset=True)["spec"]["products"]["wiki"] == {
        "nodes": 3,
        "resources": {"memory": "4Gi"},
        "startTimeout": "1m30s",
        "jvmArgs": ["-Da=b"],
    }


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        ({"products": {}}, ("spec", "products")),
        ({"products": {"wiki": {"nodes": "2"}}}, ("spec", "products", "wiki", "nodes")),
        ({"products": {"wiki": {"nodes": True}}}, ("spec", "products", "wiki", "nodes")),
        ({"products": {"wiki": {"nodes": 0}}}, ("spec", "products", "wiki", "nodes")),
        ({"products": {"wiki": {"version": 1.2}}}, ("spec", "products", "wiki", "version")),
        (
            {"products": {"wiki": {"resources": {"memory": "1Ki"}}}},
            ("spec", "products", "wiki", "resources", "memory"),
        ),
        ({"products": {"Wiki": {}}}, ("spec", "products", "Wiki", "[key]")),
        ({"domain": "Acme Example"}, ("spec", "domain")),
        ({"edje": {}}, ("spec", "edje")),
        ({"platform": {"kind": "moon"}}, ("spec", "platform")),
        ({"platform": {"kind": "lab", "network": "10.0.0.0/16"}}, ("spec", "platform", "lab", "network")),
        (
            {"storage": {"shared": {"kind": "nfs", "server": "a"}}},
            ("spec", "storage", "shared", "nfs", "path"),
        ),
    ],
)
def test_what_is_wrong_is_refused_where_it_is(spec: dict[str, Any], where: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        Stack.model_validate(document(**spec))
    assert [error["loc"] for error in caught.value.errors()] == [where]


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (text.AbsolutePath, ["/", "/a", "/a/b.c/", "/a/..b"], ["", "a", "/a/../b", "/..", "//a", "/a\nb"]),
        (text.RelativePath, ["a", "a/b", ".a/b"], ["", "/a", "../a", "a/..", "a//b", "."]),
        (text.ContextPath, ["", "/wiki", "/a/b"], ["/", "wiki", "/wiki/", "/a b"]),
        (
            text.HttpUrl,
            ["http://a", "https://a.b:8443/c"],
            ["ftp://a", "https://a/", "https://", "https://a b"],
        ),
        (text.Version, ["11.3.1", "9.4", "10.0.0-rc1"], ["", "-1", "1 2", "1:2", "x" * 129]),
        (text.Cidr, ["10.0.0.0/16", "0.0.0.0/0"], ["10.0.0.0", "256.0.0.0/8", "10.0.0.0/33"]),
        (
            text.ImageReference,
            ["a", "a.b:5000/c/d:1.2", "a/b@sha256:" + "0" * 64],
            ["", "A", "a b", "a:", "a@sha256:0"],
        ),
        (text.EnvironmentName, ["A", "_b", "JAVA_OPTS"], ["", "1A", "A-B", "A B"]),
        (text.LabelKey, ["a", "acme.example/team", "A.b-c"], ["", "/a", "a/", "a b"]),
        (text.JvmArgument, ["-Xmx1g", "-Da=b c"], ["", "Xmx1g", "- x"]),
    ],
)
def test_texts_have_forms(kind: Any, right: list[str], wrong: list[str]) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    assert [adapter.validate_python(value) for value in right] == right
    for value in wrong:
        with pytest.raises(ValidationError) as caught:
            adapter.validate_python(value)
        assert caught.value.errors()[0]["ctx"]["remedy"]


def test_templates_come_apart_into_texts_and_placeholders() -> None:
    assert parts("--listen ${address}:${port.http}!") == (
        "--listen ",
        Placeholder("address"),
        ":",
        Placeholder("port.http"),
        "!",
    )
    assert parts("cost: $5 and $${literal}") == ("cost: $5 and ${literal}",)
    assert parts("") == ()
    assert placeholders("${a}${b}${a}") == {"a", "b"}


@pytest.mark.parametrize("value", ["${", "a${b", "${a${b}"])
def test_a_placeholder_must_be_closed(value: str) -> None:
    with pytest.raises(UnfinishedPlaceholder):
        parts(value)
