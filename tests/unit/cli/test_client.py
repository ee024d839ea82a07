"""What is said of a controller that does not answer."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from telamon.cli.client import Controller
from telamon.errors import MachineError, NoController


def test_a_controller_that_dies_over_a_question_is_one_that_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def hear_and_die() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)

        dying = threading.Thread(target=hear_and_die)
        dying.start()
        with pytest.raises(NoController, match="ended while it was asked"):
            Controller(path).version()
        dying.join()


def test_a_path_that_no_socket_can_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="too long for a unix socket"):
        Controller(tmp_path / ("x" * 120)).version()
