"""Verbs of ``telamon infra`` that are no step from a plan to its apply."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import (
    Verb,
    agreed_option,
    approvers_option,
    file_argument,
    ground_option,
    stack_option,
    state_option,
    yes_option,
)

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.model.stack import Stack


@dataclass(frozen=True)
class Invalidated:
    """One distribution in the answer of ``infra invalidate``.

    Attributes:
        product: whose static files it delivers.
        distribution: its id.
        invalidation: its id.
        done: whether every edge has forgotten what it kept.
    """

    product: str
    distribution: str
    invalidation: str
    done: bool


@dataclass(frozen=True)
class Invalidations:
    """Answer of ``infra invalidate``.

    Attributes:
        stack: its name.
        invalidations: one for each product.
    """

    stack: str
    invalidations: tuple[Invalidated, ...]


@click.command(cls=Verb)
@file_argument
@state_option
@ground_option
@agreed_option
@click.option(
    "--product",
    "products",
    multiple=True,
    metavar="NAME",
    help="A product whose files are meant; may be given several times. Default: all that have a distribution.",
)
@click.pass_obj
def invalidate(
    session: Session, *, file: Path, state: Path | None, ground: Path | None, products: tuple[str, ...]
) -> None:
    """Have CloudFront forget the static files that it keeps for a product.

    It is begun once for each version in the stack file: asked for again, it tells how far that is. FILE is stack.yaml
    where none is named.

    Examples:
        telamon infra invalidate
        telamon infra invalidate production.yaml --product jira -o json
    """
    from telamon.cli.reading import read_file

    stack = read_file(session, file).stack
    root = session.wiring().state_root(stack.metadata.name, state)
    distributions = _distributions(session, stack, session.wiring().ground_folder(root, ground))
    chosen = _chosen(products, distributions)
    network = session.wiring().static_network(getattr(stack.spec.platform, "region", ""))
    found = []
    for name in chosen:
        distribution = distributions[name]
        version = next(spec.version for key, spec in stack.spec.products.items() if key == name)
        invalidation = network.forget(distribution, reference=f"{stack.metadata.name}-{name}-{version}")
        found.append(
            Invalidated(name, distribution, invalidation, network.forgotten(distribution, invalidation))
        )
    document = Invalidations(stack.metadata.name, tuple(found))
    session.answer(lambda: document, lambda: "\n".join(map(_sentence, found)))


def _distributions(session: Session, stack: Stack, ground: Path) -> dict[str, str]:
    from telamon.desired.terraform.data import LayerName
    from telamon.desired.terraform.facts import EdgeFacts, read_facts
    from telamon.errors import InternalError, NotReadyError, RefusedError

    if stack.spec.platform.kind != "aws" or stack.spec.edge.cdn is None:
        raise RefusedError(
            f"the stack {stack.metadata.name} has no network for static files",
            guard="has-cdn",
            remedy="Name one in a stack on AWS: spec.edge.cdn.",
        )
    folder = ground / LayerName.EDGE
    if not folder.is_dir():
        raise NotReadyError(
            f"{folder} is not there",
            remedy="Name the folder of the layers with --ground, or run telamon up FILE.",
        )
    facts = read_facts(LayerName.EDGE, session.wiring().terraform().outputs(folder))
    if not isinstance(facts, EdgeFacts):
        raise InternalError("the layer edge tells what another one tells")
    return dict(facts.cdn_distributions)


def _chosen(products: tuple[str, ...], distributions: dict[str, str]) -> tuple[str, ...]:
    from telamon.cli.names import unknown

    for name in products:
        if name not in distributions:
            raise unknown("distribution of a product called", name, known=sorted(distributions))
    return products or tuple(sorted(distributions))


def _sentence(found: Invalidated) -> str:
    how = "has forgotten what it kept" if found.done else "is being told; ask again in a minute"
    return f"{found.product}: {found.distribution} {how} ({found.invalidation})"


@dataclass(frozen=True)
class Unlocked:
    """Answer of ``infra unlock``.

    Attributes:
        layer: whose state it was.
        lock: id of the lock that was released; "" where nobody held one.
        who: held it.
        since: when it was taken.
    """

    layer: str
    lock: str
    who: str
    since: str


@click.command(cls=Verb)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.argument("lock", metavar="LOCK")
@stack_option
@state_option
@approvers_option(required=True)
@yes_option
@click.pass_obj
def unlock(
    session: Session,
    *,
    folder: Path,
    lock: str,
    stack: str | None,
    state: Path | None,
    approvers: Path,
    yes: bool,
) -> None:
    """Release the lock of a state that somebody left behind, when Terraform was killed or a machine was lost.

    LOCK is the id that the refusal has told. It is released only if it is still that one, and if no apply that was
    begun from this state folder is still running. Who held it goes into the audit log. Then run `telamon up` again: it
    takes into the state what the killed apply had made, before anything is planned.

    Examples:
        telamon infra unlock deploy/network 6a1f7a5e-0d6e-5c7a-8b5c-9f2d3e4a5b6c
        telamon infra unlock deploy/network 6a1f7a5e-0d6e-5c7a-8b5c-9f2d3e4a5b6c --yes
    """
    from telamon.cli.infra_words import stack_name
    from telamon.platforms.approval.unlocking import Unlocking

    name = stack_name(session, stack)
    wiring = session.wiring()
    desk = wiring.approvals(name, wiring.state_root(name, state), approvers=approvers, scan=False)
    unlocking = Unlocking(desk)
    held = unlocking.held(folder, lock)
    if held is None:
        document = Unlocked(folder.name, "", "", "")
        session.answer(lambda: document, lambda: f"nobody holds a lock of {folder.name}")
        return
    session.confirm(f"Release the lock of {folder.name} that is held by {held}?", yes=yes)
    unlocking.release(folder, held)
    document = Unlocked(folder.name, held.id, held.who, held.since)
    session.answer(lambda: document, lambda: f"released: the lock of {folder.name} that was held by {held}")


@click.command(cls=Verb)
@click.argument("cluster", metavar="CLUSTER")
@click.option("--region", required=True, metavar="REGION", help="Of AWS that the cluster is in.")
@click.pass_obj
def token(session: Session, *, cluster: str, region: str) -> None:
    """Print what kubectl needs to log in to a cluster of EKS, for a quarter of an hour.

    It is signed with the credentials of AWS that everything else on this machine goes by, and names the cluster, so
    that no other one can use it. `telamon up` writes a kubeconfig beside the layers that calls this.

    Examples:
        telamon infra token acme --region eu-central-1
    """
    import json

    from telamon.platforms.aws.access import credential

    document = credential(cluster, region=region, now=session.clock.now())
    session.answer(lambda: document, lambda: json.dumps(document))
