"""Starts moto, the stand-in for AWS written by others, on a port that is free, and says which.

It is run by the interpreter of the environment that moto is installed in, which is not the project's own.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from moto.route53.models import Route53Backend
from moto.s3.models import FakeBucket
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


def may_log(target_bucket: Any, target_prefix: str | None) -> bool:
    """Whether a bucket's policy lets S3 write access logs below a prefix.

    moto 5.2.5 itself understands neither a list of resources, nor a pattern, nor ``"Principal": "*"``.
    """
    wanted = f"arn:{target_bucket.partition}:s3:::{target_bucket.name}/{target_prefix or ''}log"
    statements = json.loads(target_bucket.policy.decode())["Statement"] if target_bucket.policy else []
    return any(
        statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": "logging.s3.amazonaws.com"}
        and "s3:PutObject" in texts(statement["Action"])
        and any(fnmatchcase(wanted, pattern) for pattern in texts(statement["Resource"]))
        for statement in statements
    )


def texts(value: str | list[str]) -> Iterator[str]:
    """One text or several, as policies have it."""
    yield from [value] if isinstance(value, str) else value


def in_turn(change: Callable[..., Any]) -> Callable[..., Any]:
    """A change that waits for the one before.

    moto 5.2.5 makes a new list of a zone's records at each deletion, so that of two at once one is lost, and the zone
    cannot be deleted any more. AWS refuses the second (``PriorRequestNotComplete``) until the first is done.
    """
    turn = threading.Lock()

    def changed(*arguments: Any, **named: Any) -> Any:
        with turn:
            return change(*arguments, **named)

    return changed


def main() -> None:
    """Serve on loopback until the process is ended."""
    Route53Backend.change_resource_record_sets = in_turn(Route53Backend.change_resource_record_sets)
    FakeBucket._log_permissions_enabled_policy = staticmethod(may_log)
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
