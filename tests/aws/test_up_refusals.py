"""What AWS does not let anybody do, told by ``telamon up`` itself to whoever typed it; and the next run goes on."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from telamon.errors import ConflictError, MachineError, PlatformError, RefusedError, TemporaryError
from tests.aws.conftest import DUMMY, Moto
from tests.aws.world import World
from tests.support.approval import needs_ssh
from tests.support.desk import Result
from tests.support.ground import SMALL
from tests.support.wayside import Refusal, Wayside

# Each runs terraform several times, which takes minutes on a machine that does other work.
pytestmark = [needs_ssh, pytest.mark.exhaustive, pytest.mark.timeout(1200)]

TEXT = SMALL.replace("ENVIRONMENT", "dev").replace("REGION", "eu-central-1").replace("MORE", "")
ACCOUNT = "123456789012"
"""moto's."""
NEXT = re.compile(r"trying again in (\d+) s")


class Stranger(World):
    """A world in which nobody has logged in to AWS."""

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in super().environment.items() if not name.startswith("AWS_")}
        return kept | {
            "HOME": str(self.folder),
            "AWS_EC2_METADATA_DISABLED": DUMMY["AWS_EC2_METADATA_DISABLED"],
        }


@dataclass(frozen=True)
class Road:
    """A world whose way to AWS goes past the wayside.

    Attributes:
        world: the stack, with nothing made.
        wayside: what refuses.
    """

    world: World
    wayside: Wayside

    def up(self) -> Result:
        """Run ``up`` once."""
        return self.world.run("up", str(self.world.file), "--yes", "--no-scan", "-o", "json")


@pytest.fixture
def road(moto: Moto, tmp_path: Path) -> Iterator[Road]:
    wayside = Wayside(moto.url)
    # What one test makes stays in the stand-in for AWS, so each has a stack of its own.
    text = TEXT.replace("name: acme", f"name: acme-{secrets.token_hex(3)}")
    with wayside.open() as url:
        yield Road(World.new(tmp_path / "world", Moto(url), text), wayside)


def refused(found: Result, words: str, code: int) -> None:
    """One refusal was told: in words, with what to do, and nothing of what was said to terraform."""
    assert found.code == code, found.out + found.err
    assert words in found.document["error"]
    assert found.document["remedy"]
    assert "Traceback" not in found.err
    assert "RequestID" not in found.out


def test_nobody_is_logged_in(moto: Moto, tmp_path: Path) -> None:
    world = Stranger.new(tmp_path / "world", moto, TEXT)
    found = world.run("up", str(world.file), "--yes", "--no-scan", "-o", "json")
    refused(found, "there are no credentials for AWS", MachineError.exit_code)
    assert "aws sso login" in found.document["remedy"]
    assert world.plans() == ()


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId"])
def test_the_credentials_are_over(road: Road, code: str) -> None:
    road.wayside.refusals["GetCallerIdentity"] = Refusal(403, code, "The security token is no good.")
    refused(road.up(), "have expired or are wrong", MachineError.exit_code)
    assert road.world.plans() == ()


def test_the_credentials_are_of_another_account(moto: Moto, tmp_path: Path) -> None:
    world = World.new(tmp_path / "world", moto, TEXT.replace(ACCOUNT, "210987654321"))
    found = world.run("up", str(world.file), "--yes", "--no-scan", "-o", "json")
    refused(found, "of another account than the one in the stack file", ConflictError.exit_code)
    assert world.plans() == ()


@pytest.mark.parametrize(
    ("region", "words", "code"),
    [
        ("eu-centrl-1", "the region is not to be reached", MachineError.exit_code),
        ("us-west-1", "us-west-1 has 2 zones for a new account", RefusedError.exit_code),
    ],
)
def test_the_region_is_none_or_too_small(
    moto: Moto, tmp_path: Path, region: str, words: str, code: int
) -> None:
    world = World.new(tmp_path / "world", moto, TEXT)
    world.file.write_text(TEXT.replace("eu-central-1", region), encoding="utf-8")
    refused(world.run("up", str(world.file), "--yes", "--no-scan", "-o", "json"), words, code)
    assert world.plans() == ()


def test_a_plan_that_aws_asks_to_wait_for_is_tried_again_by_itself(road: Road) -> None:
    road.wayside.refusals["GetCallerIdentity"] = Refusal(400, "Throttling", "Rate exceeded")
    with road.world.telamon("up", str(road.world.file), "--yes", "--no-scan") as process:
        assert process.stderr is not None
        told = next(line for line in process.stderr if NEXT.search(line))
        road.wayside.refusals.clear()
        _, rest = process.communicate()
    assert "AWS asks to be called less often" in told
    assert process.returncode == 9, rest
    assert "waits for approvals" in rest
    (kept,) = road.world.plans()
    assert kept.evidence.part == "state"


@pytest.mark.parametrize(
    ("refusal", "words", "kind"),
    [
        (
            Refusal(400, "LimitExceededException", "You have too many keys."),
            "a quota of the account",
            PlatformError,
        ),
        (
            Refusal(500, "KMSInternalException", "InternalError"),
            "does not answer as it should",
            TemporaryError,
        ),
    ],
    ids=lambda value: value.code if isinstance(value, Refusal) else "",
)
def test_an_apply_that_aws_refuses_goes_on_in_the_next_run(
    road: Road, refusal: Refusal, words: str, kind: type[PlatformError | TemporaryError]
) -> None:
    assert road.up().code == 9
    road.world.approve_what_waits()
    road.wayside.refusals["CreateKey"] = refusal
    refused(road.up(), words, kind.exit_code)
    assert road.wayside.refused
    road.wayside.refusals.clear()
    last = road.world.up(["state"])
    assert road.world.standing(["state"]), last.err
    addresses = road.world.terraform.addresses(road.world.ground / "state")
    assert len(addresses) == len(set(addresses))
