"""``python -m telamon.operator``: with ``--state`` the controller of a folder, with ``--kubernetes`` of a cluster."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from telamon import __version__, wiring
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.errors import ConflictError, TelamonError, UsageError, brief, told
from telamon.model.status import GreenStatus, StatusCondition
from telamon.operator.api import About, Api, HealthLine
from telamon.operator.host import Host
from telamon.operator.leading import Addresses, operate
from telamon.operator.logs import Looks, write_json
from telamon.operator.report import Transitions
from telamon.operator.schedule import Schedule
from telamon.operator.serving import serve
from telamon.operator.soaking import Soaking
from telamon.ports import Faults

LOG = logging.getLogger("telamon.operator")

REPORTS_EVERY = 2.0
"""Seconds between two looks whether conditions have changed; the store keeps them, so that a successor knows since when
they hold."""


def main() -> int:
    """Run a controller until its stack is down or it is asked to end. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="telamon.operator", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--state", type=Path, help="state folder of the stack")
    where.add_argument("--kubernetes", action="store_true", help="keep the Stacks of a cluster")
    parser.add_argument("--kubeconfig", type=Path, help="default: the service account of the pod")
    parser.add_argument("--context", help="of the kubeconfig; default: the one in use")
    parser.add_argument("--namespace", default=OPERATOR_NAMESPACE, help="of the Stacks and the lease")
    parser.add_argument("--image", default="", help="of the jobs that take backups")
    parser.add_argument("--listen", default="0.0.0.0:8080", help="address of probes and metrics")
    parser.add_argument("--admission", default="0.0.0.0:9443", help="address that the API server asks")
    parser.add_argument(
        "--tell", type=int, help="descriptor to write the error to, as JSON, if it cannot start"
    )
    given = parser.parse_args()
    try:
        if given.kubernetes:
            _operate(given)
        else:
            logging.basicConfig(
                level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stdout
            )
            _control(given.state)
    except TelamonError as error:
        LOG.error("%s%s", error, f" ({error.remedy})" if error.remedy else "")  # noqa: TRY400 - meant for people
        if given.tell is not None:
            _tell(given.tell, error)
        return error.exit_code
    return 0


def _tell(descriptor: int, error: TelamonError) -> None:
    # Whoever started us may have gone away meanwhile.
    with suppress(OSError), os.fdopen(descriptor, "w", encoding="utf-8") as listener:
        json.dump(told(error), listener)


def _operate(given: argparse.Namespace) -> None:
    looks = Looks()
    write_json(sys.stdout, looks)
    # A line a request is more than anybody reads.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    operate(
        _asked_to_end(),
        kubeconfig=given.kubeconfig,
        context=given.context,
        namespace=given.namespace,
        image=given.image,
        addresses=Addresses(_address("--listen", given.listen), _address("--admission", given.admission)),
        looks=looks,
    )


def _address(option: str, given: str) -> tuple[str, int]:
    host, _, port = given.rpartition(":")
    if not port.isdecimal():
        raise UsageError(f"{given} is no address and port", remedy=f"Write e.g. {option} 0.0.0.0:8080.")
    return host, int(port)


def _control(root: Path) -> None:
    with wiring.controller_lease(root) as lease:
        if not lease:
            raise ConflictError(f"another controller keeps {root}", remedy="use it: `telamon status`")
        parts = wiring.lab_parts(root)
        host = Host(parts.store, parts.journal, parts.platform, parts.clock, parts.compiler)
        about = About(__version__, os.getpid(), str(root), parts.clock.now())
        transitions = Transitions.after(_last_conditions(host))
        soaking = Soaking(_last_stretch(host))
        api = Api(host, about, parts.urls, partial(_health, parts), transitions, soaking)
        asked, folder = _asked_to_end(), _identity(root)
        schedule = Schedule(host)
        _tidy(parts.faults)
        host.resume()
        try:
            with serve(api.application(), wiring.socket_path(root)):
                LOG.info("controller %s is up", about.pid)
                while not asked.is_set() and not host.wait_ended(REPORTS_EVERY) and _identity(root) == folder:
                    _report(host, api)
                    _tidy(parts.faults)
                    _keep_schedule(schedule)
        finally:
            host.end()
            if _identity(root) != folder:
                LOG.error("the state folder is gone, and all data with it: ending every member")
                parts.platform.abandon()
            parts.close()
        LOG.info("controller %s ends", about.pid)


def _identity(root: Path) -> tuple[int, int] | None:
    """What tells a folder from another one that has taken its place; ``None`` where there is none."""
    try:
        found = root.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _report(host: Host, api: Api) -> None:
    """Write the conditions into the store, where they have changed."""
    try:
        stored = host.stored()
        if stored is None:
            return
        found = api.status_document().get("status", {})
        status: Mapping[str, Any] = {name: found[name] for name in ("conditions", "green") if name in found}
        if dict(stored.status) != status:
            host.report(status)
    except TelamonError:
        LOG.exception("the status could not be written")


def _tidy(faults: Faults) -> None:
    """End what a drill has left behind that was killed, or has not ended in time."""
    try:
        for name in faults.tidy():
            LOG.warning("ended the fault %s, which nobody else had ended", name)
    except TelamonError:
        LOG.exception("a fault that is over could not be ended")


def _keep_schedule(schedule: Schedule) -> None:
    """Ask for what comes round; a store that cannot be read now is read again later."""
    try:
        schedule.keep()
    except TelamonError:
        LOG.exception("the schedule could not be kept")


def _health(parts: wiring.LabParts) -> list[HealthLine]:
    return [
        HealthLine(component, member, report.name, report.healthy, report.reason)
        for component, member, report in parts.doctor()
    ]


def _last_conditions(host: Host) -> list[StatusCondition]:
    stored = host.stored()
    found = stored.status.get("conditions", []) if stored else []
    try:
        return [StatusCondition.model_validate(condition, strict=False) for condition in found]
    except (TypeError, ValidationError) as error:
        LOG.warning("since when the conditions hold is not known any more: %s", brief(error))
        return []


def _last_stretch(host: Host) -> GreenStatus | None:
    stored = host.stored()
    found = stored.status.get("green") if stored else None
    try:
        return None if found is None else GreenStatus.model_validate(found, strict=False)
    except ValidationError as error:
        LOG.warning("since when the stack is green is not known any more: %s", brief(error))
        return None


def _asked_to_end() -> threading.Event:
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    # The terminal that started us may go away at any time.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return asked


if __name__ == "__main__":
    sys.exit(main())
