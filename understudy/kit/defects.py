"""Releases that are no good, so that a test can see what becomes of a cluster that gets one.

``UNDERSTUDY_DEFECTS`` names releases and what is wrong with each, e.g. ``11.3.9:dies,11.3.8:errs``:

========  =============================================================================================
dies      the process ends with code 1 soon after its start, as a JVM that cannot load a class does
errs      the node says RUNNING and answers everything but its status page with 500
========  =============================================================================================

Nothing of it stands for a real release; it is off where the variable is not set.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from understudy.kit.settings import Environment, Release

VARIABLE = "UNDERSTUDY_DEFECTS"
STATUS_PATHS = ("/status", "/synchrony/heartbeat")


class Defect(enum.StrEnum):
    """What can be wrong with a release."""

    DIES = "dies"
    ERRS = "errs"


def defect_of(release: Release, environment: Environment) -> Defect | None:
    """What is wrong with a release, if anything; a text that cannot be read is a problem of the environment."""
    found: Defect | None = None
    for item in filter(None, environment.text(VARIABLE).replace(" ", "").split(",")):
        name, _, what = item.partition(":")
        try:
            parsed, defect = Release.parse(name), Defect(what)
        except ValueError as error:
            environment.note(f"{VARIABLE}: {error}")
            continue
        if parsed == release:
            found = defect
    return found


@dataclass
class Erring:
    """Answers everything but the status page with 500.

    Args:
        inner: the application that is asked for the status alone.
    """

    inner: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the status page on, and fail everything else."""
        if scope["type"] != "http" or str(scope["path"]).endswith(STATUS_PATHS):
            await self.inner(scope, receive, send)
            return
        body = b"<html><body>Oops - an error has occurred</body></html>"
        headers = [(b"content-type", b"text/html"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": body})
