"""The words of a flow's notes, and what a list of them amounts to.

A set-up page is posted at most once without knowing what came of it. The flow says so before it posts, and says when
an answer settled the matter; whoever runs it keeps the notes in order, over restarts, and hands the doubtful ones
back with the next pass. Steps:

1. ``posted:<step>`` is noted before the request leaves.
2. ``passed:<step>`` is noted when another page came: the step is done, and a page that still shows it lags behind.
3. ``refused:<step>`` is noted when the page came again with an error, or the request was never sent: nothing
   happened, so the step may be posted again.
4. Neither: the answer was lost, or the controller died. The step is in doubt and is not posted again while its note
   is younger than the product's ``setup_patience``.
"""

from __future__ import annotations

from collections.abc import Iterable

POSTED = "posted:"
PASSED = "passed:"
REFUSED = "refused:"
LOGIN_REFUSED = "login-refused:"
LOGIN_ACCEPTED = "login-accepted"


def standing(
    notes: Iterable[tuple[float, str]], *, now: float, patience: float, since: float = 0.0
) -> frozenset[str]:
    """The notes of a set-up that the next pass must know.

    Args:
        notes: instant and text of every note of earlier passes, oldest first.
        now: instant of the next pass, seconds.
        patience: seconds after which a posted step that settled neither way counts as never received.
        since: instant at which a person said ``retry``: doubts from before it are over.

    Returns:
        ``posted:<step>`` for steps in doubt, ``passed:<step>`` for steps done. Neither is kept for longer than the
        patience: a product that shows a page after that has forgotten that it was filled in.
    """
    last: dict[str, tuple[float, str]] = {}
    for at, text in notes:
        _, _, step = text.partition(":")
        last[step] = (at, text)
    kept = set()
    for at, text in last.values():
        in_doubt = text.startswith(POSTED) and at >= since
        if now - at < patience and (in_doubt or text.startswith(PASSED)):
            kept.add(text)
    return frozenset(kept)


def refused_logins(notes: Iterable[tuple[float, str]], *, since: float = 0.0) -> int:
    """How many log-ins were refused in a row, of whichever account.

    Args:
        notes: instant and text of every note of earlier passes, oldest first.
        since: instant at which a person said ``retry``; what was refused before no longer counts.
    """
    count = 0
    for at, text in notes:
        if text.startswith(LOGIN_REFUSED):
            count += at >= since
        elif text == LOGIN_ACCEPTED:
            count = 0
    return count
