"""``telamon secret``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb, stack_option, state_option

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.ports import Secrets


@click.command(cls=Verb)
@click.argument("name", required=False)
@click.argument("key", required=False)
@stack_option
@state_option
@click.pass_obj
def command(
    session: Session, *, name: str | None, key: str | None, stack: str | None, state: Path | None
) -> None:
    """List a stack's secrets, or print one value.

    Without a name it lists names and keys, never a value. With a name, and a key where the secret has several, it
    prints that one value and nothing else.

    Examples:
        telamon secret
        telamon secret acme-jira-admin password
        telamon secret acme-jira-admin -o json password
    """
    from telamon.cli.documents.told import SecretOne
    from telamon.cli.target import find

    secrets = session.wiring().secrets(find(session, stack, state=state).root)
    if name is None:
        _list(session, secrets)
        return
    chosen = _key(secrets, name, key)
    value = secrets.get(name, chosen)
    session.answer(lambda: SecretOne(name, chosen, value), lambda: value)


def _list(session: Session, secrets: Secrets) -> None:
    from telamon.cli.documents.told import SecretKeys, SecretList

    names = tuple(secrets.names())

    def text() -> str:
        from telamon.cli.render import secrets_text

        return secrets_text(names, stream=session.terminal.out) if names else "there are no secrets yet"

    session.answer(lambda: SecretList(tuple(SecretKeys(name, tuple(keys)) for name, keys in names)), text)


def _key(secrets: Secrets, name: str, key: str | None) -> str:
    from telamon.cli.names import unknown
    from telamon.errors import UsageError

    known = dict(secrets.names())
    if name not in known:
        raise unknown("secret", name, known=list(known))
    keys = known[name]
    if key is None and len(keys) != 1:
        raise UsageError(f"which value of {name}?", remedy=f"Name one of its keys: {', '.join(keys)}.")
    if key is not None and key not in keys:
        raise unknown(f"key of {name}", key, known=keys)
    return key or keys[0]
