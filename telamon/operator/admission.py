"""Admission: tells an API server what the operator would refuse, while whoever writes it still looks at the screen.

An answer rests on what the cluster holds at that moment (:mod:`telamon.operator.judging`). What cannot be judged now is
let through with a warning: the operator judges it again afterwards, and reports what it refuses.

Source: Kubernetes, AdmissionReview v1 (``admission.k8s.io``), "Dynamic Admission Control" (responses, warnings).
"""

from __future__ import annotations

import json
import logging
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from telamon.desired.kubernetes.admission import PATH
from telamon.desired.kubernetes.written import agreed, document, told_below
from telamon.errors import NotReadyError, Problem, RefusedError, TelamonError, brief
from telamon.model.operation import Operation
from telamon.naming import STACK_KIND
from telamon.operator.judging import JudgingHost
from telamon.operator.listening import Answering, listening
from telamon.products.registry import registry
from telamon.stackfile.reader import read
from telamon.wiring.cluster import REFUSED, ClusterParts, StackParts

LOG = logging.getLogger("telamon.operator")

LARGEST: Final = 8 * 1024 * 1024
"""Bytes of a question: an object and its predecessor, of which an API server keeps none above 1.5 MiB each."""
MOST_WORDS: Final = 12
"""Problems that are told at once; more than a screen is read by nobody."""
WARNINGS: Final = 10
UNPROCESSABLE, FORBIDDEN = 422, 403


@dataclass(frozen=True)
class Verdict:
    """What is answered.

    Attributes:
        code: 0 where it is let through, or the HTTP status of the refusal.
        words: of the refusal.
        causes: each problem with its path.
        warnings: for whoever writes.
    """

    code: int = 0
    words: str = ""
    causes: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()


