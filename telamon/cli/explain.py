"""``telamon explain``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from telamon.cli import completing
from telamon.cli.options import Verb

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.stackfile.explain import Explanation


@click.command(cls=Verb)
@click.argument("path", default="", shell_complete=completing.FIELDS)
@click.pass_obj
def command(session: Session, path: str) -> None:
    """Explain a field of the stack file.

    Says what the field is, its unit and bounds, its default and why, what leaving it out means, and what can stand
    below it. PATH is written with dots; without one the whole file is explained.

    Examples:
        telamon explain spec.products.jira.nodes
        telamon explain spec.edge.tls
        telamon explain spec.platform -o json
    """
    from telamon.stackfile.explain import explain

    found = explain(path)
    session.answer(lambda: found, lambda: "\n".join(_lines(found)))


def _lines(found: Explanation) -> Iterator[str]:
    yield found.path or "the stack file"
    yield f"  {found.what}"
    yield ""
    facts = {
        "accepts": found.accepts,
        "unit": found.unit,
        "bounds": found.bounds,
        "required": "yes" if found.required else "no",
        "default": found.default,
        "why": found.why,
        "left out": found.unset,
    }
    yield from (f"  {name:10}{value}" for name, value in facts.items() if value)
    if found.fields:
        yield ""
        yield "  fields"
        widest = max(len(field.key) for field in found.fields)
        for field in found.fields:
            required = " (required)" if field.required else ""
            yield f"    {field.key:{widest}}  {field.what}{required}"
