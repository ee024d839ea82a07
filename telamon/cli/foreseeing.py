"""What ``telamon plan`` says of what lies under a stack on AWS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from telamon.cli.documents.checked import GroundForeseen, Plan, RoomChecked
from telamon.cli.ground import GroundWishes, ascent_of
from telamon.cli.rooms import room_lines, room_of
from telamon.desired.fit import Verdict
from telamon.desired.terraform.ground import ground as made_of
from telamon.desired.terraform.sizes import groups_for_products, types_of_unknown_size
from telamon.infra.words import counts, goes_down, scrub
from telamon.products.registry import products_of

if TYPE_CHECKING:
    from telamon.cli.reading import FileRead
    from telamon.cli.session import Session
    from telamon.desired.terraform.ground import Ground
    from telamon.model.stack import Stack
    from telamon.platforms.approval.desk import Looked
    from telamon.platforms.aws.ascent import Found


def foresee(
    session: Session, found: FileRead, *, root: Path, ground: Path | None, approvers: Path | None
) -> None:
    """Say what would become of each layer, and of the machines in it; nothing is kept.

    Args:
        session: whose terminal shows it.
        found: the stack, on AWS.
        root: its state folder.
        ground: folder of the layers; ``None``: one in the state folder.
        approvers: folder with the lists of approvers.

    Raises:
        TelamonError: a layer cannot be looked at.
    """
    wishes = GroundWishes(ground, approvers, None, False, None, False)
    ascent = ascent_of(session, found, root=root, wishes=wishes)
    products = products_of({str(name): each for name, each in found.stack.spec.products.items()})
    below = made_of(found.stack, products)

    def tell(sentence: str) -> None:
        if session.output == "text":
            session.terminal.note(sentence)

    layers = tuple(_layer(place, looked) for place, looked in ascent.foresee(tell=tell))
    document = Plan(
        stack=found.stack.metadata.name,
        steps=(),
        waits=(),
        warnings=found.warnings,
        not_rehearsed=found.not_rehearsed,
        ground=layers,
        room=room_on(found.stack, below),
    )
    session.answer(lambda: document, lambda: text(document))


def room_on(stack: Stack, ground: Ground) -> tuple[RoomChecked, ...]:
    """Whether there is room on the machines that the ground would start.

    Args:
        stack: on AWS.
        ground: what it amounts to.
    """
    unknown = types_of_unknown_size(ground)
    if unknown:
        why = f"nobody knows how large {', '.join(unknown)} is; write the machines to spec.placement.machines"
        return room_of(stack) or (RoomChecked("", Verdict.UNKNOWN.value, why, ()),)
    return room_of(stack, groups_for_products(ground))


def _layer(found: Found, looked: Looked | None) -> GroundForeseen:
    place = f"{found.place}: {found.detail}" if found.detail else str(found.place)
    if looked is None:
        return GroundForeseen(found.layer, place)
    summary = looked.summary

    def safe(sentences: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(scrub(sentence, summary.secrets) for sentence in sentences)

    return GroundForeseen(
        found.layer,
        place,
        changes=counts(summary.changes),
        down=safe(goes_down(summary.changes)),
        notes=safe(summary.notes),
        destructive=looked.evidence.destructive,
        refused=safe(tuple(str(each) for each in summary.policies if not each.passed)),
        cost=round(summary.cost.after - summary.cost.before, 2) if summary.cost is not None else 0.0,
        stand_ins=summary.stand_ins,
    )


def text(document: Plan) -> str:
    """What is foreseen, as a terminal shows it.

    Args:
        document: of a stack on AWS.
    """
    widest = max((len(each.layer) for each in document.ground), default=0)
    lines = [f"{document.stack}: what would become of its ground"]
    for each in document.ground:
        lines.append(f"  {each.layer:{widest}}  {each.changes or each.place}")
        if each.stand_ins:
            lines.append(f"      values stand in for what is not there yet: {', '.join(each.stand_ins)}")
        lines += [f"      destroyed or replaced: {address}" for address in each.destructive]
        lines += [f"      goes down: {sentence}" for sentence in each.down]
        lines += [f"      {sentence}" for sentence in each.notes]
        lines += [f"      refused: {sentence}" for sentence in each.refused]
        if each.cost:
            lines.append(f"      a month costs USD {each.cost:+,.2f}")
    lines += [f"  {line}" for line in room_lines(document.room)]
    lines.append(
        "`telamon up FILE` plans these for approval; `telamon render FILE` shows what its cluster is given."
    )
    return "\n".join(lines)
