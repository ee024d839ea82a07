"""The layers as data: the same every time, everything tagged, nothing shared but what is declared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from telamon.desired.terraform.data import Layer, LayerName, shortened
from telamon.desired.terraform.deploy import LONGEST, deploy_role, rights_for
from telamon.desired.terraform.ground import Ground
from telamon.desired.terraform.moves import Move, moved_blocks
from telamon.desired.terraform.regions import partition, zone_names
from telamon.desired.terraform.render import files, layer_files, layers_on
from telamon.errors import RefusedError
from tests.support.ground import example, ground_of, grouped, products, small, stack_of

REFERENCE = re.compile(r"\$\{[^}]*?\b(aws_[a-z0-9_]+\.[a-z0-9_]+)\b")
VARIABLE = re.compile(r"\bvar\.([a-z0-9_]+)")

GROUNDS = {
    "example": ground_of(example()),
    "small": small(),
    "dev": small(environment="dev"),
    "alb": small("  edge: {driver: alb}"),
    "plain": small("  edge: {tls: {kind: disabled}}"),
    "external": small("  database: {kind: external, host: db.example, admin: {secret: db}}"),
    "beside": grouped("{products: {}, products-2: {type: r7i.xlarge, kubernetes: '1.34'}}"),
}


def made(name: str) -> tuple[Layer, ...]:
    """The layers of one of the grounds."""
    return layers_on(GROUNDS[name])


def texts(value: Any) -> Iterator[str]:
    """Every text in JSON data, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)


def test_the_same_stack_gives_the_same_bytes() -> None:
    stack = example()
    assert files(stack, products(stack)) == files(stack, products(stack))
    assert list(files(stack, products(stack))) == sorted(files(stack, products(stack)))


@pytest.mark.parametrize("name", GROUNDS)
def test_every_reference_has_its_resource_in_the_same_layer(name: str) -> None:
    for layer in made(name):
        known = {resource.address for resource in layer.resources}
        content = [resource.body for resource in layer.resources] + [output.value for output in layer.outputs]
        used = {found for text in texts(content) for found in REFERENCE.findall(text)}
        waits = {address for resource in layer.resources for address in resource.body.get("depends_on", ())}
        assert (used | waits) - known == set(), layer.name


@pytest.mark.parametrize("name", GROUNDS)
def test_no_address_is_there_twice(name: str) -> None:
    for layer in made(name):
        addresses = [resource.address for resource in layer.resources]
        assert len(addresses) == len(set(addresses))


@pytest.mark.parametrize("name", GROUNDS)
def test_inputs_are_outputs_of_an_earlier_layer_and_all_are_declared(name: str) -> None:
    told: dict[LayerName, set[str]] = {}
    for layer in made(name):
        for item in layer.inputs:
            assert item.name in told[item.source]
        declared = {item.name for item in layer.inputs}
        content = [resource.body for resource in layer.resources] + [output.value for output in layer.outputs]
        used = {found for text in texts(content) for found in VARIABLE.findall(text)}
        assert used <= declared
        told[layer.name] = {output.name for output in layer.outputs}


@pytest.mark.parametrize("name", GROUNDS)
def test_every_type_has_its_rights(name: str) -> None:
    for layer in made(name):
        for resource in layer.resources:
            assert rights_for(resource.type), resource.type


@pytest.mark.parametrize("name", GROUNDS)
def test_every_policy_fits_into_one_of_aws(name: str) -> None:
    found = GROUNDS[name]
    for file, document in deploy_role(found, layers_on(found)).items():
        assert len(json.dumps(document, separators=(",", ":"))) <= LONGEST, file


def test_the_deploy_role_may_not_do_everything() -> None:
    found = ground_of(example())
    for document in deploy_role(found, layers_on(found)).values():
        for statement in document["Statement"]:
            assert "*" not in statement["Action"]
            if statement.get("Resource") == "*":
                assert statement["Condition"]["StringEquals"]["aws:RequestedRegion"]


def bodies(found: Ground, resource_type: str) -> dict[str, Any]:
    """The resources of a type, by name."""
    return {
        resource.name: resource.body
        for layer in layers_on(found)
        for resource in layer.resources
        if resource.type == resource_type
    }


def test_a_layer_has_its_own_state_locked_and_encrypted() -> None:
    found = ground_of(example())
    keys = set()
    for layer in layers_on(found)[1:]:
        settings = layer_files(found, layer)["terraform.tf.json"]
        backend = settings["terraform"]["backend"]["s3"]
        assert backend["use_lockfile"]
        assert backend["encrypt"]
        keys.add(backend["key"])
        for provider in settings["provider"]["aws"]:
            assert provider["allowed_account_ids"] == ["123456789012"]
            assert provider["default_tags"]["tags"]["telamon.dev/stack"] == "acme"
    assert len(keys) == 5


