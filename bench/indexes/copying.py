"""One copy, as the two ends of it do it: pin and serve at the source; stage, and switch, at the target."""

from __future__ import annotations

import secrets
from pathlib import Path

from bench.indexes.node import PLACE
from telamon.platforms.clock import SteadyClock
from telamon.platforms.indexcopy.fetch import Moved, Source, Transfer
from telamon.platforms.indexcopy.home import Home, held
from telamon.platforms.indexcopy.pin import pinned
from telamon.platforms.indexcopy.serve import serving
from telamon.platforms.indexcopy.stage import Staged, stage
from telamon.platforms.indexcopy.switch import switch


def copy(source: Path, target: Path, *, switches: bool) -> Staged:
    """Copy the index of one home to another over TCP on the loopback.

    Args:
        source: home that it comes from.
        target: home that it goes to.
        switches: whether it is put in place, which asks that nobody uses the target; else it is only gathered.
    """
    home = Home(target, PLACE)
    token = secrets.token_bytes(32)
    with (
        pinned(Home(source, PLACE)) as pin,
        serving(pin, address=("127.0.0.1", 0), token=token) as address,
        held(home.staging, wait=False),
    ):
        staged = stage(Transfer(Source(address, token), home, SteadyClock(), _quiet))
        if switches:
            switch(home, staged.manifest)
    return staged


def _quiet(_moved: Moved) -> None:
    """Nobody watches."""
