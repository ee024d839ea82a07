"""``telamon infra`` as it is typed, on a laptop and by a build server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.approval import DESTROYED, SECRET, Office, needs_ssh, needs_terraform, without_dropped
from tests.support.desk import Desk, Result

pytestmark = [needs_ssh, needs_terraform]


class Laptop:
    """A command line beside an office."""

    def __init__(self, folder: Path) -> None:
        self.office = Office.new(folder)
        self.desk = Desk(folder / "states")

    @property
    def tree(self) -> str:
        return str(self.office.tree)

    def infra(self, verb: str, *arguments: str, key: str = "") -> Result:
        """Type a verb of ``telamon infra``."""
        signing = ("--key", str(self.office.keys[key])) if key else ()
        found = self.desk.run(
            "infra", verb, *arguments, "--stack", "acme", "--approvers", str(self.office.approvers), *signing
        )
        assert SECRET not in found.out + found.err
        return found

    def plan(self, key: str = "bob") -> str:
        found = self.infra("plan", self.tree, "-o", "json", key=key)
        assert found.code == 0, found.err
        return str(found.document["plan"])

    def approve(self, plan: str, *names: str, destroys: tuple[str, ...] = ()) -> None:
        named = [word for address in destroys for word in ("--destroys", address)]
        for name in names:
            found = self.infra("approve", plan, "--dir", self.tree, "--yes", *named, key=name)
            assert found.code == 0, found.err

    def standing(self) -> None:
        """Have something applied, and a change to it pending."""
        self.approve(self.plan(), "ada", "cyd")
        assert self.infra("apply", self.tree, "--yes").code == 0
        self.office.configure(without_dropped())


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laptop:
    monkeypatch.delenv("TELAMON_TF_PLUGIN_DIR", raising=False)
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "/dev/null")
    return Laptop(tmp_path)


def test_from_a_plan_to_its_apply(laptop: Laptop) -> None:
    laptop.standing()
    plan = laptop.plan()
    shown = laptop.infra("show", laptop.tree)
    assert shown.code == 0
    assert "1 replaced, 1 destroyed" in shown.out
    assert "destroyed terraform_data.dropped" in shown.out
    assert "lacks: 0 of 2 approvals are there" in shown.out
    early = laptop.infra("apply", laptop.tree, plan[:6], "--yes")
    assert early.code == 4
    assert "guard: enough-approvals" in early.err
    laptop.approve(plan, "ada", "cyd", destroys=DESTROYED)
    done = laptop.infra("apply", laptop.tree, "--yes", "-o", "json")
    assert done.document == {"what": "plan", "value": plan}
    assert laptop.infra("apply", laptop.tree, "--yes").code == 4


def test_an_approval_names_what_goes(laptop: Laptop) -> None:
    laptop.standing()
    plan = laptop.plan()
    found = laptop.infra(
        "approve", plan, "--dir", laptop.tree, "--yes", "--destroys", DESTROYED[0], key="ada"
    )
    assert found.code == 4
    assert f"not named: {DESTROYED[1]}" in found.err


def test_a_person_is_asked_before_signing(laptop: Laptop) -> None:
    plan = laptop.plan()
    laptop.desk.answers = "n\n"
    found = laptop.infra("approve", plan, "--dir", laptop.tree, key="ada")
    assert found.code == 130
    assert f"Sign that plan {plan} may be applied?" in found.err
    assert "nobody" in laptop.infra("show", laptop.tree).out


def test_a_check_of_a_pull_request(laptop: Laptop) -> None:
    laptop.standing()
    found = laptop.infra("plan", laptop.tree, "--check")
    assert found.code == 9
    assert found.out.startswith("### acme/network: what would be planned\n")
    assert "| destroyed | `terraform_data.dropped` |" in found.out
    laptop.approve(laptop.plan(), "ada", "cyd", destroys=DESTROYED)
    kept = laptop.infra("show", laptop.tree, "--check")
    assert kept.code == 0
    assert "Approved by ada, cyd." in kept.out
    assert laptop.infra("apply", laptop.tree, "--yes").code == 0
    assert laptop.infra("plan", laptop.tree, "--check").code == 0


def test_a_check_refuses_what_policies_refuse(laptop: Laptop, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text(
        '{"verdicts": [{"policy": "P1", "resource": "a.b", "passed": false, "reason": "open"}]}',
        encoding="utf-8",
    )
    found = laptop.infra("plan", laptop.tree, "--check", "--policies", str(report))
    assert found.code == 4
    assert "a.b: open (P1)" in found.out


def test_a_sealed_plan_goes_to_the_approvers_and_comes_back(laptop: Laptop, tmp_path: Path) -> None:
    sealed = tmp_path / "network.sealed"
    planned = laptop.infra("plan", laptop.tree, "--export", str(sealed), "--author", "bob", key="ci")
    assert planned.code == 0, planned.err
    assert sealed.stat().st_mode & 0o777 == 0o600
    for name in ("ada", "cyd"):
        out = tmp_path / f"{name}.approval"
        signed = laptop.infra("approve", str(sealed), "--yes", "--out", str(out), key=name)
        assert signed.code == 0, signed.err
        assert laptop.infra("approve", str(out)).code == 0
    assert laptop.infra("apply", laptop.tree, "--yes").code == 0


def test_the_next_list_is_signed(laptop: Laptop) -> None:
    laptop.plan()
    file = laptop.office.next_list(threshold=1)
    for name in ("ada", "cyd"):
        assert laptop.infra("approve", str(file), key=name).code == 0
    plan = laptop.plan()
    laptop.approve(plan, "ada")
    assert laptop.infra("apply", laptop.tree, "--yes").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("apply", "TREE"), 9, "there is no plan of network"),
        (("apply", "TREE", "abc", "--yes"), 9, "there is no plan abc"),
        (("plan", "TREE"), 2, "whose signature"),
        (("plan", "TREE/nowhere"), 2, "whose signature"),
        (("approve", "TREE/main.tf.json"), 2, "neither a sealed plan"),
        (("approve", "abc"), 2, "where is the configuration"),
    ],
)
def test_bad_input_has_its_own_words(
    laptop: Laptop, arguments: tuple[str, ...], code: int, said: str
) -> None:
    words = [word.replace("TREE", laptop.tree) for word in arguments]
    found = laptop.infra(*words)
    assert (found.code, said in found.err) == (code, True), found.err


def test_a_stranger_cannot_even_plan(laptop: Laptop) -> None:
    found = laptop.infra("plan", laptop.tree, key="eve")
    assert found.code == 4
    assert "guard: known-key" in found.err
