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
from telamon.platforms.files import located, make_folder, write
from telamon.platforms.lab import admin
from telamon.products.base import Endpoint

CONFIRMED_WITHIN = 2.0
"""Seconds a balancer may take to notice a changed file; measured: 1 ms."""
HELD = "edge/held"
"""Folder of marks, one for each component whose users see the maintenance page."""
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
        self._fit: dict[str, frozenset[str]] = {}

    def listed(self, rotations: Sequence[Rotation]) -> frozenset[str]:
        """The members of a component that are on its lists: at the place where they are desired now, or not desired.

        One that nobody desires any more must be known to be listed, or it would be stopped without having been drained.
        """
        if not rotations:
            return frozenset()
        deciding = rotations[-1]
        found = self._read(deciding)
        return frozenset(
            member for member, place in found.items() if deciding.endpoints.get(member, place) == place
        )

    def admitted(self, rotations: Sequence[Rotation], *, balancers: Iterable[str]) -> frozenset[str]:
        """The members on the lists that every balancer has found fit once since they are on them.

        A member that is listed and not yet found fit gets no requests: whoever counts on it and drains another one
        leaves nobody.

        Args:
            rotations: the component's lists.
            balancers: admin sockets.
        """
        listed = self.listed(rotations)
        if not listed:
            return listed
        deciding = rotations[-1]
        with self._lock:
            before = self._fit.get(deciding.cluster, frozenset()) & listed
        new = listed - before
        if new:
            places = {member: place for member, place in self._read(deciding).items() if member in new}
            new = new - _not_found_fit(deciding.cluster, places, balancers=balancers)
        with self._lock:
            self._fit[deciding.cluster] = before | new
        return before | new

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

    def held(self, rotations: Sequence[Rotation]) -> bool:
        """Whether the users of a component see the maintenance page."""
        return bool(rotations) and self._mark(rotations[-1]).exists()

    def hold(self, rotations: Sequence[Rotation], *, held: bool, balancers: Iterable[str]) -> None:
        """Show a component's users the maintenance page, or let them in again; its lists stay as they are.

        Args:
            rotations: the component's lists.
            held: which of the two.
            balancers: admin sockets.

        Raises:
            TemporaryError: a balancer runs and did not follow in time.
            MachineError: the disk is full or read-only.
        """
        if not rotations:
            return
        mark = self._mark(rotations[-1])
        with self._lock:
            # The mark goes first and says what the lists must be, so a half-done hold is done again.
            if held:
                make_folder(mark.parent)
                write(mark, "")
            else:
                with located(mark):
                    mark.unlink(missing_ok=True)
            for rotation in rotations:
                self._write(rotation, self._read(rotation))
            filled = frozenset(rotation.cluster for rotation in rotations if self._read(rotation))
        for socket in balancers:
            _confirm_hold(socket, filled, held=held)
        time.sleep(WORKERS_FOLLOW)

    def _mark(self, rotation: Rotation) -> Path:
        return self._root / HELD / rotation.component

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

    def _holds(self, rotation: Rotation) -> bool:
        return self._mark(rotation).exists()

    def _write(self, rotation: Rotation, members: Mapping[str, Endpoint]) -> None:
        ordered = dict(sorted(members.items()))
        assignment = load_assignment(rotation.cluster, ordered, held=self._holds(rotation))
        text = json.dumps(assignment, indent=1, sort_keys=True)
        write(self._root / rotation.path, text + "\n")


def _confirm_hold(socket: str, clusters: frozenset[str], *, held: bool) -> None:
    """Wait until a balancer goes by the lists of clusters that are held, or are not held any more."""
    end = time.monotonic() + CONFIRMED_WITHIN
    while True:
        known = admin.shut(socket)
        if known is None:
            return
        late = [cluster for cluster in clusters if known.get(cluster, held) is not held]
        if not late:
            return
        if time.monotonic() > end:
            raise TemporaryError(f"the balancer at {socket} still uses an old list of {late[0]}", delay=0.5)
        time.sleep(0.01)


def _confirm(socket: str, left: Mapping[str, frozenset[Endpoint]]) -> None:
    """Wait until a balancer sends requests to nobody but who is left on the lists."""
    end = time.monotonic() + CONFIRMED_WITHIN
    while True:
        known = admin.members(socket)
        if known is None:
            return
        late = [cluster for cluster, listed in left.items() if known.get(cluster, {}).keys() - listed]
        if not late:
            return
        if time.monotonic() > end:
            raise TemporaryError(f"the balancer at {socket} still uses an old list of {late[0]}", delay=0.5)
        time.sleep(0.01)


def _not_found_fit(
    cluster: str, places: Mapping[str, Endpoint], *, balancers: Iterable[str]
) -> frozenset[str]:
    """Members that a balancer has not found fit yet. One that does not answer has no say: it serves nobody."""
    unfit: set[str] = set()
    for socket in balancers:
        try:
            known = admin.members(socket)
        except TemporaryError:
            continue
        if known is not None:
            fit = known.get(cluster, {})
            unfit |= {member for member, endpoint in places.items() if not fit.get(endpoint, False)}
    return frozenset(unfit)
