"""Somebody else's terraform is at work on a layer: whoever brings the layers up is told who, and goes on afterwards."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from telamon.errors import ConflictError
from telamon.platforms.aws.ascent import Place
from tests.support.approval import needs_ssh, needs_terraform
from tests.support.hosting import eventually
from tests.support.layers import Hill, everything

pytestmark = [needs_ssh, needs_terraform, pytest.mark.exhaustive, pytest.mark.timeout(600)]

WAITS_AT_MOST = 300
"""Seconds for which the other terraform waits to be let go on."""


@pytest.fixture
def hill(tmp_path: Path) -> Hill:
    """Layers of which the first makes its first thing once somebody has opened a gate."""
    made = Hill.new(tmp_path)
    main = made.ground / "network" / "main.tf.json"
    begun, gate = (shlex.quote(str(tmp_path / name)) for name in ("begun", "gate"))
    waiting = (
        f"touch {begun}; for i in $(seq {WAITS_AT_MOST * 10}); do test -e {gate} && break; sleep 0.1; done"
    )
    text = main.read_text(encoding="utf-8")
    assert text.count("sleep 0; echo network.0") == 1
    main.write_text(text.replace("sleep 0; echo network.0", f"{waiting}; echo network.0"), encoding="utf-8")
    return made


@contextmanager
def somebody_applies(folder: Path, hill: Hill) -> Iterator[None]:
    """A terraform by hand that is in the middle of its apply inside the block, and comes to its end after it."""
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": "/dev/null"}
    by_hand = ["terraform", f"-chdir={hill.ground / 'network'}"]
    subprocess.run([*by_hand, "init"], env=environment, check=True, capture_output=True)
    with (folder / "by-hand.log").open("wb") as told:
        process = subprocess.Popen(
            [*by_hand, "apply", "-auto-approve"], env=environment, stdout=told, stderr=subprocess.STDOUT
        )
    try:
        eventually((folder / "begun").exists, "somebody else applies")
        yield
    finally:
        (folder / "gate").touch()
        assert process.wait(WAITS_AT_MOST) == 0, (folder / "by-hand.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("approved", [False, True], ids=["planning", "applying"])
def test_who_holds_the_lock_is_named_and_the_next_run_goes_on(
    hill: Hill, tmp_path: Path, approved: bool
) -> None:
    if approved:
        hill.approve(hill.climb())
    with somebody_applies(tmp_path, hill):
        with pytest.raises(ConflictError) as caught:
            hill.climb()
        told = f"{caught.value.message} {caught.value.remedy}"
        assert re.search(r"network: somebody else is changing this layer: \S+@\S+, since ", told), told
        assert "telamon infra unlock DIR LOCK" in told
        assert hill.made == [], "nothing was made beside what the other is making"
    found = hill.to_the_top()
    assert {each.place for each in found} == {Place.STANDS}
    assert hill.made == everything(), "and nothing was made twice"
