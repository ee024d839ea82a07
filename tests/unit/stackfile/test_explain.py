"""``explain`` and the schema say what the models say."""

from __future__ import annotations

import pytest

from telamon.errors import UsageError
from telamon.stackfile.explain import explain


def test_a_field_is_explained_with_unit_bounds_default_and_reason() -> None:
    told = explain("spec.products.jira.nodes")
    assert (told.unit, told.bounds, told.default) == ("nodes", "1 to 20", "2")
    assert told.what == "How many nodes run."
    assert "survive the loss of one" in told.why


def test_what_leaving_out_means_is_explained() -> None:
    told = explain("spec.products.jira.resources.memory")
    assert (told.bounds, told.default) == ("128Mi to 2Ti", "")
    assert told.unset == "The product's own recommendation for a small instance."


def test_sub_fields_are_listed_with_the_path_to_go_on() -> None:
    assert [(field.key, field.required) for field in explain("spec.products.jira.license").fields] == [
        ("secret", True),
        ("key", False),
    ]
    assert explain("spec.products").fields[0].path.startswith("spec.products.NAME.")
    assert explain("").fields[-1].path == "status"


def test_fields_of_a_choice_are_known_without_choosing() -> None:
    assert explain("spec.platform.region").required
    assert explain("spec.database.instances").default == "3"


@pytest.mark.parametrize(
    "path",
    ["spec.products.x.volumes.name", "spec.products.x.volumes[].name", "spec.products.x.volumes[0].name"],
)
def test_items_of_a_list_are_reached_with_and_without_brackets(path: str) -> None:
    assert explain(path).what == "Name of the volume, unique within the product."


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("spec.produkts", 'Did you mean "products"?'),
        ("spec.products.jira.node", 'Did you mean "nodes"?'),
        ("spec.domain.x", "It takes a domain"),
        ("spec.domain[0]", "It takes a domain"),
        ("nonsense", "Below it are apiVersion, kind"),
    ],
)
def test_an_unknown_field_is_refused_with_the_nearest_one(path: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        explain(path)
    assert words in (caught.value.remedy or "")
