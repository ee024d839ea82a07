"""The real ``terraform``, and what its failures mean.

Sources: Terraform documentation, "Command: init" (``-plugin-dir``), "Command: plan" (``-detailed-exitcode``: 0 nothing
to do, 1 failed, 2 something to do), "Environment Variables", "State: Locking"; AWS documentation, "Common errors".

Traps:
    * What terraform prints may hold values of resources; of a failure only its headline is passed on.
    * A file of variables that sits in the folder is read by itself; ours is called ``inputs.auto.tfvars.json``.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from telamon.errors import (
    ConflictError,
    MachineError,
    NotReadyError,
    PlatformError,
    TelamonError,
    TemporaryError,
    brief,
)

INPUTS: Final = "inputs.auto.tfvars.json"
PLUGINS: Final = "TELAMON_TF_PLUGIN_DIR"
"""Variable that names a folder of unpacked providers."""
PROVIDER_FILE: Final = "terraform-provider-aws_v*"
PLACES: Final = ("/opt", "/usr/local/share", "/usr/share", "~/.terraform.d/plugins")
"""Where unpacked providers are looked for. Source: Terraform documentation, "Implied Local Mirror Directories"."""
UNWANTED: Final = ("TF_CLI_ARGS", "TF_LOG", "TF_REATTACH_PROVIDERS", "TF_WORKSPACE")
"""Beginnings of variables that would add arguments, log secrets, swap the provider or pick another state."""
NOTHING, FAILED, CHANGES = 0, 1, 2


@dataclass(frozen=True)
class Failure:
    """How a failure is known by terraform's words, and what it is to us.

    Attributes:
        pattern: found in what terraform says, whatever the case.
        error: the branch it belongs to.
        message: in our words.
        remedy: what helps.
        delay: seconds until it is worth trying again; for temporary ones.
    """

    pattern: str
    error: type[TelamonError]
    message: str
    remedy: str
    delay: float = 0.0


FAILURES: Final = (
    Failure(
        r"Error acquiring the state lock",
        ConflictError,
        "somebody else is changing this layer",
        "Wait for them, or, when nobody is, release the lock with `terraform force-unlock`.",
    ),
    Failure(
        r"No valid credential sources found|failed to refresh cached credentials|no EC2 IMDS role found",
        MachineError,
        "there are no credentials for AWS",
        "Log in, e.g. with `aws sso login`, or set AWS_PROFILE.",
    ),
    Failure(
        r"ExpiredToken|InvalidClientTokenId|SignatureDoesNotMatch|security token .{0,40}(invalid|expired)",
        MachineError,
        "the credentials for AWS have expired or are wrong",
        "Log in again.",
    ),
    Failure(
        r"AWS account ID not allowed",
        ConflictError,
        "these credentials are of another account than the one in the stack file",
        "Use the account of spec.platform.account, or correct it.",
    ),
    Failure(
        r"invalid AWS Region|region .{0,60}not (valid|enabled)|OptInRequired|no such host",
        MachineError,
        "the region is not to be reached: wrong, not enabled for the account, or there is no network",
        "Check spec.platform.region and the way to AWS.",
    ),
    Failure(
        r"(Service|Vcpu|Resource|Instance)\w*LimitExceeded|Quota\w*Exceeded|LimitExceededException",
        PlatformError,
        "a quota of the account is used up",
        "Ask AWS for more under Service Quotas; the next run goes on where this one stopped.",
    ),
    Failure(
        r"Throttl|RequestLimitExceeded|TooManyRequests|SlowDown|Rate exceeded",
        TemporaryError,
        "AWS asks to be called less often",
        "The next run goes on where this one stopped.",
        delay=60.0,
    ),
    Failure(
        r"InternalError|InternalFailure|ServiceUnavailable|StatusCode: 50[0234]|connection (refused|reset)",
        TemporaryError,
        "AWS does not answer as it should just now",
        "The next run goes on where this one stopped.",
        delay=60.0,
    ),
    Failure(
        r"AccessDenied|UnauthorizedOperation|not authorized to perform",
        PlatformError,
        "the role that applies has no right for this",
        "Compare its policies with the ones in deploy-role, which `telamon render --terraform` writes.",
    ),
    Failure(
        r"NoSuchBucket|bucket does not exist|Failed to get existing workspaces",
        NotReadyError,
        "the bucket of the states is not there yet",
        "Apply the layer state first.",
    ),
    Failure(
        r"Failed to query available provider packages|Failed to install provider|provider registry",
        MachineError,
        "the AWS provider is not to be had",
        f"Let terraform reach its registry, or name a folder with the provider in {PLUGINS}.",
    ),
    Failure(
        r"Backend initialization required|Required plugins are not installed|Inconsistent dependency lock",
        NotReadyError,
        "the layer is not initialised",
        "Initialise it first.",
    ),
)
"""Asked in this order: what is said more exactly stands first."""


def translate(text: str, *, doing: str) -> TelamonError:
    """Put a failure of terraform into our words.

    Args:
        text: what it printed.
        doing: what was done, e.g. ``plan of network``.
    """
    plain = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).replace("│", " ").split())
    for failure in FAILURES:
        if re.search(failure.pattern, plain, re.IGNORECASE) is None:
            continue
        message = f"{doing}: {failure.message}"
        if failure.error is TemporaryError:
            return TemporaryError(message, delay=failure.delay, remedy=failure.remedy)
        return failure.error(message, remedy=failure.remedy)
    headline = re.search(r"Error: (.{1,160})", plain)
    said = brief(PlatformError(headline[1] if headline else plain or "terraform said nothing"))
    return PlatformError(f"{doing} failed: {said}")


def find_plugins(environment: Mapping[str, str], *, places: Iterable[str] = PLACES) -> Path | None:
    """Find a folder of unpacked providers with the one of AWS in it.

    Args:
        environment: whose ``TELAMON_TF_PLUGIN_DIR`` wins.
        places: folders that are looked through.

    Raises:
        MachineError: the variable names a folder without the provider.
    """
    named = environment.get(PLUGINS)
    if named:
        if next(Path(named).rglob(PROVIDER_FILE), None) is None:
            raise MachineError(
                f"{PLUGINS} names {named}, and there is no {PROVIDER_FILE} below it",
                remedy="Name the folder above the host name, as for `terraform init -plugin-dir`.",
            )
        return Path(named)
    for place in places:
        found = next(_providers(Path(place).expanduser()), None)
        if found is not None:
            # HOST/NAMESPACE/TYPE/VERSION/TARGET/FILE, as terraform wants it.
            return found.parents[5]
    return None


def _providers(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from place.glob(f"**/*/*/aws/*/*/{PROVIDER_FILE}")


@dataclass(frozen=True)
class Terraform:
    """The program on this machine; every verb works on the folder of one layer.

    Attributes:
        program: name or path.
        environment: of this process; what could bend a run is left out.
        plugins: folder of unpacked providers; ``None`` to get them as terraform is set up to.
    """

    program: str
    environment: Mapping[str, str]
    plugins: Path | None = None

    def init(self, folder: Path) -> None:
        """Get the provider ready and connect to where the state is kept."""
        given = () if self.plugins is None else (f"-plugin-dir={self.plugins}",)
        self._must(folder, "init", "-reconfigure", *given)

    def validate(self, folder: Path) -> None:
        """Check the files against the provider's schemas.

        Raises:
            PlatformError: they do not fit; the first misfit is named.
        """
        done = self._run(folder, "validate", "-json")
        try:
            answer = json.loads(done.stdout)
        except json.JSONDecodeError as error:
            raise translate(done.stdout + done.stderr, doing=_doing(folder, "validate")) from error
        if not answer["valid"]:
            first = answer["diagnostics"][0]
            raise translate(f"Error: {first['summary']}: {first['detail']}", doing=_doing(folder, "validate"))

    def give(self, folder: Path, inputs: Mapping[str, Any]) -> None:
        """Write what a layer takes from earlier ones to where terraform reads it."""
        text = json.dumps(inputs, indent=2, sort_keys=True) + "\n"
        (folder / INPUTS).write_text(text, encoding="utf-8")

    def plan(self, folder: Path, *, out: Path) -> bool:
        """Make a plan, and save it where only this user can read it.

        Returns:
            Whether there is anything to do.
        """
        out.touch(mode=0o600)
        done = self._run(folder, "plan", "-input=false", "-detailed-exitcode", f"-out={out.absolute()}")
        if done.returncode not in {NOTHING, CHANGES}:
            raise translate(done.stdout + done.stderr, doing=_doing(folder, "plan"))
        out.chmod(0o600)
        return done.returncode == CHANGES

    def show(self, folder: Path, *, plan: Path) -> bytes:
        """A saved plan as JSON."""
        return self._must(folder, "show", "-json", str(plan.absolute())).encode()

    def apply(self, folder: Path, *, plan: Path) -> None:
        """Apply a saved plan, and nothing else."""
        self._must(folder, "apply", "-input=false", str(plan.absolute()))

    def destroy(self, folder: Path) -> None:
        """Take away everything that the layer's state knows."""
        self._must(folder, "destroy", "-input=false", "-auto-approve")

    def outputs(self, folder: Path) -> Mapping[str, Any]:
        """What the layer tells; empty before the first apply."""
        answer = json.loads(self._must(folder, "output", "-json"))
        return {name: output["value"] for name, output in answer.items()}

    def pull(self, folder: Path) -> str:
        """The layer's state as it is kept, secrets included; "" before the first apply."""
        return self._must(folder, "state", "pull")

    def addresses(self, folder: Path) -> tuple[str, ...]:
        """Everything that the layer's state knows, by address."""
        return tuple(self._must(folder, "state", "list").split())

    def _must(self, folder: Path, verb: str, *arguments: str) -> str:
        done = self._run(folder, verb, *arguments)
        if done.returncode != 0:
            raise translate(done.stdout + done.stderr, doing=_doing(folder, verb))
        return done.stdout

    def _run(self, folder: Path, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command: Sequence[str] = (
            self.program,
            f"-chdir={folder.absolute()}",
            verb,
            *_colourless(verb),
            *arguments,
        )
        kept = {name: value for name, value in self.environment.items() if not name.startswith(UNWANTED)}
        try:
            return subprocess.run(
                command,
                env=kept | {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise MachineError(
                f"cannot run {self.program}: {brief(error)}", remedy="Install Terraform 1.10 or newer."
            ) from error


def _colourless(verb: str) -> tuple[str, ...]:
    return () if verb == "state" else ("-no-color",)


def _doing(folder: Path, verb: str) -> str:
    return f"terraform {verb} of {folder.name}"
