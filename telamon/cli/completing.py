"""Words that a shell offers while a command is typed: members, components, machines, stacks, and fields of the file.

What cannot be found out is not offered: somebody who presses a key wants no message about a controller that is not
there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from telamon.errors import TelamonError

if TYPE_CHECKING:
    import click

    from telamon.cli.session import Session
    from telamon.model.status import StackStatus


@dataclass(frozen=True)
class Words:
    """What is offered for an argument or option; called as click calls its ``shell_complete``.

    Attributes:
        known: the words there are, given what was typed before and the beginning of the word itself.
    """

    known: Callable[[click.Context, str], Iterable[str]]

    def __call__(self, context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
        """Those that begin with what is typed so far; none where nobody can tell."""
        with suppress(TelamonError):
            return [word for word in self.known(context, incomplete) if word.startswith(incomplete)]
        return []


def _members(context: click.Context, _: str) -> Iterable[str]:
    return (member.name for member in _status(context).members)


def _components(context: click.Context, _: str) -> Iterable[str]:
    return (part.name for part in _status(context).components)


def _products(context: click.Context, _: str) -> Iterable[str]:
    return (part.name for part in _status(context).components if part.kind == "product")


def _stacks(context: click.Context, _: str) -> Iterable[str]:
    from telamon.cli.target import known

    return (target.name for target in known(_session(context)))


def _fields(_: click.Context, incomplete: str) -> Iterable[str]:
    """Those of the level that is being typed, each with the path to it."""
    from telamon.stackfile.explain import explain

    above, dot, _typed = incomplete.rpartition(".")
    return (f"{above}{dot}{field.key}" for field in explain(above).fields)


def _backups(context: click.Context, _: str) -> Iterable[str]:
    from telamon.cli.target import find

    session, given = _session(context), context.params
    target = find(session, given.get("stack"), state=given.get("state"))
    return (entry.name for entry in session.wiring().backups(target.root).entries())


def _machines(context: click.Context, _: str) -> Iterable[str]:
    typed = context.params.get("names") or ()
    return (name for name, _group in _fleet(context) if name not in typed)


def _groups(context: click.Context, _: str) -> Iterable[str]:
    return sorted({group for _name, group in _fleet(context) if group})


MEMBERS: Final = Words(_members)
COMPONENTS: Final = Words(_components)
PRODUCTS: Final = Words(_products)
STACKS: Final = Words(_stacks)
FIELDS: Final = Words(_fields)
BACKUPS: Final = Words(_backups)
MACHINES: Final = Words(_machines)
GROUPS: Final = Words(_groups)
PATIENCE: Final = 2.0
"""Seconds that a cluster may keep silent while somebody waits for words."""


def _session(context: click.Context) -> Session:
    return cast("Session", context.obj)


def _fleet(context: click.Context) -> Iterable[tuple[str, str]]:
    """Machines with their groups, of the cluster that the options typed so far mean."""
    from telamon.cli.clusters import connected

    given = context.params
    with connected(given.get("kubeconfig"), given.get("context"), patience=PATIENCE) as api:
        from telamon.platforms.kubernetes.draining import called

        return called(api)


def _status(context: click.Context) -> StackStatus:
    """How the stack stands that the options typed so far mean."""
    from telamon.cli.keepers import keeper_of
    from telamon.cli.places import Place

    given = context.params
    place = Place(*(given.get(name) for name in ("stack", "state", "kubeconfig", "context")))
    with keeper_of(_session(context), place) as keeper:
        return keeper.stack().status
