"""What the real provider says when AWS does not let it, in our words; and the next run goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from telamon.errors import ConflictError, MachineError, PlatformError, TelamonError, TemporaryError
from telamon.platforms.terraform.applying import Applying
from telamon.platforms.terraform.runner import Terraform
from tests.aws.conftest import DUMMY, Moto, terraform
from tests.support.wayside import Refusal, Wayside

# Each asks terraform eight times, which takes minutes on a machine that does other work.
pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(900)]

ACCOUNT = "123456789012"
"""moto's."""


def network(**provider: Any) -> Mapping[str, Any]:
    """A network and nothing in it."""
    settings = {"region": "eu-central-1", "skip_metadata_api_check": True, "max_retries": 1}
    return {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": "5.100.0"}}},
        "provider": {"aws": settings | {"allowed_account_ids": [ACCOUNT]} | provider},
        "resource": {"aws_vpc": {"main": {"cidr_block": "10.64.0.0/16"}}},
    }


@dataclass
class Ground:
    """A layer whose provider goes past the wayside.

    Attributes:
        folder: of the layer.
        terraform: the real one.
        wayside: what refuses.
    """

    folder: Path
    terraform: Terraform
    wayside: Wayside
    tries: int = 0

    def write(self, **provider: Any) -> None:
        (self.folder / "main.tf.json").write_text(json.dumps(network(**provider)), encoding="utf-8")
        self.terraform.init(self.folder)

    def plan(self) -> bool:
        return self.terraform.plan(self.folder, out=self.folder / "saved.tfplan")

    def apply(self) -> None:
        self.tries += 1
        record = self.folder / f"apply-{self.tries}"
        record.mkdir()
        plan = self.folder / "saved.tfplan"
        self.terraform.apply(self.folder, plan=plan, record=Applying(record), tell=lambda _: None)


@pytest.fixture
def ground(moto: Moto, tmp_path: Path) -> Iterator[Ground]:
    wayside = Wayside(moto.url)
    with wayside.open() as url:
        folder = tmp_path / "network"
        folder.mkdir()
        yield Ground(folder, terraform(AWS_ENDPOINT_URL=url, HOME=str(tmp_path)), wayside)


def test_without_credentials_it_says_how_to_log_in(ground: Ground) -> None:
    kept = {name: value for name, value in ground.terraform.environment.items() if name not in DUMMY}
    ground.terraform = replace(ground.terraform, environment=kept | {"AWS_EC2_METADATA_DISABLED": "true"})
    ground.write()
    with pytest.raises(MachineError, match="there are no credentials for AWS") as raised:
        ground.plan()
    assert "aws sso login" in str(raised.value.remedy)


def test_another_account_is_refused_before_anything_is_looked_at(ground: Ground) -> None:
    ground.write(allowed_account_ids=["210987654321"])
    with pytest.raises(ConflictError, match="of another account"):
        ground.plan()


def test_a_region_that_is_none_is_named(ground: Ground) -> None:
    ground.write(region="eu-centrl-1")
    with pytest.raises(MachineError, match="the region is not to be reached"):
        ground.plan()


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"])
def test_credentials_that_are_over_are_told_from_none(ground: Ground, code: str) -> None:
    ground.write()
    ground.wayside.refusals["GetCallerIdentity"] = Refusal(403, code, "The security token is no good.")
    with pytest.raises(MachineError, match="have expired or are wrong"):
        ground.plan()


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        (
            Refusal(400, "VpcLimitExceeded", "The maximum number of VPCs has been reached."),
            PlatformError,
            "quota",
        ),
        (Refusal(503, "RequestLimitExceeded", "Request limit exceeded."), TemporaryError, "less often"),
        (Refusal(400, "Throttling", "Rate exceeded"), TemporaryError, "less often"),
        (Refusal(500, "InternalError", "An internal error has occurred"), TemporaryError, "as it should"),
        (Refusal(503, "Unavailable", "The server is overloaded."), TemporaryError, "as it should"),
        (Refusal(403, "UnauthorizedOperation", "You are not authorized."), PlatformError, "has no right"),
    ],
    ids=lambda value: value.code if isinstance(value, Refusal) else "",
)
def test_what_aws_refuses_is_told_and_the_next_run_goes_on(
    ground: Ground, refusal: Refusal, kind: type[TelamonError], words: str
) -> None:
    ground.write()
    assert ground.plan()
    ground.wayside.refusals["CreateVpc"] = refusal
    with pytest.raises(TelamonError, match=words) as raised:
        ground.apply()
    assert type(raised.value) is kind
    assert refusal.message not in str(raised.value)
    assert raised.value.remedy
    assert ground.wayside.refused
    assert ground.terraform.addresses(ground.folder) == ()
    ground.wayside.refusals.clear()
    assert ground.plan()
    ground.apply()
    assert ground.terraform.addresses(ground.folder) == ("aws_vpc.main",)
    assert not ground.plan()
