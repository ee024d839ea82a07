"""What terraform's failures mean, and where its provider is looked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from telamon.errors import (
    ConflictError,
    MachineError,
    NotReadyError,
    PlatformError,
    TelamonError,
    TemporaryError,
)
from telamon.platforms.terraform.applying import read_outcome
from telamon.platforms.terraform.failures import translate
from telamon.platforms.terraform.providers import find_plugins
from telamon.platforms.terraform.runner import Terraform

SAID: dict[str, tuple[type[TelamonError], str]] = {
    "│ Error: Error acquiring the state lock\n│ ... StatusCode: 412": (ConflictError, "somebody else"),
    "Error: No valid credential sources found": (MachineError, "no credentials"),
    "api error ExpiredToken: The provided token has expired.": (MachineError, "expired"),
    "Error: AWS account ID not allowed: 210987654321": (ConflictError, "another account"),
    "Error: invalid AWS Region: eu-centrl-1": (MachineError, "region"),
    "api error VcpuLimitExceeded: You have requested more vCPU capacity": (PlatformError, "quota"),
    "api error VpcLimitExceeded: The maximum number of VPCs has been reached.": (PlatformError, "quota"),
    "api error LimitExceededException: too many keys": (PlatformError, "quota"),
    "api error RequestLimitExceeded: Request limit exceeded.": (TemporaryError, "less often"),
    "api error Throttling: Rate exceeded": (TemporaryError, "less often"),
    "https response error StatusCode: 503, ServiceUnavailable": (TemporaryError, "does not answer"),
    "api error UnauthorizedOperation: You are not authorized": (PlatformError, "no right"),
    "Error: Failed to get existing workspaces: S3 bucket does not exist.": (NotReadyError, "not there yet"),
    "Error: Failed to query available provider packages": (MachineError, "provider"),
    "Error: Backend initialization required, please run init": (NotReadyError, "not initialised"),
    "Error: Unsupported argument\n\n  on main.tf.json": (PlatformError, "failed: Unsupported argument"),
}


@pytest.mark.parametrize("text", SAID)
def test_a_failure_is_put_into_our_words(text: str) -> None:
    kind, words = SAID[text]
    error = translate(text, doing="terraform plan of network")
    assert type(error) is kind
    assert words in error.message
    assert error.message.startswith("terraform plan of network")


def test_whoever_holds_a_lock_is_named_with_the_id_that_releases_it() -> None:
    said = """Error: Error acquiring the state lock
    │ Error message: operation error S3: PutObject, https response error StatusCode: 412
    │ Lock Info:
    │   ID:        9db590f1-b6fe-c5f2-2678-8804f089deba
    │   Path:      states/network.tfstate
    │   Operation: OperationTypeApply
    │   Who:       ada@laptop
    │   Version:   1.11.4
    │   Created:   2026-11-22 12:00:00.5 +0000 UTC
    """
    error = translate(said, doing="terraform plan of network")
    assert isinstance(error, ConflictError)
    assert (
        "ada@laptop, since 2026-11-22 12:00:00 UTC (lock 9db590f1-b6fe-c5f2-2678-8804f089deba)"
        in error.message
    )


def test_an_apply_that_meets_a_lock_names_its_holder() -> None:
    detail = """Error message: operation error S3: PutObject, https response error StatusCode: 412
Lock Info:
  ID:        9db590f1-b6fe-c5f2-2678-8804f089deba
  Path:      states/network.tfstate
  Operation: OperationTypeApply
  Who:       ada@laptop
  Version:   1.11.4
  Created:   2026-11-22 12:00:00 +0000 UTC
  Info:
"""
    diagnostic = {"summary": "Error acquiring the state lock", "detail": detail}
    outcome = read_outcome(iter([{"type": "diagnostic", "@level": "error", "diagnostic": diagnostic}]))
    with pytest.raises(ConflictError, match=r"ada@laptop, since 2026-11-22 12:00:00 UTC \(lock 9db590f1-"):
        outcome.enforce(doing="terraform apply of network")


def test_what_can_be_tried_again_says_when() -> None:
    error = translate("Throttling: Rate exceeded", doing="apply")
    assert isinstance(error, TemporaryError)
    assert error.delay == 60.0


def test_only_the_headline_of_a_failure_is_passed_on() -> None:
    text = f"Error: creating secret{' ' * 3}\n\n  with value {'x' * 300} hunter2"
    assert "hunter2" not in translate(text, doing="apply").message


def provider(folder: Path) -> Path:
    """An unpacked provider below a folder."""
    file = (
        folder / "registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64/terraform-provider-aws_v5.100.0_x5"
    )
    file.parent.mkdir(parents=True)
    file.touch()
    return file


def test_the_provider_is_found_where_it_lies(tmp_path: Path) -> None:
    assert find_plugins({}, places=[str(tmp_path / "nowhere")]) is None
    provider(tmp_path / "shared" / "plugins")
    assert find_plugins({}, places=[str(tmp_path)]) == tmp_path / "shared" / "plugins"


def test_the_variable_wins_and_must_be_right(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="there is no"):
        find_plugins({"TELAMON_TF_PLUGIN_DIR": str(tmp_path)})
    provider(tmp_path)
    assert find_plugins({"TELAMON_TF_PLUGIN_DIR": str(tmp_path)}, places=[]) == tmp_path


def script(folder: Path, body: str) -> Terraform:
    """A program that stands where terraform is, and does what a test says."""
    program = folder / "terraform"
    program.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    program.chmod(0o755)
    return Terraform(
        str(program), {"PATH": os.environ["PATH"], "TF_LOG": "trace", "TF_CLI_ARGS_plan": "-destroy"}
    )


def test_what_could_bend_a_run_is_left_out(tmp_path: Path) -> None:
    program = script(tmp_path, 'test -z "$TF_LOG$TF_CLI_ARGS_plan" && echo "{}"')
    assert program.outputs(tmp_path) == {}


def test_a_plan_is_for_its_owner_alone(tmp_path: Path) -> None:
    out = tmp_path / "tfplan"
    assert script(tmp_path, "exit 2").plan(tmp_path, out=out)
    assert out.stat().st_mode & 0o777 == 0o600
    assert not script(tmp_path, "exit 0").plan(tmp_path, out=out)
    with pytest.raises(ConflictError, match="plan of"):
        script(tmp_path, "echo Error acquiring the state lock >&2; exit 1").plan(tmp_path, out=out)


def test_a_misfit_in_the_files_is_named(tmp_path: Path) -> None:
    answer = '{"valid": false, "diagnostics": [{"summary": "Unsupported argument", "detail": "no cidr"}]}'
    with pytest.raises(PlatformError, match="Unsupported argument"):
        script(tmp_path, f"echo '{answer}'; exit 1").validate(tmp_path)


def test_a_missing_program_is_said(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="cannot run"):
        Terraform(str(tmp_path / "none"), {}).init(tmp_path)
