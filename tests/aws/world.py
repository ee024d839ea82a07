"""A stack on moto, the people around it, and the command line as they type it: real processes throughout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from telamon.desired.terraform.ground import Ground
from telamon.desired.terraform.render import layer_files, layers_on
from telamon.platforms.approval.desk import Desk
from telamon.platforms.approval.shelf import Kept
from telamon.platforms.clock import SteadyClock
from telamon.platforms.terraform.runner import Terraform
from tests.aws.conftest import DUMMY, ROOT, Moto, tool
from tests.aws.quirks import Reach, override
from tests.support.approval import Office
from tests.support.desk import Result
from tests.support.ground import ground_of, stack_of

SECRET = "planted-Zq9-secret-key"
"""Stands for the secret key of whoever applies; moto takes any."""
SESSION = "planted-Xw4-session-token"
"""Stands for the token of their session."""
BACKEND: Mapping[str, Any] = {"use_path_style": True}


ANSWERED_UNTIL = "2100-01-01"
"""By which a waiver of the tests is told from one of users."""
ANSWERED: Mapping[str, tuple[str, ...]] = {
    "CKV_AWS_150": ("edge/aws_lb.ssh", "edge/aws_lb.web"),
    "CKV_AWS_293": ("data/aws_db_instance.main",),
    "CKV2_AWS_32": tuple(
        f"edge/aws_cloudfront_distribution.{name}" for name in ("bitbucket", "confluence", "jira")
    ),
    "CKV2_AWS_5": ("data/aws_security_group.openzfs",),
}
"""What checkov finds because a test answers moto's quirks, and in nothing that users get."""


def _answered(check: str, resources: Sequence[str]) -> dict[str, Any]:
    reason = "The test takes away what it made, and moto lacks what this belongs to."
    return {
        "check": check,
        "resources": list(resources),
        "owner": "tests",
        "reason": reason,
        "expires": ANSWERED_UNTIL,
    }


