"""Signatures by the real ``ssh-keygen``: any key that OpenSSH signs with, in a file, an agent or on a token."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from telamon.errors import MachineError, RefusedError, brief
from telamon.infra.approvers import Approvers, Attested
from telamon.infra.signature import fingerprint, plain_key, read_signature


@dataclass(frozen=True)
class SignedText:
    """Bytes of one line, and an armoured signature under them.

    Attributes:
        content: what is signed.
        signature: armoured.
    """

    content: bytes
    signature: str

    def file(self) -> bytes:
        """Both, as they lie in one file."""
        return self.content + b"\n" + self.signature.encode()

    @classmethod
    def read(cls, file: bytes) -> SignedText:
        """Take such a file apart; what is damaged shows when the signature is checked.

        Args:
            file: what :meth:`file` gave.
        """
        content, _, signature = file.partition(b"\n")
        return cls(content, signature.decode("utf-8", errors="replace"))


@dataclass(frozen=True)
class OpenSsh:
    """The program on this machine.

    Attributes:
        program: name or path.
    """

    program: str = "ssh-keygen"

    def public_key(self, key: Path) -> str:
        """The public key of a key file, without its comment.

        Args:
            key: the private key, or the public one of a key that an agent or a token holds.

        Raises:
            RefusedError: it is no key.
            MachineError: there is no ``ssh-keygen``, or no such file.
        """
        public = key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub")
        try:
            if public.is_file():
                return plain_key(public.read_text(encoding="utf-8"))
            if not key.is_file():
                raise MachineError(f"there is no key {key}", remedy="Name one with --key.")
        except (OSError, UnicodeDecodeError) as error:
            raise MachineError(f"{public} cannot be read: {brief(error)}") from error
        done = self._run("-y", "-f", str(key))
        if done.returncode:
            raise RefusedError(f"{key} is no key: {_said(done)}", guard="readable")
        return plain_key(done.stdout.decode())

    def sign(self, content: bytes, key: Path, *, namespace: str) -> SignedText:
        """Sign; a passphrase or a touch is asked for by ``ssh-keygen`` itself.

        Args:
            content: one line.
            key: see :meth:`public_key`.
            namespace: what the signature is good for.

        Raises:
            RefusedError: it was not signed.
            MachineError: there is no ``ssh-keygen``.
        """
        with tempfile.TemporaryDirectory(prefix="telamon-sign-") as folder:
            file = Path(folder, "statement")
            file.write_bytes(content)
            done = self._run("-Y", "sign", "-f", str(key), "-n", namespace, str(file))
            signature = file.with_name("statement.sig")
            if done.returncode or not signature.is_file():
                raise RefusedError(f"{key} did not sign: {_said(done)}", guard="signed")
            return SignedText(content, signature.read_text(encoding="ascii"))

    def check(self, signed: SignedText, approvers: Approvers, *, namespace: str) -> Attested:
        """Find out who signed.

        Args:
            signed: bytes and signature.
            approvers: the list against which it is checked.
            namespace: what the signature must be good for.

        Raises:
            MachineError: there is no ``ssh-keygen``.
        """
        read = read_signature(signed.signature)
        if read is None:
            return _bad(signed, "damaged-signature", "a signature is damaged or cut short")
        key = fingerprint(read.key)
        if read.namespace != namespace:
            return _bad(
                signed,
                "namespace",
                f"the signature of {key} is made for {read.namespace!r}, not {namespace!r}",
            )
        if read.key in approvers.revoked:
            return _bad(signed, "revoked-key", f"the key {key} is revoked")
        owner = approvers.owners.get(read.key)
        if owner is None:
            return _bad(signed, "known-key", f"the key {key} is not on the list of approvers")
        if not self._verify(signed, approvers, namespace=namespace, owner=owner):
            return _bad(signed, "signature", f"the signature of {owner} ({key}) is not under these words")
        return Attested(signed.content, owner, key)

    def _verify(self, signed: SignedText, approvers: Approvers, *, namespace: str, owner: str) -> bool:
        with tempfile.TemporaryDirectory(prefix="telamon-verify-") as folder:
            allowed, revoked, signature = (Path(folder, name) for name in ("allowed", "revoked", "signature"))
            allowed.write_text(approvers.allowed_signers, encoding="utf-8")
            revoked.write_text("".join(f"{key}\n" for key in sorted(approvers.revoked)), encoding="utf-8")
            signature.write_text(signed.signature, encoding="utf-8")
            arguments = [
                "-Y",
                "verify",
                "-f",
                str(allowed),
                "-I",
                owner,
                "-n",
                namespace,
                "-s",
                str(signature),
            ]
            if approvers.revoked:
                arguments += ["-r", str(revoked)]
            return self._run(*arguments, content=signed.content).returncode == 0

    def _run(self, *arguments: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run([self.program, *arguments], input=content, capture_output=True, check=False)
        except OSError as error:
            raise MachineError(
                f"{self.program} cannot be run: {brief(error)}",
                remedy="Install the client of OpenSSH, 8.2 or newer.",
            ) from error


def _bad(signed: SignedText, guard: str, problem: str) -> Attested:
    return Attested(signed.content, guard=guard, problem=problem)


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else f"exit code {done.returncode}"
