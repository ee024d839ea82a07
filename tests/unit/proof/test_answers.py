"""What an answer says, by literal answers."""

from __future__ import annotations

import base64
import errno

import pytest

from telamon.products.traffic import Kind, Login
from telamon.proof.answers import cause_of, judge, leads_to_login, member_of, pointed
from telamon.proof.record import Cause
from telamon.proof.wire import Answer, Broken

# As Envoy 1.40 sent it: base64 of the message {1: "127.218.3.1:8080"}.
SEEN = '"ChAxMjcuMjE4LjMuMTo4MDgw"'


def answer(status: int, body: str = "", **headers: str) -> Answer:
    return Answer(status, tuple(headers.items()), body.encode(), 0.0)


@pytest.mark.parametrize(
    ("cookie", "member"),
    [
        (SEEN, "127.218.3.1:8080"),
        (SEEN.strip('"'), "127.218.3.1:8080"),
        ("", ""),
        ("not base64!", ""),
        (base64.b64encode(b"127.0.0.1:80").decode(), ""),
        (base64.b64encode(b"\x0a\x05hello").decode(), ""),
        (base64.b64encode(b"\x0a").decode(), ""),
        (base64.b64encode(b"\x0a\x02\xff\xff").decode(), ""),
    ],
)
def test_the_balancers_cookie(cookie: str, member: str) -> None:
    assert member_of(cookie) == member


@pytest.mark.parametrize(
    ("text", "pointer", "found"),
    [
        ('{"id": 7}', "/id", "7"),
        ('{"a": [{"b/c": "x"}]}', "/a/0/b~1c", "x"),
        ('{"a": 1}', "/b", ""),
        ('{"a": [1]}', "/a/4", ""),
        ('{"a": 1}', "/a/b", ""),
        ("no json", "/a", ""),
    ],
)
def test_a_pointer(text: str, pointer: str, found: str) -> None:
    assert pointed(text, pointer) == found


@pytest.mark.parametrize(
    ("given", "leads"),
    [
        (answer(401), True),
        (answer(302, location="/login?next=%2F"), True),
        (answer(302, location="http://app.localhost/login"), True),
        (answer(302, location="/elsewhere"), False),
        (answer(302), False),
        (answer(200), False),
        (answer(403), False),
    ],
)
def test_the_way_to_the_login(given: Answer, leads: bool) -> None:
    assert leads_to_login(given, Login(page="/login", fields={"user": "x"})) == leads


def test_judgement() -> None:
    read = Kind(name="read", path="/")
    write = Kind(name="write", path="/", method="POST", body="$token", write=True)
    assert judge(read, answer(200, "here it is"), contains="it") is Cause.OK
    assert judge(read, answer(200, "nothing"), contains="it") is Cause.CONTRADICTION
    assert judge(read, answer(404), contains="") is Cause.CONTRADICTION
    assert judge(write, answer(404), contains="") is Cause.UNEXPECTED
    assert judge(read, answer(503), contains="") is Cause.SERVER_ERROR
    assert judge(read, answer(403), contains="") is Cause.UNEXPECTED


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (TimeoutError(), Cause.TIMEOUT),
        (ConnectionRefusedError(), Cause.REFUSED),
        (ConnectionResetError(), Cause.RESET),
        (BrokenPipeError(), Cause.RESET),
        (Broken("closed"), Cause.RESET),
        (OSError(errno.EMFILE, "too many open files"), Cause.LOCAL),
        (OSError(errno.EHOSTUNREACH, "no route"), Cause.RESET),
    ],
)
def test_the_lack_of_an_answer(error: OSError, cause: Cause) -> None:
    assert cause_of(error) is cause