@dataclass(frozen=True)
class World:
    """One stack on moto.

    Attributes:
        folder: of everything that belongs to it.
        moto: what stands for AWS.
        office: people, keys and lists of approvers.
        file: the stack file.
    """

    folder: Path
    moto: Moto
    office: Office
    file: Path

    @classmethod
    def new(cls, folder: Path, moto: Moto, text: str) -> World:
        """One in which nothing has happened; the answers to moto's quirks lie beside the layers to come."""
        folder.mkdir(exist_ok=True)
        world = cls(folder, moto, Office.new(folder), folder / "stack.yaml")
        world.file.write_text(text, encoding="utf-8")
        waivers = json.loads((ROOT / "examples" / "waivers.json").read_text(encoding="utf-8"))
        waivers["waivers"] += [_answered(check, resources) for check, resources in ANSWERED.items()]
        world.waivers.write_text(json.dumps(waivers), encoding="utf-8")
        for layer in layers_on(world.ground_of_it):
            place = world.ground / layer.name
            place.mkdir(parents=True)
            settings = layer_files(world.ground_of_it, layer)["terraform.tf.json"]
            content = override(layer, settings, Reach(offline=False, backend=BACKEND))
            (place / "test_override.tf.json").write_text(json.dumps(content), encoding="utf-8")
        return world

    @property
    def waivers(self) -> Path:
        return self.folder / "waivers.json"

    def answer_for(self, check: str, resource: str, *, reason: str) -> None:
        """Let somebody answer for what a check finds."""
        found = json.loads(self.waivers.read_text(encoding="utf-8"))
        found["waivers"].append(_answered(check, [resource]) | {"reason": reason})
        self.waivers.write_text(json.dumps(found), encoding="utf-8")

    @property
    def ground_of_it(self) -> Ground:
        return ground_of(stack_of(self.file.read_text(encoding="utf-8")))

    @property
    def ground(self) -> Path:
        return self.folder / "ground"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def terraform(self) -> Terraform:
        return self.moto.terraform()

    @property
    def desk(self) -> Desk:
        """Plans and approvals, for those who sit beside the command line."""
        desk = replace(self.office.desk, records=self.state / "infra", clock=SteadyClock())
        return replace(desk, terraform=self.terraform)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("HOME", "PATH", "LANG", "TMPDIR") if name in os.environ}
        return (
            kept
            | DUMMY
            | {
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_SESSION_TOKEN": SESSION,
                "AWS_ENDPOINT_URL": self.moto.url,
                "TELAMON_STATE": str(self.state),
                "TELAMON_GROUND": str(self.ground),
                "TELAMON_APPROVERS": str(self.office.approvers),
                "TELAMON_SSH_KEY": str(self.office.keys["bob"]),
                "TELAMON_CHECKOV": str(tool("checkov")),
                "TELAMON_WAIVERS": str(self.waivers),
            }
        )

    @contextmanager
    def telamon(self, *words: str, keyless: bool = False) -> Iterator[subprocess.Popen[str]]:
        """Start the command line, of somebody with a key to sign plans or without one."""
        environment = self.environment
        if keyless:
            del environment["TELAMON_SSH_KEY"]
        command = [sys.executable, "-m", "telamon.cli", *words]
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            yield process

    @property
    def said(self) -> Path:
        """Everything that the command line wrote on its streams."""
        return self.folder / "said.txt"

    def run(self, *words: str, keyless: bool = False) -> Result:
        """Run the command line to its end."""
        with self.telamon(*words, keyless=keyless) as process:
            out, err = process.communicate()
        with self.said.open("a", encoding="utf-8") as file:
            file.write(out + err)
        return Result(process.returncode, out, err)

    def approve(self, plans: Sequence[str]) -> None:
        """Let enough people sign plans."""
        desk = self.desk
        for plan_id in plans:
            evidence = desk.shelf.find(plan_id).evidence
            for name in ("ada", "cyd"):
                signed = desk.approve(evidence, self.office.keys[name], names=evidence.destructive)
                desk.hand_in(signed)

    def plans(self) -> tuple[Kept, ...]:
        """Every plan that is kept."""
        desk = self.desk
        folders = sorted((self.state / "infra" / "plans").glob("*"))
        return tuple(desk.shelf.find(folder.name) for folder in folders)

    def waiting(self, document: Mapping[str, Any]) -> list[str]:
        """Plans that wait for approvals, of what ``up`` or ``infra status`` answered."""
        return [each["plan"] for each in document["layers"] if each["place"] == "waits for approvals"]

    def up(
        self, layers: Sequence[str], *, killed_after: Sequence[float] = (), words: Sequence[str] = ()
    ) -> Result:
        """Run ``up``, approve what waits, and run it again, until some layers stand.

        Args:
            layers: that shall stand, all that they rest on among them.
            killed_after: seconds after which the first runs are killed, one each.
            words: that are typed besides.

        Returns:
            The last run of ``up``.
        """
        words = ("up", str(self.file), "--yes", "-o", "json", *words)
        for seconds in killed_after:
            with self.telamon(*words) as process:
                try:
                    process.communicate(timeout=seconds)
                except subprocess.TimeoutExpired:
                    process.kill()
            self.approve_what_waits()
        while True:
            # Without a key it applies what is approved, and plans none of the layers that nobody asked for.
            found = self.run(*words, keyless=not self.lacks_a_plan(layers))
            status = self.run("infra", "status", str(self.file), "-o", "json")
            places = self.places(status, layers)
            if found.code not in {4, 9} or places == {"stands"} or "is refused" in places:
                return found
            self.approve_what_waits()

    def standing(self, layers: Sequence[str]) -> bool:
        """Whether some layers stand, whatever the last run of ``up`` went on to."""
        return {"stands"} == self.places(self.run("infra", "status", str(self.file), "-o", "json"), layers)

    def lacks_a_plan(self, layers: Sequence[str]) -> bool:
        """Whether any of some layers still has to be planned."""
        found = self.run("infra", "status", str(self.file), "-o", "json")
        return bool(self.places(found, layers) & {"has no plan that is good", "waits for earlier layers"})

    def places(self, found: Result, layers: Sequence[str]) -> set[str]:
        """How far some layers have come, of what ``up`` or ``infra status`` answered."""
        return {each["place"] for each in found.document["layers"] if each["layer"] in layers}

    def approve_what_waits(self) -> int:
        """Let enough people sign whatever waits. Returns how many plans that were."""
        found = self.run("infra", "status", str(self.file), "-o", "json")
        waiting = self.waiting(found.document) if found.code == 9 else []
        self.approve(waiting)
        return len(waiting)

    def ids(self, action: str, name: str) -> frozenset[str]:
        """Of everything in EC2 that an action tells of, as somebody at a console would see it.

        Args:
            action: of the EC2 API, e.g. ``DescribeVpcs``.
            name: of the element that holds an id.
        """
        return frozenset(re.findall(rf"<{name}>([^<]+)</{name}>", self.by_hand(action)))

    def clusters(self) -> Sequence[str]:
        """Names of the clusters of EKS."""
        return tuple(json.loads(self._asked("eks", "/clusters"))["clusters"])

    def kept_secrets(self) -> tuple[str, ...]:
        """Every value that Secrets Manager holds."""

        def ask(action: str, body: Mapping[str, Any]) -> Any:
            headers = {
                "X-Amz-Target": f"secretsmanager.{action}",
                "Content-Type": "application/x-amz-json-1.1",
            }
            return json.loads(
                self._asked("secretsmanager", "/", body=json.dumps(body).encode(), headers=headers)
            )

        listed = ask("ListSecrets", {})["SecretList"]
        return tuple(ask("GetSecretValue", {"SecretId": each["ARN"]})["SecretString"] for each in listed)

    def by_hand(self, action: str, **parameters: str) -> str:
        """Change something in EC2 as somebody at a console would: past Terraform and past Telamon.

        Args:
            action: of the EC2 API.
            parameters: of the action; dots of their names are written as two underscores.
        """
        values = {name.replace("__", "."): value for name, value in parameters.items()}
        body = urlencode({"Action": action, "Version": "2016-11-15"} | values).encode()
        return self._asked("ec2", "/", body=body)

    def _asked(
        self, service: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> str:
        scope = f"none/20260101/{self.region}/{service}/aws4_request"
        signed = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        request = Request(
            self.moto.url + path, data=body, headers={"Authorization": signed, **(headers or {})}
        )
        with urlopen(request) as answer:  # loopback alone
            return str(answer.read().decode())

    @property
    def region(self) -> str:
        return self.ground_of_it.platform.region
