"""Which cluster a verb speaks to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from telamon.errors import MachineError

if TYPE_CHECKING:
    from telamon.platforms.kubernetes.api import Api

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def cluster_options(function: Decorated) -> Decorated:
    """``--kubeconfig`` and ``--context``."""
    with_context = click.option(
        "--context", metavar="NAME", help="Of the kubeconfig. Default: the one in use."
    )(function)
    return click.option(
        "--kubeconfig",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        metavar="FILE",
        help="Default: KUBECONFIG, or the user's own.",
    )(with_context)


@contextmanager
def connected(
    kubeconfig: Path | None, context: str | None, *, patience: float | None = None
) -> Iterator[Api]:
    """The API server, until the block ends.

    Args:
        kubeconfig: file; ``None``: as ``kubectl`` finds it.
        context: of it; ``None`` for the one in use.
        patience: seconds that the API server may keep silent; ``None``: as long as for every request.

    Raises:
        MachineError: the library for clusters is missing, or the kubeconfig cannot be used.
    """
    try:
        from telamon.platforms.kubernetes.api import Api
    except ImportError as error:
        raise MachineError(
            "the library for clusters is missing",
            remedy="Install telamon[kubernetes], which brings lightkube. What writes files needs none.",
        ) from error
    api = (
        Api(kubeconfig, context=context)
        if patience is None
        else Api(kubeconfig, context=context, patience=patience)
    )
    try:
        yield api
    finally:
        api.close()
