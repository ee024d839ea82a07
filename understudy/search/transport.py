"""The port over which nodes of a search cluster speak to one another.

This node holds its data alone, so whoever comes is let go again; probes only ask whether anybody listens.

Source: OpenSearch documentation, "Network settings" (``transport.port``).
"""

from __future__ import annotations

import contextlib
import socket
import threading

from understudy.kit.settings import Endpoint


class Transport:
    """Listens from its making on.

    Args:
        listen: where.

    Raises:
        OSError: somebody else listens there.
    """

    def __init__(self, listen: Endpoint) -> None:
        self._server = socket.create_server((listen.address, listen.port))
        self._thread = threading.Thread(target=self._work, name="transport", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        # A thread that waits for somebody is woken by this, and not by closing alone.
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def _work(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            connection.close()