def test_production_has_everything_twice_and_dev_once() -> None:
    production, dev = small(), small(environment="dev")
    assert len(bodies(production, "aws_nat_gateway")) == 3
    assert len(bodies(dev, "aws_nat_gateway")) == 1
    instance = bodies(production, "aws_db_instance")["main"]
    assert instance["multi_az"]
    assert instance["deletion_protection"]
    assert instance["manage_master_user_password"]
    assert "password" not in instance
    assert not bodies(dev, "aws_db_instance")["main"]["multi_az"]


def test_each_purpose_has_its_machines_and_only_products_keep_others_away() -> None:
    found = bodies(small(), "aws_eks_node_group")
    assert {name: body["labels"] for name, body in found.items()} == {
        name: {"telamon.dev/purpose": name} for name in ("system", "products")
    }
    assert "taint" not in found["system"]
    (taint,) = found["products"]["taint"]
    assert taint == {"key": "telamon.dev/purpose", "value": "products", "effect": "NO_SCHEDULE"}
    # Otherwise a group that is told to grow would ask for more machines than EKS believes are wanted.
    assert all("lifecycle" not in body for body in found.values())


def test_a_group_beside_another_is_as_the_file_says_and_changes_nothing_of_the_first() -> None:
    beside = GROUNDS["beside"]
    groups, templates = bodies(beside, "aws_eks_node_group"), bodies(beside, "aws_launch_template")
    alone = bodies(grouped("{}"), "aws_eks_node_group")
    assert groups["products"] == alone["products"]
    assert groups["products_2"]["node_group_name"] == "products-2"
    assert groups["products_2"]["version"] == "1.34"
    assert groups["products_2"]["taint"] == groups["products"]["taint"]
    assert templates["products_2"]["instance_type"] == "r7i.xlarge"
    assert templates["products_2"]["name"] == "telamon-acme-products-2"
    (told,) = [
        each.value for layer in layers_on(beside) for each in layer.outputs if each.name == "machines_version"
    ]
    assert told == "${sort([aws_eks_node_group.products.version, aws_eks_node_group.products_2.version])[0]}"


def test_a_group_is_as_large_and_as_patient_as_the_file_says() -> None:
    found = grouped("{core: {purpose: system, count: 3, surge: 2, emptiedAtOnce: 2, autoscaled: true}}")
    groups = bodies(found, "aws_eks_node_group")
    assert set(groups) == {"core", "products"}
    assert groups["core"]["scaling_config"] == {"min_size": 3, "desired_size": 3, "max_size": 5}
    assert groups["core"]["update_config"] == {"max_unavailable": 2}
    assert groups["core"]["lifecycle"] == {"ignore_changes": ["scaling_config[0].desired_size"]}
    late = bodies(found, "aws_eks_addon")["coredns"]
    assert late["depends_on"] == ["aws_eks_node_group.core"]


def test_repositories_are_kept_on_openzfs_and_never_on_efs() -> None:
    found = ground_of(example())
    assert set(bodies(found, "aws_efs_file_system")) == {"jira", "confluence"}
    (system,) = bodies(found, "aws_fsx_openzfs_file_system").values()
    assert system["deployment_type"] == "MULTI_AZ_1"
    assert system["throughput_capacity"] == 320


def test_access_points_belong_to_the_user_of_the_image() -> None:
    points = bodies(ground_of(example()), "aws_efs_access_point")
    assert {name: body["posix_user"]["uid"] for name, body in points.items()} == {
        "jira": 2001,
        "confluence": 2002,
    }


def test_only_static_files_pass_the_content_network() -> None:
    found = ground_of(example())
    walls = bodies(found, "aws_wafv2_web_acl")
    assert set(walls) == {"jira", "confluence", "bitbucket"}
    for wall in walls.values():
        assert wall["default_action"] == {"block": {}}
        allowed = [rule["statement"]["byte_match_statement"] for rule in wall["rule"] if "action" in rule]
        assert [rule["search_string"] for rule in allowed] == ["/s/"]


