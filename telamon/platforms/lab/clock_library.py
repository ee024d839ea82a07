"""The library under which a program can be told another time, and whether it is fit for that."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from telamon.desired.lab.relays import clock_environment
from telamon.errors import MachineError

LIBRARIES: Final = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
FAKETIME: Final = ("*/faketime/libfaketimeMT.so.1", "faketime/libfaketimeMT.so.1")
"""Where packages put it. Source: lists of files of the packages ``libfaketime`` of Debian and Fedora; the variant for
programs with threads."""
OFFSET: Final = 3600
TRIES: Final = """
import sys, time
began = time.monotonic()
time.sleep(0.05)
slept = 0.05 <= time.monotonic() - began
sys.exit(not (slept and abs(time.time() - float(sys.argv[1]) - float(sys.argv[2])) < 120))
"""
"""Ends well where the time of day is as far off as it is told to be, and a program that sleeps sleeps."""
TRYING_TAKES: Final = 30.0
"""Seconds after which a program that is tried counts as one that stands still."""


def clock_library(named: str) -> str:
    """The library by which a process can be told another time; "" where this machine has none that is fit.

    libfaketime 0.9.10, as Debian 12 and Ubuntu 24.04 bring it, is not: where it leaves the monotonic clock alone,
    nobody who sleeps until an instant of that clock, as Python does, sleeps at all.

    Source: libfaketime, issue 426, mended by its commits d17bb11, f262b5f and 0c2e3d4 of June 2023; 0.9.11, and the
    package of Debian 13, have them.

    Args:
        named: path of the one that the stack file names; "" for one of the distribution.

    Raises:
        MachineError: the one that is named is not fit.
    """
    if not named:
        found = (
            path for folder in LIBRARIES for name in FAKETIME for path in sorted(Path(folder).glob(name))
        )
        return next((str(path) for path in found if _is_fit(path)), "")
    if not _is_fit(Path(named)):
        raise MachineError(
            f"programs do not run as they must under {named}, which spec.platform.clockLibrary names",
            remedy="Name the file libfaketimeMT.so.1 of libfaketime 0.9.11 or newer.",
        )
    return named


def _is_fit(library: Path) -> bool:
    if not library.is_file():
        return False
    with tempfile.TemporaryDirectory(prefix="telamon-clock-") as folder:
        file = Path(folder, "clock")
        file.write_text(f"+{OFFSET}\n")
        environment = dict(clock_environment(str(library), str(file)))
        try:
            words = [sys.executable, "-I", "-c", TRIES, str(time.time()), str(OFFSET)]
            tried = subprocess.run(
                words, env=environment, capture_output=True, check=False, timeout=TRYING_TAKES
            )
        except (OSError, subprocess.SubprocessError):
            return False
    # Whoever cannot load it says so and goes on without.
    return tried.returncode == 0 and not tried.stderr
