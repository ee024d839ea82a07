import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from telamon.errors import Interrupted, NotReadyError, ProductError
from telamon.platforms.probing import LARGEST_STATUS, StatusProbe
from telamon.platforms.rest import LARGEST_BODY, Password, Token, perform
from telamon.products.base import (
    Endpoint,
    Flow,
    FormValue,
    FrontAddress,
    Identity,
    Note,
    PasswordOf,
    Request,
    Response,
    UsernameOf,
    ask,
)
from telamon.products.registry import registry
from telamon.state.phase import Phase

FRONT = FrontAddress("https", "wiki.acme.example", 8443, "/wiki")
CREDENTIALS = {
    Identity.ADMINISTRATOR: Password("ada", "pass & word"),
    Identity.SERVICE_ACCOUNT: Token("raw"),
}
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Heard:
    """One request as the server heard it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def nothing_there(_: Heard) -> Answer:
    """The answer to a path that nobody spoke of."""
    return 404, {}, b""


@dataclass
class Server:
    """A server that answers by path, and remembers what it heard."""

    endpoint: Endpoint
    answers: dict[str, Callable[[Heard], Answer]] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0

    def on(self, path: str, status: int = 200, body: str | bytes = b"", **headers: str) -> None:
        """Answer a path in one way; underscores in header names stand for dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body.encode() if isinstance(body, str) else body
        self.answers[path] = lambda _: (status, named, content)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on a loopback port of its own."""
    made: list[Server] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            """Count the connection."""
            super().setup()
            made[0].connections += 1

        def handle(self) -> None:
            """Answer until the caller hangs up, in whichever way."""
            with suppress(BrokenPipeError, ConnectionResetError):
                super().handle()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            heard = Heard(self.command, self.path, headers, body)
            made[0].heard.append(heard)
            answer = made[0].answers.get(self.path.partition("?")[0], nothing_there)
            status, named, content = answer(heard)
            self.send_response(status)
            for name, value in named.items():
                for one in value.split("\n"):
                    self.send_header(name, one)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            """Answer."""
            self._answer()

        def do_POST(self) -> None:
            """Answer."""
            self._answer()

        def do_PUT(self) -> None:
            """Answer."""
            self._answer()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        made.append(Server(Endpoint("127.0.0.1", listening.server_address[1])))
        yield made[0]
        listening.shutdown()
        thread.join()


def one(request: Request) -> Flow[Response]:
    """A flow of one request."""
    return (yield from ask(request))


def run(flow: Flow[Response], server: Server, **changes: object) -> Response:
    """Perform a flow against the server."""
    given: dict[str, object] = {
        "endpoint": server.endpoint,
        "front": FRONT,
        "credentials": CREDENTIALS,
        "on_note": lambda _: None,
        "cancelled": lambda: False,
    }
    return perform(flow, **{**given, **changes})  # type: ignore[arg-type]


def test_a_request_says_that_it_came_through_the_front_door(server: Server) -> None:
    server.on("/wiki/page", body="<h1>\u00e9")
    response = run(one(Request("GET", "/page", query={"a": "b c"})), server)
    assert (response.status, response.text, response.url) == (200, "<h1>\u00e9", "/page?a=b+c")
    headers = server.heard[0].headers
    assert server.heard[0].path == "/wiki/page?a=b+c"
    assert headers["host"] == "wiki.acme.example:8443"
    assert headers["x-forwarded-host"] == "wiki.acme.example:8443"
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("https", "8443")
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("identity", "login"),
    [(Identity.ADMINISTRATOR, "Basic YWRhOnBhc3MgJiB3b3Jk"), (Identity.SERVICE_ACCOUNT, "Bearer raw")],
)
def test_an_identity_becomes_a_header(server: Server, identity: Identity, login: str) -> None:
    run(one(Request("GET", "/page", identity=identity)), server)
    assert server.heard[0].headers["authorization"] == login


def test_a_form_and_its_secrets_are_filled_in(server: Server) -> None:
    form: dict[str, FormValue] = {
        "user": UsernameOf(Identity.ADMINISTRATOR),
        "again": PasswordOf(Identity.ADMINISTRATOR),
        "site": "Empty Site",
    }
    run(one(Request("POST", "/form", form=form)), server)
    heard = server.heard[0]
    assert heard.body == b"user=ada&again=pass+%26+word&site=Empty+Site"
    assert heard.headers["content-type"] == "application/x-www-form-urlencoded"


def test_a_json_body(server: Server) -> None:
    run(one(Request("PUT", "/json", json={"a": [1, None]})), server)
    assert json.loads(server.heard[0].body) == {"a": [1, None]}
    assert server.heard[0].headers["content-type"] == "application/json"


def test_an_identity_without_a_credential_is_not_ready(server: Server) -> None:
    with pytest.raises(NotReadyError, match="service-account"):
        run(one(Request("GET", "/", identity=Identity.SERVICE_ACCOUNT)), server, credentials={})


def test_a_token_is_no_password(server: Server) -> None:
    form = {"password": PasswordOf(Identity.SERVICE_ACCOUNT)}
    with pytest.raises(ProductError, match="a token is given"):
        run(one(Request("POST", "/form", form=form)), server)
    assert server.heard == []


def test_redirects_are_followed_as_get_with_the_cookies(server: Server) -> None:
    server.on("/wiki/form", 302, location="/wiki/next?x=1", set_cookie="SID=1; Path=/wiki; Secure\nOLD=2")
    server.on(
        "/wiki/next", 307, location="https://wiki.acme.example:8443/wiki/last", set_cookie="OLD=; Max-Age=0"
    )
    server.on("/wiki/last", body="here")
    response = run(one(Request("POST", "/form", form={"a": "b"}, redirect=True)), server)
    assert (response.status, response.url, response.cookies) == (200, "/last", {"SID": "1"})
    assert [(heard.method, heard.path, heard.body) for heard in server.heard[1:]] == [
        ("GET", "/wiki/next?x=1", b""),
        ("GET", "/wiki/last", b""),
    ]
    assert [heard.headers.get("cookie") for heard in server.heard] == [None, "SID=1; OLD=2", "SID=1"]


def test_a_redirect_is_not_followed_unasked(server: Server) -> None:
    server.on("/wiki/form", 302, location="/wiki/next")
    assert run(one(Request("POST", "/form")), server).status == 302


@pytest.mark.parametrize(
    "location", ["http://evil.example/wiki/x", "/elsewhere", "//evil.example/wiki", "http://["]
)
def test_a_redirect_away_from_the_node_ends_there(server: Server, location: str) -> None:
    server.on("/wiki/page", 302, location=location)
    response = run(one(Request("GET", "/page", redirect=True)), server)
    assert (response.status, len(server.heard)) == (302, 1)


def test_redirects_without_end_end(server: Server) -> None:
    server.on("/wiki/page", 302, location="page")
    assert run(one(Request("GET", "/page", redirect=True)), server).status == 302
    assert len(server.heard) == 11


def test_a_long_body_is_cut(server: Server) -> None:
    server.on("/wiki/page", body=b"x" * (LARGEST_BODY + 5000))
    assert len(run(one(Request("GET", "/page")), server).text) == LARGEST_BODY


def test_a_body_in_another_encoding_is_read(server: Server) -> None:
    server.on("/wiki/page", body=b"caf\xe9", content_type="text/html; charset=latin-1")
    server.on("/wiki/odd", body=b"caf\xe9", content_type="text/html; charset=no-such")
    assert run(one(Request("GET", "/page")), server).text == "caf\u00e9"
    assert run(one(Request("GET", "/odd")), server).text == "caf\ufffd"


def test_no_listener_means_not_sent(server: Server) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = Endpoint("127.0.0.1", closed.getsockname()[1])
    response = run(one(Request("POST", "/form")), server, endpoint=nobody)
    assert (response.status, response.sent, response.error) == (0, False, "the connection was refused")


def test_silence_means_perhaps_sent(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        endpoint = Endpoint("127.0.0.1", mute.getsockname()[1])
        response = run(one(Request("POST", "/form", timeout=0.1)), server, endpoint=endpoint)
    assert (response.status, response.sent, response.error) == (0, True, "no answer within 0.1 s")


def test_a_broken_connection_means_perhaps_sent(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as rude:
        endpoint = Endpoint("127.0.0.1", rude.getsockname()[1])

        def hang_up() -> None:
            rude.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        response = run(one(Request("POST", "/form", timeout=2.0)), server, endpoint=endpoint)
        thread.join()
    assert (response.status, response.sent, response.error) == (0, True, "the connection broke off")


def test_a_note_is_kept_before_the_next_request(server: Server) -> None:
    def noting() -> Flow[Response]:
        yield Note("posted:a")
        return (yield from ask(Request("POST", "/form")))

    heard: list[int] = []
    run(noting(), server, on_note=lambda _: heard.append(len(server.heard)))
    assert heard == [0]
    assert len(server.heard) == 1


def test_a_flow_can_be_given_up(server: Server) -> None:
    with pytest.raises(Interrupted, match="given up before GET /page"):
        run(one(Request("GET", "/page")), server, cancelled=lambda: True)
    assert server.heard == []


def test_nothing_secret_is_logged(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    query = {"password": "hidden-in-query"}
    form: dict[str, FormValue] = {"password": PasswordOf(Identity.ADMINISTRATOR), "license": "hidden-in-form"}
    run(one(Request("POST", "/form", identity=Identity.ADMINISTRATOR, query=query, form=form)), server)
    assert "hidden" not in caplog.text
    assert "YWRh" not in caplog.text
    assert "hidden" not in repr(Request("POST", "/form", query=query, form=form))
    assert "pass & word" not in repr(CREDENTIALS)


def test_a_status_is_probed_over_one_connection(server: Server) -> None:
    server.on("/wiki/status", body='{"state":"RUNNING"}')
    with StatusProbe(registry()["confluence"], endpoint=server.endpoint, front=FRONT) as probe:
        assert [probe.phase() for _ in range(3)] == [Phase.RUNNING] * 3
        server.on("/wiki/status", body='{"state":"STOPPING"}')
        assert probe.phase() is Phase.STOPPING
        server.on("/wiki/status", 302, location="/wiki/setup")
        assert probe.phase() is Phase.UNREACHABLE
    assert (len(server.heard), server.connections) == (5, 1)


def test_a_closed_connection_says_nothing_of_the_node(server: Server) -> None:
    server.on("/wiki/status", body='{"state":"RUNNING"}')
    with StatusProbe(registry()["confluence"], endpoint=server.endpoint, front=FRONT) as probe:
        assert probe.phase() is Phase.RUNNING
        server.on("/wiki/status", body='{"state":"RUNNING"}', connection="close")
        assert [probe.phase() for _ in range(3)] == [Phase.RUNNING] * 3


def test_a_silent_node_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        endpoint = Endpoint("127.0.0.1", mute.getsockname()[1])
        with StatusProbe(registry()["jira"], endpoint=endpoint, front=FRONT, timeout=0.05) as probe:
            assert probe.phase() is Phase.UNREACHABLE


def test_a_status_that_never_ends_is_cut_and_not_taken_for_the_next_answer(server: Server) -> None:
    server.on("/wiki/status", body='{"state":"RUNNING"}' + " " * (LARGEST_STATUS * 2))
    with StatusProbe(registry()["confluence"], endpoint=server.endpoint, front=FRONT) as probe:
        assert [probe.phase() for _ in range(2)] == [Phase.RUNNING] * 2
