"""Events: what people see below ``kubectl describe``. Source: Kubernetes, Event v1 (events.k8s.io)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal

from telamon.desired.kubernetes.data import Object, digest
from telamon.errors import ConflictError, TelamonError
from telamon.naming import API_VERSION, MANAGER, OPERATION_KIND, STACK_KIND, labels
from telamon.platforms.kubernetes.api import Api
from telamon.ports import Clock

LONGEST = 1000
"""Bytes of a note are at most 1 kB. Source: Event v1, ``note``."""


class Announcer:
    """Tells of one stack.

    Args:
        api: the API server.
        namespace: of the Stack.
        stack: its name.
        identity: of whoever tells.
        clock: injected time.
    """

    def __init__(self, api: Api, namespace: str, stack: str, *, identity: str, clock: Clock) -> None:
        self._api = api
        self._namespace = namespace
        self._stack = stack
        self._identity = identity
        self._clock = clock

    def tell(self, kind: Literal["Normal", "Warning"], reason: str, *, action: str, note: str) -> None:
        """Tell something of the Stack once: an event of the same words and instant is there already after a crash.

        Args:
            kind: how bad it is.
            reason: in one word.
            action: what it is about.
            note: for people.
        """
        about = {
            "apiVersion": API_VERSION,
            "kind": STACK_KIND,
            "name": self._stack,
            "namespace": self._namespace,
        }
        self._tell(about, kind, reason=reason, action=action, note=note)

    def tell_of_operation(self, operation: Object, phase: str, *, note: str) -> None:
        """Tell that an operation has come to another phase; where that may not be told, it stands in its status alone.

        Args:
            operation: as it lives.
            phase: that it has come to.
            note: for people.
        """
        metadata = operation["metadata"]
        about = {key: str(metadata[key]) for key in ("name", "namespace", "uid")}
        kind: Literal["Normal", "Warning"] = "Warning" if phase == "Failed" else "Normal"
        with suppress(TelamonError):
            self._tell(
                {"apiVersion": API_VERSION, "kind": OPERATION_KIND, **about},
                kind,
                reason=phase,
                action=str(operation["spec"]["verb"]),
                note=note,
            )

    def _tell(
        self,
        about: Mapping[str, str],
        kind: Literal["Normal", "Warning"],
        *,
        reason: str,
        action: str,
        note: str,
    ) -> None:
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        text = note[:LONGEST] or reason
        name = f"{about['name']}.{digest([action, reason, text, int(self._clock.now())])}"
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": name,
                "namespace": about["namespace"],
                "labels": dict(labels(self._stack, "operator")),
            },
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": f"{MANAGER}.dev/operator",
            "reportingInstance": self._identity[:128],
            "regarding": dict(about),
            "type": kind,
            "reason": reason,
            "action": action,
            "note": text,
        }
        try:
            self._api.create(event)
        except ConflictError:
            return
