"""Lists of approvers, statements and the audit log, from literals."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from telamon.errors import RefusedError
from telamon.infra.approvers import read_approvers
from telamon.infra.canonical import Digest, digest
from telamon.infra.evidence import Statement
from telamon.infra.ledger import START, Ledger, read_ledger
from telamon.infra.signature import fingerprint, plain_key, read_signature


def key(number: int) -> str:
    """A public key that nobody has the private one of."""
    kind = b"ssh-ed25519"
    blob = len(kind).to_bytes(4) + kind + (32).to_bytes(4) + bytes([number] * 32)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def document(**changed: Any) -> bytes:
    plain = {
        "kind": "telamon infrastructure approvers v1",
        "sequence": 1,
        "previous": "",
        "threshold": 1,
        "maxAgeSeconds": 3600,
        "approvers": [{"name": "ada", "keys": [key(1)]}, {"name": "bob", "keys": [key(2)]}],
    }
    return json.dumps({**plain, **changed}).encode()


def test_a_list_says_who_owns_a_key() -> None:
    found = read_approvers(document(planners=[{"name": "ci", "keys": [f"{key(3)} a comment"]}]))
    assert found.owners == {key(1): "ada", key(2): "bob", key(3): "ci"}
    assert found.approving == {"ada", "bob"}


def test_a_revoked_key_is_not_among_the_allowed() -> None:
    found = read_approvers(document(revoked=[key(2)]))
    assert found.allowed_signers == f"ada {key(1)}\n"


@pytest.mark.parametrize(
    "changed",
    [
        {"threshold": 0},
        {"threshold": 3},
        {"threshold": 2, "revoked": [key(1)]},
        {"threshold": True},
        {"maxAgeSeconds": 1},
        {"maxAgeSeconds": 10**9},
        {"approvers": []},
        {"approvers": [{"name": "*", "keys": [key(1)]}]},
        {"approvers": [{"name": "ada,bob", "keys": [key(1)]}]},
        {"approvers": [{"name": "ada bob", "keys": [key(1)]}]},
        {"approvers": [{"name": "ada", "keys": []}]},
        {"approvers": [{"name": "ada", "keys": [f"cert-authority {key(1)}"]}]},
        {"approvers": [{"name": "ada", "keys": [f"{key(1)}\neve {key(2)}"]}]},
        {"approvers": [{"name": "ada", "keys": [key(1)]}, {"name": "bob", "keys": [key(1)]}]},
        {"approvers": [{"name": "ada", "keys": [key(1)]}, {"name": "ada", "keys": [key(2)]}]},
        {"more": 1},
        {"kind": "another"},
        {"sequence": "1"},
    ],
    ids=str,
)
def test_a_list_that_makes_no_sense_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        read_approvers(document(**changed))


STATEMENT = Statement(
    stack="acme", part="network", evidence=START, approver="ada", issued_at=1, expires_at=2, names=("a.b",)
)


def test_a_statement_is_read_as_it_was_written() -> None:
    assert Statement.read(STATEMENT.content()) == STATEMENT


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"ada"', b"1"),
        (b'["a.b"]', b'"a.b"'),
        (b'["a.b"]', b"[1]"),
        (b":1,", b":true,"),
        (b":1,", b":1.0,"),
        (b'"acme"', b'"acme","more":1'),
        (b"approval v1", b"approval v2"),
        (b"{", b"{ "),
        (b'"ada"', b'"\\u0061da"'),
    ],
)
def test_a_statement_has_one_form(before: bytes, after: bytes) -> None:
    content = STATEMENT.content()
    assert before in content
    with pytest.raises(RefusedError):
        Statement.read(content.replace(before, after, 1))


def log(count: int) -> Ledger:
    ledger = Ledger()
    for number in range(count):
        line = ledger.next_line(
            "planned", at=100 + number, subject=digest(bytes([number])), plan_id=f"{number}"
        )
        ledger = Ledger((*ledger.lines, line))
    return ledger


def written(ledger: Ledger) -> bytes:
    return b"".join(line.content() for line in ledger.lines)


def test_a_log_is_read_as_it_was_written() -> None:
    assert read_ledger(written(log(3))) == log(3)
    assert read_ledger(b"") == Ledger()


def test_a_log_written_anew_does_not_hold_what_it_ended_with() -> None:
    head = log(3).head
    assert log(4).holds(head)
    assert not log(2).holds(head)
    assert not Ledger((replace(log(1).lines[0], who="eve"),)).holds(log(1).head)


def test_the_clock_of_a_log_does_not_go_back() -> None:
    ledger = log(3)
    with pytest.raises(RefusedError, match="behind"):
        ledger.next_line("planned", at=1, subject=START)
    # Two machines never agree to the second.
    assert ledger.next_line("planned", at=101, subject=START).at == ledger.latest


def test_the_last_list_that_was_seen_is_pinned() -> None:
    line = log(1).next_line("approvers", at=200, subject=Digest("sha256:x"), detail="4")
    pin = Ledger((*log(1).lines, line)).pin
    assert pin is not None
    assert (pin.sequence, pin.digest) == (4, "sha256:x")


@pytest.mark.parametrize(
    "text", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-dss AAAA", f"{key(1)}\n{key(2)}", "x " + key(1)]
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        plain_key(text)


def test_a_fingerprint_is_short_and_stable() -> None:
    assert fingerprint(key(1)) == fingerprint(plain_key(f"{key(1)} comment"))
    assert fingerprint(key(1)) != fingerprint(key(2))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN SSH SIGNATURE-----\n",
        "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n",
    ],
)
def test_what_is_no_signature_is_told(text: str) -> None:
    assert read_signature(text) is None
