"""Copies of search indexes between members of this machine, as between two hosts: over TCP, each in its own home."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from telamon.desired.lab.data import Link, link_name
from telamon.desired.lab.needs import INDEX
from telamon.errors import PlatformError
from telamon.indexfiles.place import IndexPlace
from telamon.plan.works.index import ClearIndex, CopyIndex, TidyIndex
from telamon.platforms.indexcopy.fetch import Moved, Source, Transfer
from telamon.platforms.indexcopy.home import Home, held
from telamon.platforms.indexcopy.pin import pinned, release_abandoned
from telamon.platforms.indexcopy.serve import serving
from telamon.platforms.indexcopy.stage import discard, stage
from telamon.platforms.indexcopy.switch import clear, switch
from telamon.platforms.lab.works.context import Context

MEBIBYTE = 1 << 20
TOKEN_BYTES = 32


def copy_index(context: Context, work: CopyIndex) -> str:
    """Gather the source's newest commit at the target, and put it in place where that is asked for.

    Both ends live in this process; they share nothing but a connection and a token made for it.
    """
    target = _home(context, work.target)
    token = secrets.token_bytes(TOKEN_BYTES)
    link = _link(context, work)

    def tell(moved: Moved) -> None:
        done, total = moved.done / MEBIBYTE, moved.total / MEBIBYTE
        context.tell(f"{done:.1f} of {total:.1f} MiB of the index of {work.source} are at {work.target}")

    with (
        pinned(_home(context, work.source)) as pin,
        serving(pin, address=(link.beyond.host, link.beyond.port), token=token),
        held(target.staging, wait=False),
    ):
        source = Source((link.endpoint.host, link.endpoint.port), token)
        staged = stage(Transfer(source, target, context.clock, tell))
        if work.switches:
            switch(target, staged.manifest)
    return f"{staged.fetched / MEBIBYTE:.1f} MiB came over, {staged.reused / MEBIBYTE:.1f} MiB were there"


def clear_index(context: Context, work: ClearIndex) -> str:
    """Take the index of a member away."""
    home = _home(context, work.member)
    with held(home.staging, wait=False):
        clear(home)
    return "done"


def tidy_index(context: Context, work: TidyIndex) -> str:
    """Let go of pins and of what was gathered. A copy that is at work keeps what is its own."""
    if work.source:
        release_abandoned(_home(context, work.source))
    target = _home(context, work.target)
    if target.staging.exists():
        with held(target.staging, wait=False):
            discard(target)
    return "done"


def _home(context: Context, member: str) -> Home:
    return Home(Path(context.facts.path("homes", member)), _place(context))


def _place(context: Context) -> IndexPlace:
    workload = context.part.workload
    if workload is None or workload.index_ways is None:
        raise PlatformError(
            f"the members of {context.component} keep no index",
            remedy="Name a component that does: `telamon index status` shows them.",
        )
    return workload.index_ways.place


def _link(context: Context, work: CopyIndex) -> Link:
    name = link_name(work.target, work.source, port=INDEX)
    found = next((link for link in context.lab.links if link.name == name), None)
    if found is None:
        raise PlatformError(
            f"{work.target} has no way to {work.source}",
            remedy="Run `telamon up` again: it lays the ways between all members that there are.",
        )
    return found


DOERS: Final[Mapping[str, Callable[[Context, Any], str]]] = MappingProxyType(
    {ClearIndex.kind: clear_index, CopyIndex.kind: copy_index, TidyIndex.kind: tidy_index}
)
"""Who does which kind of work on an index."""
