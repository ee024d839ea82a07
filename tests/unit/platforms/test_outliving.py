"""Processes that go on without whoever has started them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from telamon.platforms.outliving import let_go
from tests.support.hosting import eventually


def test_nothing_is_left_of_one_that_ends_while_we_are_still_there() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    let_go(process)
    process_folder = Path(f"/proc/{process.pid}")
    assert process_folder.exists()
    # Whoever ends it does so by its number, as somebody else would.
    subprocess.run(
        [sys.executable, "-c", f"import os; os.kill({process.pid}, {signal.SIGKILL:d})"], check=True
    )
    eventually(lambda: not process_folder.exists(), "gone")
