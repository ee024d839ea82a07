"""What ``telamon render`` does for a cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telamon.errors import MachineError, UsageError, brief

if TYPE_CHECKING:
    from telamon.cli.manifest_words import Manifests
    from telamon.cli.reading import FileRead
    from telamon.cli.session import Session
    from telamon.desired.kubernetes.site import Site

_MOST = 8 << 20
"""Bytes of a file of facts that are read."""


def site_of(found: FileRead, *, file: Path, facts: Sequence[Path]) -> Site:
    """What a stack file amounts to on a cluster.

    Args:
        found: what the file says.
        file: the stack file, beside which the lock is.
        facts: files with the outputs of Terraform.

    Raises:
        TelamonError: see :func:`telamon.desired.kubernetes.site.site`, and reading the files.
    """
    from telamon.cli.locking import read_lock_beside
    from telamon.desired.kubernetes.facts import facts_of
    from telamon.desired.kubernetes.site import site
    from telamon.products.registry import products_of

    products = found.stack.spec.products
    return site(
        found.stack,
        products_of({str(name): spec for name, spec in products.items()}),
        facts=facts_of([_document(path) for path in facts]),
        digests=read_lock_beside(file),
    )


def render_manifests(
    session: Session, found: FileRead, *, file: Path, folder: Path | None, facts: Sequence[Path]
) -> None:
    """Write or print the manifests of a stack.

    Args:
        session: streams, and how the answer is written.
        found: what the file says.
        file: the stack file.
        folder: to write to; ``None`` prints them.
        facts: files with the outputs of Terraform.
    """
    from telamon.desired.kubernetes.render import bundles, text_of

    known = site_of(found, file=file, facts=facts)
    made = bundles(known)
    if folder is not None:
        answer = _written(known, made, folder=folder)
        session.answer(lambda: answer, lambda: _text(answer))
        return
    objects = [item for bundle in made for item in bundle.objects]
    session.answer(
        lambda: {"apiVersion": "v1", "kind": "List", "items": objects},
        lambda: text_of(objects).rstrip("\n"),
    )


def _written(known: Site, made: Sequence[Any], *, folder: Path) -> Manifests:
    from telamon.cli.manifest_words import Manifests, SecretNeeded
    from telamon.desired.kubernetes.render import files, mark, needs
    from telamon.desired.kubernetes.wanted import wanted_secrets
    from telamon.platforms.folder import write

    texts = files(made, stack=known.stack)
    done = write(folder, texts, mark=mark(known.stack), ending=".yaml")
    return Manifests(
        stack=known.stack,
        folder=str(folder),
        written=done.written,
        same=done.same,
        removed=done.removed,
        objects=sum(len(bundle.objects) for bundle in made),
        needs=needs(made),
        secrets=tuple(
            SecretNeeded(each.namespace, each.name, each.keys, each.type)
            for each in wanted_secrets(known, made)
        ),
    )


def _text(answer: Manifests) -> str:
    gone = f", {len(answer.removed)} removed" if answer.removed else ""
    files = f"{len(answer.written)} files written, {len(answer.same)} were so already{gone}"
    lines = [f"{answer.folder}: {answer.objects} objects in {files}"]
    if answer.needs:
        lines += ["", "The cluster has to know:", *(f"  {version}" for version in answer.needs)]
    lines += ["", "Secrets that somebody has to bring:"]
    for each in answer.secrets:
        keys = f" with {', '.join(each.keys)}" if each.keys else ""
        of_type = f", of type {each.type}" if each.type else ""
        lines.append(f"  {each.namespace}/{each.name}{keys}{of_type}")
    return "\n".join(lines)


def _document(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as opened:
            found = json.loads(opened.read(_MOST))
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}", remedy="Name a file of facts with --facts.") from error
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {brief(error)}", remedy="Check its rights.") from error
    except ValueError as error:
        raise UsageError(
            f"{path} is no JSON: {brief(error)}", remedy="Write it with `terraform output -json`."
        ) from error
    if not isinstance(found, dict):
        raise UsageError(f"{path} holds no outputs", remedy="Write it with `terraform output -json`.")
    return found
