"""What Terraform had made and nobody wrote down, because it was ended: taken into the state by its id.

Terraform writes a state to a bucket when it ends, and every twenty seconds before. What it finished is said in the
messages of ``apply -json`` at once, with the id of each thing, and those are kept on this machine. What it had only
begun has no id yet: it is named, so that somebody looks.

Sources: Terraform documentation, "Machine-Readable UI" (``id_value``), "Command: import". Some types are imported by
something else than their id; making those twice is refused by AWS (a route, an association, an attachment).
"""

from __future__ import annotations

from pathlib import Path

from telamon.errors import PlatformError
from telamon.platforms.terraform.applying import Outcome, Tell
from telamon.platforms.terraform.runner import Terraform


def adopt(terraform: Terraform, folder: Path, *, outcome: Outcome, tell: Tell) -> str:
    """Take what an apply made and the state does not know into the state.

    Args:
        terraform: the program.
        folder: of the state.
        outcome: of an apply; one that came to an end of its own has left nothing.
        tell: is told of everything that is done.

    Returns:
        What was done, as the rest of a sentence; "" where there was nothing.

    Raises:
        TelamonError: the state is locked, or AWS does not answer: it is tried again from here.
    """
    if not outcome.cut_off:
        return ""
    known = frozenset(terraform.addresses(folder))
    adopted, left = [], []
    for made in outcome.made:
        if made.action != "create" or made.address in known or not made.id:
            continue
        try:
            terraform.adopt(folder, made.address, known_as=made.id)
        except PlatformError:
            tell(f"{made.address} ({made.id}) could not be taken into the state")
            left.append(f"{made.address} ({made.id})")
        else:
            tell(f"{made.address} ({made.id}) taken into the state")
            adopted.append(f"{made.address} ({made.id})")
    said = [f"taken into the state: {', '.join(adopted)}"] if adopted else []
    said += [f"there, and not taken into the state: {', '.join(left)}"] if left else []
    return "".join(f"; {each}" for each in said)
