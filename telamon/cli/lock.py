"""``telamon lock``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb, agreed_option, auth_option, file_argument

if TYPE_CHECKING:
    from telamon.cli.manifest_words import Locked
    from telamon.cli.session import Session
    from telamon.desired.kubernetes.images import Reference
    from telamon.model.stack import Stack


@click.command(cls=Verb)
@file_argument
@auth_option
@click.option("--update", is_flag=True, help="Ask for every image again, also where a digest is known.")
@agreed_option
@click.pass_obj
def command(session: Session, *, file: Path, auth: Path | None, update: bool) -> None:
    """Find the digest of every image of a stack, and keep it in stack.lock.yaml beside the file.

    A tag may mean another image tomorrow; a digest cannot. What is locked stays as it is until --update is given or the
    file names another version. Where the file names a mirror, the mirror is asked. `telamon render` takes the digests
    from the lock, and outside of dev refuses an image that is not in it. FILE is stack.yaml where none is named.

    Examples:
        telamon lock production.yaml
        telamon lock production.yaml --auth registry-login.json --update
    """
    from telamon.cli.reading import note_doubts, read_file

    found = read_file(session, file)
    note_doubts(session, found)
    answer = lock(session, found.stack, file=file, auth=auth, update=update)
    session.answer(lambda: answer, lambda: _text(answer))


def lock(session: Session, stack: Stack, *, file: Path, auth: Path | None, update: bool = False) -> Locked:
    """Find the digest of every image of a stack, and keep it beside the file.

    Args:
        session: whose terminal shows what is asked for.
        stack: as the file says.
        file: its file.
        auth: file with logins to registries; ``None`` for the usual one.
        update: whether every image is asked for again.

    Raises:
        TelamonError: a registry does not tell, or the lock cannot be written; it is as it was.
    """
    from telamon.cli.locking import lock_path, read_lock_beside, write_lock
    from telamon.cli.manifest_words import Locked, LockedImage
    from telamon.desired.kubernetes.images import own_digests, pulled
    from telamon.desired.kubernetes.site import wanted_images
    from telamon.products.registry import products_of

    spec = stack.spec
    products = products_of({str(name): section for name, section in spec.products.items()})
    wanted = [pulled(text, spec.images) for text in wanted_images(stack, products)]
    # A digest that the file names itself wins over the lock, so nobody is asked for it.
    wanted = [image for image in wanted if not image.digest and str(image) not in own_digests(spec.images)]
    known = read_lock_beside(file)
    asked = {str(image): image for image in wanted if update or str(image) not in known}
    fresh = _digests(session, asked, auth)
    names = sorted(str(image) for image in wanted)
    digests = {name: fresh.get(name) or known[name] for name in names}
    write_lock(file, digests)
    images = tuple(
        LockedImage(name, digest, changed=known.get(name) != digest) for name, digest in digests.items()
    )
    removed = tuple(sorted(set(known) - set(digests)))
    return Locked(str(lock_path(file)), images, removed)


def _digests(session: Session, asked: Mapping[str, Reference], auth: Path | None) -> dict[str, str]:
    from telamon.platforms.registry.client import Registries
    from telamon.platforms.registry.credentials import read_logins

    if not asked:
        return {}
    usual = Path(os.environ.get("DOCKER_CONFIG") or Path("~/.docker").expanduser()) / "config.json"
    registries = Registries(read_logins(auth or usual, required=auth is not None))
    found: dict[str, str] = {}
    try:
        for name, image in asked.items():
            if session.output == "text":
                session.terminal.note(f"asking for {name}")
            found[name] = registries.digest(image.registry, image.path, tag=image.tag)
    finally:
        registries.close()
    return found


def _text(answer: Locked) -> str:
    changed = [image for image in answer.images if image.changed]
    lines = [f"{answer.file}: {len(answer.images)} images, {len(changed)} changed"]
    lines += [f"  {image.name} {image.digest}" for image in changed]
    lines += [f"  {name} is gone" for name in answer.removed]
    return "\n".join(lines)
