"""The ground under a stack on AWS: what ``up`` and ``infra status`` have in common."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from telamon.cli.documents.ground import GroundLayer, GroundStatus
from telamon.desired.terraform.data import LayerName
from telamon.desired.terraform.facts import GroundFacts, flat, read_ground
from telamon.desired.terraform.ground import ground
from telamon.desired.terraform.render import WRITTEN, files_on
from telamon.errors import InternalError, NotReadyError, TelamonError, UsageError
from telamon.infra.words import Summary, cost_lines, counts, goes_down, policy_counts, scrub
from telamon.model.platform import AwsPlatform
from telamon.platforms.approval.files import write_private
from telamon.platforms.aws.ascent import Ascent, Found, Place, Watcher
from telamon.platforms.folder import write
from telamon.products.registry import products_of

if TYPE_CHECKING:
    from telamon.cli.reading import FileRead
    from telamon.cli.session import Session
    from telamon.model.stack import Stack


KUBECONFIG: Final = "kubeconfig.json"
"""File beside the layers by which the cluster is reached, by this program and by kubectl; JSON is YAML."""
FACTS: Final = "facts.json"
"""File beside the layers with everything that they tell, once all of them stand."""


@dataclass(frozen=True)
class GroundWishes:
    """How a person wants the ground dealt with.

    Attributes:
        folder: of the layers; ``None``: one in the state folder.
        approvers: folder with the lists of approvers.
        key: of whoever plans; without one nothing is planned.
        scan: whether checkov judges the plans, if it is installed.
        waivers: file of what somebody answers for.
        yes: whether questions are answered beforehand.
    """

    folder: Path | None
    approvers: Path | None
    key: Path | None
    scan: bool
    waivers: Path | None
    yes: bool


def ascent_of(session: Session, found: FileRead, *, root: Path, wishes: GroundWishes) -> Ascent:
    """Write the files of all layers, and stand before them.

    Args:
        session: whose wiring knows the approvals.
        found: the stack, on AWS.
        root: its state folder.
        wishes: how a person wants it done.

    Raises:
        UsageError: nobody said who may approve.
        RefusedError: the stack is for another platform, or does not fit its region or network.
    """
    if wishes.approvers is None:
        raise UsageError(
            "who may approve changes of the ground?",
            remedy="Name the folder with the lists of approvers: --approvers, or TELAMON_APPROVERS.",
        )
    stack = found.stack
    names = {str(name): spec for name, spec in stack.spec.products.items()}
    folder = session.wiring().ground_folder(root, wishes.folder)
    files = files_on(ground(stack, products_of(names)))
    write(folder, files, mark=WRITTEN, ending=".tf.json")
    desk = session.wiring().approvals(
        stack.metadata.name, root, approvers=wishes.approvers, scan=wishes.scan, waivers=wishes.waivers
    )
    return Ascent(desk, folder, tuple(str(layer) for layer in LayerName))


def raise_ground(session: Session, found: FileRead, *, root: Path, wishes: GroundWishes) -> GroundFacts:
    """Bring the ground as far as it can be brought without people; where that is not all, say what it waits for.

    Args:
        session: whose terminal shows it.
        found: the stack, on AWS.
        root: its state folder.
        wishes: how a person wants it done.

    Returns:
        What it tells, once it stands; that lies in :data:`FACTS` beside the layers too.

    Raises:
        Exit: it waits for approvals, and that was told.
        TelamonError: something failed; the next run goes on from there.
    """
    ascent = ascent_of(session, found, root=root, wishes=wishes)
    if ascent.desk.scanner is None and wishes.scan:
        _note(session, "checkov is not installed: no scanner looks at the plans")

    def show(plan_id: str, summary: Summary) -> None:
        _note(session, f"  plan {plan_id}: {_in_short(summary)}")

    watcher = Watcher(
        tell=lambda sentence: _note(session, sentence),
        show=show,
        agree=lambda question: session.confirm(question, yes=wishes.yes),
    )
    key = None if wishes.key is None else wishes.key.expanduser()
    places = list(ascent.climb(key, watcher=watcher))
    if not _stand(places):
        answer(session, ascent, places=places, name=found.stack.metadata.name)
    facts = _facts(places)
    text = json.dumps(flat(facts), indent=2, sort_keys=True) + "\n"
    write_private(ascent.ground / FACTS, text.encode())
    return facts


def facts_beside(session: Session, stack: Stack, *, state: Path | None) -> tuple[Path, ...]:
    """What the ground of a stack has told, as ``up`` keeps it; none where the stack has no ground.

    Args:
        session: whose wiring knows where states are.
        stack: of any platform.
        state: state folder; ``None`` for the usual one.
    """
    if stack.spec.platform.kind != "aws":
        return ()
    wiring = session.wiring()
    return (wiring.ground_folder(wiring.state_root(stack.metadata.name, state), None) / FACTS,)


def write_kubeconfig(stack: Stack, facts: GroundFacts, *, folder: Path) -> Path:
    """Write by what the cluster is reached: this program logs in, and no secret is kept.

    Args:
        stack: on AWS.
        facts: what the ground tells.
        folder: of the layers.

    Returns:
        The file.
    """
    from telamon.platforms.aws.access import kubeconfig

    cluster, platform = facts.cluster, stack.spec.platform
    if not isinstance(platform, AwsPlatform):
        raise InternalError("only a stack on AWS has a ground")
    document = kubeconfig(
        cluster.cluster_name,
        region=platform.region,
        endpoint=cluster.cluster_endpoint,
        authority=cluster.cluster_authority,
        program=[sys.executable, "-m", "telamon.cli"],
    )
    path = folder / KUBECONFIG
    write_private(path, (json.dumps(document, indent=2) + "\n").encode())
    return path


def answer(session: Session, ascent: Ascent, *, places: Sequence[Found], name: str) -> None:
    """Say where every layer stands; where that is not all of them, end with the code that says how far it is.

    Args:
        session: whose terminal shows it.
        ascent: the layers.
        places: where each stands.
        name: of the stack.
    """
    end = _end(ascent, places)
    document = GroundStatus(
        stack=name,
        folder=str(ascent.ground),
        layers=tuple(GroundLayer(each.layer, each.place.value, each.plan_id, each.detail) for each in places),
        cluster=_facts(places).cluster.cluster_endpoint if _stand(places) else "",
        next=end.remedy or "" if end is not None else "Bring the stack itself up: telamon up FILE.",
    )
    session.answer(lambda: document, lambda: _text(document))
    if end is None:
        return
    session.terminal.flush()
    from telamon.cli.failures import as_text

    # The answer is out already, so why it ends so is a note beside it.
    session.terminal.note(as_text(end, styled=session.terminal.notes.styled))
    raise click.exceptions.Exit(end.exit_code)


def _stand(places: Sequence[Found]) -> bool:
    return all(each.place is Place.STANDS for each in places)


def _facts(places: Sequence[Found]) -> GroundFacts:
    return read_ground({LayerName(each.layer): each.outputs or {} for each in places})


def _end(ascent: Ascent, places: Sequence[Found]) -> TelamonError | None:
    """Why it does not go on from here."""
    if _stand(places):
        return None
    waiting = [each for each in places if each.place not in {Place.STANDS, Place.RESTS}]
    told = "; ".join(_told(each) for each in waiting)
    return NotReadyError(told, remedy=" ".join(_remedy(ascent, each) for each in waiting))


def _told(found: Found) -> str:
    detail = f": {found.detail}" if found.detail else ""
    return f"{found.layer} {found.place.value}{detail}"


def _remedy(ascent: Ascent, found: Found) -> str:
    folder = ascent.ground / found.layer
    return {
        Place.WAITS: f"Let others approve it: telamon infra approve {found.plan_id} --dir {folder}.",
        Place.APPROVED: f"Apply {found.layer}: telamon up FILE.",
        Place.APPLYING: f"See {found.layer} to its end: telamon up FILE.",
        Place.REFUSED: f"Look at it: telamon infra show {folder}.",
        Place.NO_PLAN: f"Plan {found.layer}: telamon up FILE --key KEY.",
    }[found.place]


def _text(document: GroundStatus) -> str:
    widest = max(len(each.layer) for each in document.layers)
    lines = [f"{document.stack}: {document.folder}"]
    for each in document.layers:
        plan = f" (plan {each.plan})" if each.plan else ""
        detail = f": {each.detail}" if each.detail else ""
        lines.append(f"  {each.layer:{widest}}  {each.place}{plan}{detail}")
    return "\n".join(lines)


def _in_short(summary: Summary) -> str:
    lines = [counts(summary.changes)]
    if summary.cost is not None:
        lines.append(cost_lines(summary.cost)[0])
    lines += [*goes_down(summary.changes), *summary.notes]
    lines.append(policy_counts(summary.policies))
    lines += [str(found) for found in summary.policies if not found.passed]
    return scrub("\n    ".join(lines), summary.secrets)


def _note(session: Session, sentence: str) -> None:
    if session.output == "text":
        session.terminal.note(sentence)
