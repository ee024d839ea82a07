"""The estimate adds up, and says what a setting costs."""

from __future__ import annotations

from telamon.desired.cost import choices, estimate
from telamon.desired.prices import HOURS, PRICES
from tests.support.ground import example, ground_of, grouped, small


def test_the_parts_add_up() -> None:
    month = estimate(ground_of(example()))
    assert month.total == sum(part.monthly for part in month.parts)
    assert {part.layer for part in month.parts} == {
        "state",
        "network",
        "cluster",
        "data",
        "edge",
        "operations",
    }
    by_name = {part.name: part.monthly for part in month.parts}
    assert by_name["control plane"] == PRICES["eks-cluster"].dollars * HOURS
    assert by_name["shared home of jira, 200 GB"] == 200 * 0.30


def test_what_was_not_read_in_print_is_marked() -> None:
    doubtful = {part.name for part in estimate(ground_of(example())).parts if not part.published}
    assert doubtful == {"database, 2 x db.m7g.large", "shared home of bitbucket, 500 GB, 320 MB/s"}


def test_dev_costs_less_than_production() -> None:
    assert estimate(small(environment="dev")).total < estimate(small()).total


def test_choices_are_sorted_and_true() -> None:
    found = choices(small())
    assert [choice.monthly for choice in found] == sorted(choice.monthly for choice in found)
    (environment,) = [choice for choice in found if choice.path == "spec.environment"]
    difference = estimate(small(environment="dev")).total - estimate(small()).total
    assert abs(environment.monthly - difference) < 0.005


def test_a_group_beside_another_is_paid_for_and_one_machine_less_saves() -> None:
    found = grouped("{products: {count: 4}, next: {count: 5}}")
    both = {part.name for part in estimate(found).parts}
    assert {
        "4 machines of the group products, m7i.xlarge",
        "5 machines of the group next, m7i.xlarge",
    } <= both
    fewer = {each.path: each for each in choices(found) if "nodeGroups" in each.path}
    assert set(fewer) == {f"spec.platform.nodeGroups.{name}.count" for name in ("products", "next")}
    less = fewer["spec.platform.nodeGroups.next.count"]
    assert (less.now, less.instead, less.monthly < 0) == ("5", "4", True)


def test_a_bigger_database_costs_more() -> None:
    more = [choice for choice in choices(small()) if choice.path == "spec.database.instanceClass"]
    assert [(choice.instead, choice.monthly > 0) for choice in more] == [("db.m7g.xlarge", True)]
