"""The lists of approvers on the disk: ``0001.json``, ``0002.json`` … and the signatures under each.

A signature under ``0002.json`` lies beside it as ``0002.json.NAME.sig``, just as ``ssh-keygen -Y sign`` writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from telamon.errors import RefusedError, UsageError
from telamon.infra.approvers import Approvers, Attested, Link, Pin, in_force, read_approvers
from telamon.infra.evidence import APPROVERS_NAMESPACE
from telamon.platforms.approval.files import read_guarded, write_private
from telamon.platforms.approval.keys import OpenSsh, SignedText


@dataclass(frozen=True)
class Succession:
    """The folder with the lists.

    Attributes:
        folder: never inside a configuration: a change of both could hide one in the other.
        keys: checks signatures.
    """

    folder: Path
    keys: OpenSsh

    def in_force(self, pin: Pin | None) -> Approvers:
        """The list that counts now; see :func:`telamon.infra.approvers.in_force`.

        Args:
            pin: the last list that was seen.
        """
        return in_force(self._chain(), pin)

    def apart_from(self, configuration: Path) -> None:
        """Make sure that the lists are no part of a configuration, nor the other way round.

        Args:
            configuration: folder of the configuration.

        Raises:
            RefusedError: they are.
        """
        ours, theirs = self.folder.resolve(), configuration.resolve()
        if ours.is_relative_to(theirs) or theirs.is_relative_to(ours):
            raise RefusedError(
                "the approvers and the configuration lie in one another",
                guard="approvers-apart",
                remedy="Keep the list of approvers where those who write the configuration cannot write.",
            )

    def sign(self, file: Path, key: Path) -> Path:
        """Sign the next list.

        Args:
            file: the next list, in the folder.
            key: see :meth:`telamon.platforms.approval.keys.OpenSsh.public_key`.

        Returns:
            Where the signature lies.

        Raises:
            UsageError: the file lies elsewhere.
            RefusedError: the list is wrong, or the key is not on the list before it.
        """
        if file.resolve().parent != self.folder.resolve():
            raise UsageError(f"{file} does not lie in {self.folder}", remedy="Put the next list there first.")
        content = read_guarded(file)
        wanted = read_approvers(content)
        before = [link.approvers for link in self._chain(until=wanted.sequence)]
        owner = before[-1].owners.get(self.keys.public_key(key)) if before else None
        if owner is None or owner not in before[-1].approving:
            raise RefusedError("this key is not on the list before", guard="known-key")
        signed = self.keys.sign(content, key, namespace=APPROVERS_NAMESPACE)
        path = file.with_name(f"{file.name}.{owner}.sig")
        write_private(path, signed.signature.encode())
        return path

    def _chain(self, *, until: int = 10_000) -> list[Link]:
        chain: list[Link] = []
        for file in sorted(self.folder.glob("[0-9][0-9][0-9][0-9].json"))[: until - 1]:
            content = read_guarded(file)
            before = chain[-1].approvers if chain else None
            chain.append(Link(read_approvers(content), self._signatures(file, content, before)))
        return chain

    def _signatures(self, file: Path, content: bytes, before: Approvers | None) -> tuple[Attested, ...]:
        if before is None:
            return ()
        found = sorted(self.folder.glob(f"{file.name}.*.sig"))
        signed = (SignedText(content, read_guarded(path).decode("utf-8", errors="replace")) for path in found)
        return tuple(self.keys.check(text, before, namespace=APPROVERS_NAMESPACE) for text in signed)
