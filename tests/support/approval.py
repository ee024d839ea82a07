"""Builders for approvals: people with real keys, lists of approvers, a configuration that needs no provider."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from telamon.infra.canonical import digest
from telamon.infra.evidence import APPROVAL_NAMESPACE, APPROVERS_NAMESPACE, Statement
from telamon.platforms.approval.desk import Desk
from telamon.platforms.approval.keys import OpenSsh, SignedText
from telamon.platforms.approval.succession import Succession
from telamon.platforms.terraform.runner import Terraform

START = 1_900_000_000
DAY = 86_400
SECRET = "planted-Zq9-secret"

needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")


@dataclass
class SetClock:
    """A clock that a test sets."""

    at: float = START

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def make_key(folder: Path, name: str) -> Path:
    """A key pair of nobody, made for this test."""
    path = folder / name
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


def public(key: Path) -> str:
    return key.with_name(f"{key.name}.pub").read_text(encoding="utf-8").strip()


def list_of(
    keys: Mapping[str, Sequence[Path]],
    *,
    planners: Mapping[str, Sequence[Path]] | None = None,
    **changed: Any,
) -> bytes:
    """A list of approvers."""
    document = {
        "kind": "telamon infrastructure approvers v1",
        "sequence": 1,
        "previous": "",
        "threshold": 2,
        "maxAgeSeconds": DAY,
        "approvers": [{"name": name, "keys": [public(key) for key in owned]} for name, owned in keys.items()],
        "planners": [
            {"name": name, "keys": [public(key) for key in owned]} for name, owned in (planners or {}).items()
        ],
        "revoked": [],
    }
    return json.dumps({**document, **changed}).encode()


CONFIGURATION: Mapping[str, Any] = {
    "variable": {"password": {"sensitive": True, "default": SECRET}},
    "resource": {
        "terraform_data": {
            "kept": {"input": {"password": "${var.password}", "size": 1.5}},
            "swapped": {"triggers_replace": ["v1"], "input": "${terraform_data.kept.id}"},
            "dropped": {"input": "old"},
        }
    },
    "output": {"password": {"value": "${var.password}", "sensitive": True}},
}


def without_dropped(trigger: str = "v2") -> dict[str, Any]:
    """The same with one resource replaced and one destroyed."""
    document = json.loads(json.dumps(CONFIGURATION))
    del document["resource"]["terraform_data"]["dropped"]
    document["resource"]["terraform_data"]["swapped"]["triggers_replace"] = [trigger]
    return dict(document)


DESTROYED = ("terraform_data.dropped", "terraform_data.swapped")


NAMES = ("ada", "ada-second", "bob", "cyd", "eve", "ci")


@dataclass
class Office:
    """A stack, the people around it, and their keys; on real ``terraform`` and ``ssh-keygen``."""

    folder: Path
    clock: SetClock = field(default_factory=SetClock)

    @classmethod
    def new(cls, folder: Path) -> Office:
        """One in which nothing has happened."""
        office = cls(folder)
        for part in (folder / "keys", office.tree, office.approvers):
            part.mkdir()
        for name in NAMES:
            make_key(folder / "keys", name)
        office.configure(CONFIGURATION)
        office.write_list(1, office.first_list())
        return office

    def copy(self, folder: Path) -> Office:
        """The same in another folder, as it stands."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Office(folder, SetClock(self.clock.at))

    @property
    def keys(self) -> dict[str, Path]:
        return {name: self.folder / "keys" / name for name in NAMES}

    @property
    def tree(self) -> Path:
        return self.folder / "network"

    @property
    def approvers(self) -> Path:
        return self.folder / "approvers"

    @property
    def records(self) -> Path:
        return self.folder / "records"

    @property
    def desk(self) -> Desk:
        ssh = OpenSsh()
        return Desk(
            stack="acme",
            records=self.records,
            succession=Succession(self.approvers, ssh),
            terraform=Terraform("terraform", {**os.environ, "TF_CLI_CONFIG_FILE": "/dev/null"}),
            keys=ssh,
            clock=self.clock,
        )

    def first_list(self, **changed: Any) -> bytes:
        people = {name: [self.keys[name]] for name in ("bob", "cyd")}
        return list_of(
            {"ada": [self.keys["ada"], self.keys["ada-second"]], **people},
            planners={"ci": [self.keys["ci"]]},
            **changed,
        )

    def write_list(self, number: int, content: bytes) -> Path:
        path = self.approvers / f"{number:04}.json"
        path.write_bytes(content)
        path.chmod(0o600)
        return path

    def next_list(self, **changed: Any) -> Path:
        previous = (self.approvers / "0001.json").read_bytes()
        return self.write_list(2, self.first_list(**{"sequence": 2, "previous": digest(previous), **changed}))

    def sign_list(self, file: Path, *names: str) -> None:
        for name in names:
            signed = OpenSsh().sign(file.read_bytes(), self.keys[name], namespace=APPROVERS_NAMESPACE)
            path = file.with_name(f"{file.name}.{name}.sig")
            path.write_text(signed.signature, encoding="ascii")
            path.chmod(0o600)

    def configure(self, document: Mapping[str, Any]) -> None:
        (self.tree / "main.tf.json").write_text(json.dumps(document), encoding="utf-8")

    def plan(self, who: str = "bob", **options: Any) -> str:
        return self.desk.plan(self.tree, self.keys[who], **options)[0]

    def approve(self, plan_id: str, *names: str, destroys: Sequence[str] | None = None) -> None:
        evidence = self.desk.shelf.find(plan_id).evidence
        for name in names:
            signed = self.desk.approve(evidence, self.keys[name], names=destroys or evidence.destructive)
            self.desk.hand_in(signed)

    def statement(self, plan_id: str, approver: str, **changed: Any) -> Statement:
        evidence = self.desk.shelf.find(plan_id).evidence
        at = int(self.clock.at)
        good = Statement(
            stack="acme",
            part="network",
            evidence=evidence.digest(),
            approver=approver,
            issued_at=at,
            expires_at=at + 3600,
            names=evidence.destructive,
        )
        return replace(good, **changed)

    def slip_in(
        self, plan_id: str, statement: Statement, key: str, *, namespace: str = APPROVAL_NAMESPACE
    ) -> SignedText:
        """Put an approval where approvals lie, past the checks of handing it in."""
        signed = OpenSsh().sign(statement.content(), self.keys[key], namespace=namespace)
        self.put(plan_id, signed, key)
        return signed

    def put(self, plan_id: str, signed: SignedText, name: str) -> Path:
        folder = self.desk.shelf.find(plan_id).folder / "approvals"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / name
        path.write_bytes(signed.file())
        path.chmod(0o600)
        return path

    def guards(self, plan_id: str) -> set[str]:
        """Names of everything that speaks against a plan."""
        verdict = self.desk.examine(self.tree, plan_id).verdict
        assert verdict is not None
        return {found.guard for found in (*verdict.refusals, *verdict.set_aside)}