class Admission:
    """Judges what is about to be written.

    Args:
        parts: what the operator is made of.
        told: is called with the kind and the verdict of every answer.
    """

    def __init__(self, parts: ClusterParts, *, told: Callable[[str, Verdict], None]) -> None:
        self._parts = parts
        self._told = told

    def answer(self, review: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a review.

        Args:
            review: an AdmissionReview.

        Raises:
            KeyError: it asks nothing.
        """
        request = review["request"]
        kind = str(request["kind"]["kind"])
        verdict = self._judged(kind, request)
        self._told(kind, verdict)
        response: dict[str, Any] = {"uid": request["uid"], "allowed": not verdict.code}
        if verdict.code:
            response["status"] = _status(verdict)
        if verdict.warnings:
            response["warnings"] = list(verdict.warnings[:WARNINGS])
        return {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}

    def _judged(self, kind: str, request: Mapping[str, Any]) -> Verdict:
        try:
            return self._stack(request) if kind == STACK_KIND else self._operation(request)
        except (RefusedError, NotReadyError) as error:
            return Verdict(FORBIDDEN, _told(error))
        except TelamonError as error:
            return Verdict(warnings=(f"not judged now, but by the operator afterwards: {error}",))
        except Exception as error:
            LOG.exception("a %s could not be judged: a defect", kind)
            return Verdict(warnings=(f"not judged, because of a defect: {type(error).__name__}",))

    def _stack(self, request: Mapping[str, Any]) -> Verdict:
        item, before = request["object"], request.get("oldObject")
        if before is not None and _asks(before) == _asks(item):
            # What is neither wanted, agreed to nor told is nothing to judge, e.g. a label.
            return Verdict()
        name = str(item["metadata"]["name"])
        today = datetime.fromtimestamp(self._parts.clock.now(), UTC).date()
        found = read(json.dumps(document(item)), source=name, registry=registry(), today=today)
        warnings = tuple(map(_line, found.warnings))
        if found.stack is None:
            words = "; ".join(_line(problem) for problem in found.problems[:MOST_WORDS])
            left = len(found.problems) - MOST_WORDS
            more = f"; and {left} more" if left > 0 else ""
            return Verdict(UNPROCESSABLE, f"{words}{more}", found.problems, warnings)
        with self._asked(name) as (parts, host):
            parts.compiler.tell(told_below(item))
            host.judge_stack(found.stack, downtime=agreed(item))
        return Verdict(warnings=warnings)

    def _operation(self, request: Mapping[str, Any]) -> Verdict:
        item = request["object"]
        if request.get("oldObject") is not None:
            # It never changes; what is written to it afterwards is who keeps it, or that it is to go.
            return Verdict()
        try:
            operation = Operation.model_validate(document(item), strict=False)
        except ValidationError as error:
            return Verdict(UNPROCESSABLE, brief(error))
        with self._asked(operation.spec.target.stack) as (parts, host):
            host.judge_operation(operation, refused=REFUSED)
            why = parts.store.misplaced(operation.spec.target.component, str(request.get("namespace", "")))
        return Verdict(FORBIDDEN, why) if why else Verdict()

    @contextmanager
    def _asked(self, stack: str) -> Iterator[tuple[StackParts, JudgingHost]]:
        parts = self._parts.stack(stack)
        try:
            yield (
                parts,
                JudgingHost(parts.store, parts.journal, parts.platform, self._parts.clock, parts.compiler),
            )
        finally:
            parts.close()


def _asks(item: Mapping[str, Any]) -> tuple[object, ...]:
    """Everything of a Stack that the operator goes by."""
    return item.get("spec"), agreed(dict(item)), told_below(dict(item))


def _line(problem: Problem) -> str:
    """A problem as the command line says it, without the line of a file that there is none of."""
    path = f"{problem.path}: " if problem.path else ""
    return f"{path}{problem.message}" + (f" ({problem.remedy})" if problem.remedy else "")


def _told(error: TelamonError) -> str:
    return f"{error} ({error.remedy})" if error.remedy else str(error)


def _status(verdict: Verdict) -> dict[str, Any]:
    causes = [
        {"reason": problem.rule, "message": problem.message, "field": problem.path}
        for problem in verdict.causes
    ]
    reason = "Invalid" if verdict.code == UNPROCESSABLE else "Forbidden"
    status: dict[str, Any] = {"code": verdict.code, "reason": reason, "message": verdict.words}
    return {**status, "details": {"causes": causes}} if causes else status


class Desk:
    """Where reviews are answered, over TLS with certificates that may change at any time."""

    def __init__(self) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._known = b""

    @property
    def context(self) -> ssl.SSLContext:
        """By which connections are secured."""
        return self._context

    def use(self, certificate: bytes, key: bytes) -> None:
        """Answer with a certificate from the next connection on.

        Args:
            certificate: PEM.
            key: PEM. It is handed to the library by way of memory and never lies on a disk.
        """
        if certificate == self._known:
            return
        held = os.memfd_create("pair", os.MFD_CLOEXEC)
        try:
            os.write(held, certificate + key)
            self._context.load_cert_chain(f"/proc/self/fd/{held}")
        finally:
            os.close(held)
        self._known = certificate


@contextmanager
def answering(listen: tuple[str, int], admission: Admission, *, desk: Desk) -> Iterator[tuple[str, int]]:
    """Answer reviews until the block ends.

    Args:
        listen: address and port.
        admission: judges.
        desk: secures the connections.

    Yields:
        Address and port on which it listens.

    Raises:
        MachineError: nobody can listen there.
    """

    class Handler(Answering):
        def post(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > LARGEST:
                self.close_connection = True
                self.send(413, b"no question, or one that is too long")
                return
            body = self.rfile.read(int(length))
            if self.path.partition("?")[0] != PATH:
                self.send(404, f"there is {PATH}".encode())
                return
            try:
                answer = admission.answer(json.loads(body))
            except (AttributeError, KeyError, TypeError, ValueError):
                self.send(400, b"no AdmissionReview")
                return
            self.send(200, json.dumps(answer).encode(), form="application/json")

    with listening(listen, Handler, name="--admission", tls=desk.context) as address:
        yield address
