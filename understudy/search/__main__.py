"""``python -m understudy.search``: one search node, until SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

import uvicorn

from understudy.kit.errors import SettingsError
from understudy.kit.homes import exclusive_home
from understudy.search.api import SearchApi
from understudy.search.settings import NodeSettings, read_settings
from understudy.search.store import Store
from understudy.search.transport import Transport

log = logging.getLogger("understudy.search")


def main() -> int:
    """Run the node.

    Returns:
        0 after an orderly stop, 1 when it could not listen, 2 when the environment is wrong.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stdout
    )
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        for problem in error.problems:
            log.error("%s", problem)  # noqa: TRY400 - a wrong setting is no place for a traceback
        return 2
    with exclusive_home(settings.data / "nodes" / "0" / "node.lock"):
        return serve(settings)


def serve(settings: NodeSettings) -> int:
    """Open the data, answer requests until a signal ends it, and close the data.

    Returns:
        0 if a signal ended it, 1 if it could not listen.
    """
    store = Store(settings.data)
    store.open()
    transport = None if settings.transport is None else Transport(settings.transport)
    application = SearchApi(store, settings).application()
    certificate, key = settings.certificate or (None, None)
    options = uvicorn.Config(
        application,
        host=settings.listen.address,
        port=settings.listen.port,
        access_log=False,
        log_config=None,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=5,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    server = uvicorn.Server(options)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # On a thread of its own the server leaves signals alone, so that the data is closed in order.
    worker = threading.Thread(target=server.run, name="http")
    worker.start()
    log.info("node %s listens on %s", settings.node_name, settings.listen)
    while worker.is_alive() and not stop.wait(0.5):
        continue
    server.should_exit = True
    worker.join()
    if transport is not None:
        transport.close()
    store.close()
    log.info("node %s is closed", settings.node_name)
    return 0 if stop.is_set() else 1


if __name__ == "__main__":
    sys.exit(main())
