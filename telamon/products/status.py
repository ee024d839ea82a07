"""Read the status page that Jira, Confluence and Bitbucket have in common: ``GET /status``, no login, ``{"state": …}``.

Source: Atlassian KB "Jira status endpoint response meanings"; "How to monitor if Bitbucket Server is up and running".
"""

from __future__ import annotations

from collections.abc import Mapping

from telamon.products.base import Response
from telamon.state.phase import Phase

PATH = "/status"

_REPORTED = frozenset(Phase) - {Phase.UNREACHABLE}


def read_state(response: Response, *, by_code: Mapping[int, Phase]) -> Phase:
    """Name the phase a node is in.

    Args:
        response: the answer to ``GET /status``.
        by_code: what a code means where the body names no state.

    Returns:
        RUNNING only for 200 with that word: neither is enough by itself. A state with a name that is not known counts
        as MAINTENANCE, because such a node lives and must be left alone. No answer, or one that is no status, is
        UNREACHABLE.
    """
    if not response.answered:
        return Phase.UNREACHABLE
    state = response.document().get("state")
    if not isinstance(state, str) or not state:
        return by_code.get(response.status, Phase.UNREACHABLE)
    phase = next((phase for phase in _REPORTED if phase.value == state), Phase.MAINTENANCE)
    if phase is Phase.RUNNING and response.status != 200:
        return by_code.get(response.status, Phase.UNREACHABLE)
    return phase
