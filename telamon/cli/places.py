"""Which stack a verb is about, and whether it is kept on this machine or in a cluster: the options that say so."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, cast

import click

from telamon.cli.options import Decorated, stack_argument, stack_option, state_option


@dataclass(frozen=True)
class Place:
    """Which stack is meant, and where it is kept.

    Attributes:
        stack: name or file, or ``None`` for the only one.
        state: state folder, where one was named.
        kubeconfig: file, where one was named.
        context: of the kubeconfig, where one was named.
    """

    stack: str | None = None
    state: Path | None = None
    kubeconfig: Path | None = None
    context: str | None = None

    @property
    def in_cluster(self) -> bool:
        """Whether a cluster was named."""
        return self.kubeconfig is not None or self.context is not None

    @property
    def words(self) -> str:
        """What has to be typed again, after another verb, to mean the same cluster; begins with a space or is ""."""
        return "".join(
            f" --{name} {value}"
            for name, value in (("kubeconfig", self.kubeconfig), ("context", self.context))
            if value is not None
        )


def place_options(function: Decorated) -> Decorated:
    """Which stack is meant, and where it is kept; the verb is given a :class:`Place` as ``place``."""
    return stack_option(state_option(_cluster_options(_packed(function))))


def place_argument(function: Decorated) -> Decorated:
    """The same, with the stack as an argument of the verb."""
    return stack_argument(state_option(_cluster_options(_packed(function))))


def typed(option: str) -> bool:
    """Whether an option was typed, not taken from the environment."""
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.COMMANDLINE


def _cluster_options(function: Decorated) -> Decorated:
    """A cluster in place of this machine."""
    with_context = click.option(
        "--context",
        metavar="NAME",
        help="Ask the operator of a cluster: the context of the kubeconfig. Default: a controller of this machine.",
    )(function)
    return click.option(
        "--kubeconfig",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        metavar="FILE",
        help="Ask the operator of a cluster: its kubeconfig. Default with --context: KUBECONFIG, or the user's own.",
    )(with_context)


def _packed(function: Decorated) -> Decorated:
    @wraps(function)
    def pack(**given: Any) -> Any:
        place = Place(*(given.pop(name) for name in ("stack", "state", "kubeconfig", "context")))
        return function(place=place, **given)

    return cast("Decorated", pack)
