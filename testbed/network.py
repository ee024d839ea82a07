"""Networks of their own, of which nothing is left once nobody is inside and nobody holds them.

Sources: network_namespaces(7), setns(2), unshare(2); ip-route(8), type ``local``; ip-link(8), ``netns``.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from testbed.parts import PartMissingError

PODS: Final = "10.244.0.0/16"
"""Range of the addresses of pods."""
_CLONE_NEWNET: Final = 0x40000000
_OWN: Final = "/proc/thread-self/ns/net"


class Network:
    """A network namespace. Only the thread that enters it, and what it starts meanwhile, is inside.

    Args:
        held: file descriptor of the namespace.
    """

    def __init__(self, held: int) -> None:
        self._held = held

    @classmethod
    def made(cls) -> Network:
        """A new one, which knows no more than its loopback interface.

        Raises:
            PartMissingError: this process may not make one, or there is no ``ip``.
        """
        if shutil.which("ip") is None:
            raise PartMissingError("there is no `ip` on this machine: the package iproute2 has it")
        outside = os.open(_OWN, os.O_RDONLY)
        try:
            _call("unshare", _CLONE_NEWNET)
            try:
                network = cls(os.open(_OWN, os.O_RDONLY))
            finally:
                _call("setns", outside, _CLONE_NEWNET)
        finally:
            os.close(outside)
        network.ip("link", "set", "lo", "up")
        return network

    @classmethod
    def of(cls, pid: int) -> Network:
        """That of a process.

        Args:
            pid: of it.

        Raises:
            OSError: it is gone, or not ours.
        """
        return cls(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY))

    @property
    def path(self) -> Path:
        """A file by which other programs find the namespace, while it is held."""
        return Path(f"/proc/{os.getpid()}/fd/{self._held}")

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Enter it, and come back at the end."""
        outside = os.open(_OWN, os.O_RDONLY)
        _call("setns", self._held, _CLONE_NEWNET)
        try:
            yield
        finally:
            _call("setns", outside, _CLONE_NEWNET)
            os.close(outside)

    def ip(self, *words: str) -> None:
        """Run ``ip`` inside.

        Raises:
            PartMissingError: it refuses; the message says why.
        """
        with self.inside():
            done = subprocess.run(("ip", *words), check=False, capture_output=True, text=True)  # noqa: S607
        if done.returncode:
            raise PartMissingError(f"ip {' '.join(words)}: {done.stderr.strip()}")

    def set(self, name: str, value: str) -> None:
        """Set a kernel parameter of the network alone.

        Args:
            name: below ``net``, with slashes.
            value: of it.
        """
        with self.inside():
            Path("/proc/sys/net", name).write_text(value, encoding="ascii")

    def close(self) -> None:
        """Let go of it."""
        os.close(self._held)


def private_network() -> Network:
    """A network for a control plane and all its pods as processes: every address in it is real, none is the machine's.

    Whoever is inside sees a loopback interface and one range of addresses that are all local, so that each pod can
    listen on an address of its own.

    Raises:
        PartMissingError: this process may not make one, or there is no ``ip``.
    """
    network = Network.made()
    network.ip("route", "add", "local", PODS, "dev", "lo")
    return network


def _call(name: str, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise PartMissingError(f"a network namespace cannot be made here: {os.strerror(code)}")
