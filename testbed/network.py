"""A network of its own for a control plane and all its pods: every address in it is real, and none is the machine's.

Whoever is inside sees a loopback interface and one range of addresses that are all local, so that each pod can listen
on an address of its own. It is gone as soon as nobody is inside and nobody holds it.

Sources: network_namespaces(7), setns(2), unshare(2); ip-route(8), type ``local``.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from testbed.parts import PartMissingError

PODS: Final = "10.244.0.0/16"
"""Range of the addresses of pods."""
_CLONE_NEWNET: Final = 0x40000000
_OWN: Final = "/proc/thread-self/ns/net"


class PrivateNetwork:
    """A network namespace. Only the thread that enters it, and what it starts meanwhile, is inside.

    Raises:
        PartMissingError: this process may not make one, or there is no ``ip``.
    """

    def __init__(self) -> None:
        if shutil.which("ip") is None:
            raise PartMissingError("there is no `ip` on this machine: the package iproute2 has it")
        outside = os.open(_OWN, os.O_RDONLY)
        try:
            _call("unshare", _CLONE_NEWNET)
            try:
                self._inside = os.open(_OWN, os.O_RDONLY)
                for words in (("link", "set", "lo", "up"), ("route", "add", "local", PODS, "dev", "lo")):
                    subprocess.run(("ip", *words), check=True, capture_output=True)  # noqa: S607
            finally:
                _call("setns", outside, _CLONE_NEWNET)
        finally:
            os.close(outside)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Enter it, and come back at the end."""
        outside = os.open(_OWN, os.O_RDONLY)
        _call("setns", self._inside, _CLONE_NEWNET)
        try:
            yield
        finally:
            _call("setns", outside, _CLONE_NEWNET)
            os.close(outside)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._inside)


def _call(name: str, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise PartMissingError(f"a network namespace cannot be made here: {os.strerror(code)}")
