"""What an answer of the API server that is no success means to whoever asked."""

from __future__ import annotations

import json

import pytest

from telamon.errors import (
    ConflictError,
    DeniedError,
    NotReadyError,
    PlatformError,
    TelamonError,
    TemporaryError,
)
from telamon.platforms.kubernetes.refusals import LONGEST_WAIT, refused


def answer(code: int, message: str, **headers: str) -> TelamonError:
    """What an answer of that code means."""
    body = json.dumps({"kind": "Status", "message": message}).encode()
    return refused(
        code, body, headers={name.replace("_", "-"): value for name, value in headers.items()}, path="/x"
    )


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (403, 'stacks is forbidden: User "somebody" cannot patch resource', DeniedError),
        (401, "Unauthorized", PlatformError),
        (
            403,
            'admission webhook "judge.telamon.dev" denied the request: wait until it is well',
            PlatformError,
        ),
        (404, "not found", NotReadyError),
        (409, "the object has been modified", ConflictError),
        (422, "spec.replicas: Invalid value", PlatformError),
        (429, "too many requests", TemporaryError),
        (500, "etcdserver: leader changed", TemporaryError),
        (500, "failed to create typed patch object: .spec.x: field not declared in schema", PlatformError),
    ],
)
def test_each_answer_has_its_own_error(code: int, message: str, kind: type[TelamonError]) -> None:
    found = answer(code, message)
    assert type(found) is kind
    assert message in str(found) or code == 404


def test_rights_are_asked_for_where_rights_are_what_is_missing() -> None:
    assert "roles" in (answer(403, "configmaps is forbidden").remedy or "")
    denied = answer(403, 'admission webhook "judge.telamon.dev" denied the request: jira-0 is Starting')
    assert denied.remedy is None


def test_a_namespace_that_is_being_deleted_is_no_missing_right() -> None:
    status = {
        "kind": "Status",
        "message": 'secrets "a" is forbidden: unable to create new content in namespace acme-jira because it is being '
        "terminated",
        "reason": "Forbidden",
        "details": {
            "causes": [
                {"reason": "NamespaceTerminating", "message": "namespace acme-jira is being terminated"}
            ]
        },
    }
    found = refused(403, json.dumps(status).encode(), headers={}, path="/x")
    assert type(found) is PlatformError
    assert "acme-jira" in str(found)
    assert "until the namespace is gone" in (found.remedy or "")


def test_one_who_is_told_to_wait_waits_so_long_but_no_longer_than_is_sensible() -> None:
    short, long = (answer(429, "busy", Retry_After=seconds) for seconds in ("7", "7000"))
    assert isinstance(short, TemporaryError)
    assert isinstance(long, TemporaryError)
    assert (short.delay, long.delay) == (7.0, LONGEST_WAIT)


def test_what_is_no_document_is_told_by_its_code() -> None:
    assert "HTTP 502" in str(refused(502, b"<html>bad gateway</html>", headers={}, path="/x"))
