"""``telamon compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb

if TYPE_CHECKING:
    from telamon.cli.session import Session


@click.command(cls=Verb)
@click.argument("one", metavar="STAGE")
@click.argument("other", metavar="STAGE")
@click.pass_obj
def command(session: Session, *, one: str, other: str) -> None:
    """Show what tells two environments apart.

    Every setting of the two files that differs, defaults included, and every image whose digest is another one. Each
    STAGE is a stack file, or a folder with a stack.yaml. Nothing that runs is asked.

    Examples:
        telamon compare dev staging
        telamon compare staging/stack.yaml production/stack.yaml -o json
    """
    from telamon.cli.promotion_words import Compared, Difference, compared_text
    from telamon.cli.stages import read_stage
    from telamon.plan.promotion import differences

    left, right = read_stage(session, one).stage, read_stage(session, other).stage
    images = sorted({*left.images, *right.images})
    digests = [
        (image, *(each.digest(image) if image in each.images else "" for each in (left, right)))
        for image in images
    ]
    answer = Compared(
        one=one,
        other=other,
        settings=tuple(Difference(*row) for row in differences(left.stack, right.stack)),
        images=tuple(Difference(*row) for row in digests if row[1] != row[2]),
    )
    session.answer(lambda: answer, lambda: compared_text(answer))
