"""Who gets requests: the balancers' membership files, which are the only record of it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from telamon.desired.lab.clusters import load_assignment
from telamon.desired.lab.data import Rotation
from telamon.errors import TemporaryError
from telamon.platforms.lab import admin
from telamon.platforms.lab.files import write
from telamon.products.base import Endpoint

CONFIRMED_WITHIN = 2.0
"""Seconds a balancer may take to notice a changed file; measured: 1 ms."""
WORKERS_FOLLOW = 0.05
"""Seconds to leave a balancer's workers after its main thread has changed the list: they take it over at their next
turn, which cannot be seen from outside."""


class Traffic:
    """The membership files below one state root.

    Args:
        root: the state root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()

    def admitted(self, rotations: Sequence[Rotation]) -> frozenset[str]:
        """The members of a component that are in rotation, at the place where they are desired now."""
        if not rotations:
            return frozenset()
        deciding = rotations[-1]
        listed = self._read(deciding)
        return frozenset(
            member for member, endpoint in deciding.endpoints.items() if listed.get(member) == endpoint
        )

    def admit(self, rotations: Sequence[Rotation], member: str) -> None:
        """Put a member in every list, the deciding one last: a half-done admission is done again.

        Raises:
            MachineError: the disk is full or read-only.
        """
        with self._lock:
            for rotation in rotations:
                listed = self._read(rotation)
                wanted = {**listed, member: rotation.endpoints[member]}
                if wanted != listed:
                    self._write(rotation, wanted)

    def drain(self, rotations: Sequence[Rotation], member: str, *, balancers: Iterable[str]) -> None:
        """Take a member out of every list, and return when no balancer sends it new requests.

        Args:
            rotations: the component's lists.
            member: whom.
            balancers: admin sockets.

        Raises:
            TemporaryError: a balancer runs and did not follow in time.
            MachineError: the disk is full or read-only.
        """
        with self._lock:
            for rotation in rotations:
                listed = dict(self._read(rotation))
                if listed.pop(member, None) is not None:
                    self._write(rotation, listed)
            left = {rotation.cluster: frozenset(self._read(rotation).values()) for rotation in rotations}
        # Asked every time, because an earlier call may have ended between the file and the answer.
        for socket in balancers:
            _confirm(socket, left)
        time.sleep(WORKERS_FOLLOW)

    def _read(self, rotation: Rotation) -> Mapping[str, Endpoint]:
        path = self._root / rotation.path
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        members: dict[str, Endpoint] = {}
        for listed in found["resources"][0]["endpoints"][0]["lb_endpoints"]:
            address = listed["endpoint"]["address"]["socket_address"]
            members[listed["endpoint"]["hostname"]] = Endpoint(address["address"], address["port_value"])
        return members

    def _write(self, rotation: Rotation, members: Mapping[str, Endpoint]) -> None:
        ordered = dict(sorted(members.items()))
        text = json.dumps(load_assignment(rotation.cluster, ordered), indent=1, sort_keys=True)
        write(self._root / rotation.path, text + "\n")


def _confirm(socket: str, left: Mapping[str, frozenset[Endpoint]]) -> None:
    """Wait until a balancer sends requests to nobody but who is left on the lists."""
    end = time.monotonic() + CONFIRMED_WITHIN
    while True:
        known = admin.endpoints(socket)
        if known is None:
            return
        late = [cluster for cluster, listed in left.items() if known.get(cluster, frozenset()) - listed]
        if not late:
            return
        if time.monotonic() > end:
            raise TemporaryError(f"the balancer at {socket} still uses an old list of {late[0]}", delay=0.5)
        time.sleep(0.01)