def test_the_operator_may_have_the_stacks_own_distributions_forget_and_nothing_else() -> None:
    layers = {layer.name: layer for layer in made("example")}
    found = {each.address: each.body for each in layers[LayerName.EDGE].resources}
    roles = {each.address: each.body for each in layers[LayerName.CLUSTER].resources}
    policy = found["aws_iam_role_policy.operator_static"]
    assert policy["role"] == roles["aws_iam_role.operator"]["name"]
    (statement,) = json.loads(policy["policy"])["Statement"]
    assert statement["Action"] == ["cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"]
    assert statement["Resource"] == [
        f"${{{address}.arn}}" for address in found if address.startswith("aws_cloudfront_distribution.")
    ]
    without = next(layer for layer in made("small") if layer.name is LayerName.EDGE)
    assert not [each for each in without.resources if each.type == "aws_iam_role_policy"]


def test_a_rule_added_by_anybody_but_terraform_is_taken_back() -> None:
    rules = bodies(small(), "aws_cloudwatch_event_rule")
    for name in ("revert_ingress", "revert_egress", "security_groups"):
        detail = json.loads(rules[name]["event_pattern"])["detail"]
        others, nobody = detail["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"]
        assert "arn:aws:iam::123456789012:role/telamon-acme-deploy" in others["anything-but"]["wildcard"]
        assert nobody == {"exists": False}


def test_git_over_ssh_has_a_balancer_of_its_own() -> None:
    assert set(bodies(ground_of(example()), "aws_lb")) == {"web", "ssh"}
    assert set(bodies(small(), "aws_lb")) == {"web"}


def test_the_network_policies_are_enforced_by_the_plug_in_that_is_named() -> None:
    addon = bodies(small(), "aws_eks_addon")["vpc_cni"]
    assert json.loads(addon["configuration_values"]) == {"enableNetworkPolicy": "true"}
    calico = stack_of(
        "apiVersion: telamon.dev/v1alpha1\nkind: Stack\nmetadata: {name: acme}\nspec:\n"
        "  domain: acme.example\n  products: {jira: {version: 11.3.1}}\n"
        "  platform: {kind: aws, region: eu-central-1, account: '123456789012', networkPolicies: calico}\n"
    )
    assert "configuration_values" not in bodies(ground_of(calico), "aws_eks_addon")["vpc_cni"]


def test_subnets_do_not_overlap_and_lie_in_the_network() -> None:
    import ipaddress

    found = small()
    networks = [
        ipaddress.IPv4Network(network)
        for zone in found.zones
        for network in (zone.private, zone.public, zone.data)
    ]
    whole = ipaddress.IPv4Network(found.platform.network)
    assert all(network.subnet_of(whole) for network in networks)
    assert not any(a.overlaps(b) for i, a in enumerate(networks) for b in networks[:i])


def test_a_network_that_does_not_fit_is_refused() -> None:
    text = (
        "apiVersion: telamon.dev/v1alpha1\nkind: Stack\nmetadata: {name: acme}\nspec:\n"
        "  domain: acme.example\n  products: {jira: {version: 11.3.1}}\n"
        "  platform: {kind: aws, region: eu-central-1, account: '123456789012', network: 10.0.0.0/24}\n"
    )
    with pytest.raises(RefusedError, match="does not fit"):
        ground_of(stack_of(text))


def test_another_platform_has_no_ground() -> None:
    text = (
        "apiVersion: telamon.dev/v1alpha1\nkind: Stack\nmetadata: {name: acme}\n"
        "spec: {domain: acme.example, products: {jira: {version: 11.3.1}}}\n"
    )
    with pytest.raises(RefusedError, match="no ground"):
        ground_of(stack_of(text))


def test_zones_and_partitions() -> None:
    assert zone_names("ca-central-1", 3) == ("ca-central-1a", "ca-central-1b", "ca-central-1d")
    with pytest.raises(RefusedError, match="has 2 zones"):
        zone_names("us-west-1", 3)
    assert [partition(region) for region in ("eu-central-1", "cn-north-1", "us-gov-west-1")] == [
        "aws",
        "aws-cn",
        "aws-us-gov",
    ]


def test_a_long_name_is_cut_and_stays_distinct() -> None:
    first, second = (shortened(f"telamon-{'x' * 30}-{end}", 32) for end in ("web", "ssh"))
    assert len(first) == len(second) == 32
    assert first != second
    assert shortened("short", 32) == "short"


def test_a_move_is_told_to_its_layer_alone() -> None:
    moves = [Move(LayerName.NETWORK, "aws_vpc.old", "aws_vpc.main")]
    assert moved_blocks(moves, LayerName.NETWORK) == [{"from": "aws_vpc.old", "to": "aws_vpc.main"}]
    assert moved_blocks(moves, LayerName.DATA) == []


def test_no_secret_is_written() -> None:
    stack = example()
    whole = "".join(files(stack, products(stack)).values())
    assert "AKIA" not in whole
    assert re.search(r'"(password|secret_string|master_password)"', whole) is None
