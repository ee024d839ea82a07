"""The front door on real nodes as users of a repository host meet it: TLS, git over SSH, and the maintenance page.

The two gateways have a proxy each on every node, and a balancer's address each: one for browsers and git over HTTPS,
one for git over SSH.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_connection
from typing import Any, Final

import httpx
import pytest

from telamon.platforms.kubernetes.api import Kind
from testbed.certificates import Authority, Pair
from testbed.cluster import Wanted
from testbed.gateway import NAMESPACE
from tests.cluster.given import ours
from tests.cluster.kept import NAME, TAG, UP, Kept
from tests.cluster.support import until
from tests.cluster.test_nodes import Bed, bed_of, database_beside
from tests.cluster.whole import SEARCH, of_search
from tests.understudy.gitserver import Worktree, new_key, ssh_command

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(1200), ours]

RELEASE: Final = "9.4.16"
HOST: Final = "bitbucket.acme.example"
SSH: Final = 7999
CERTIFICATE: Final = "front"
OWNER: Final = "gateway.envoyproxy.io/owning-gateway-name"
TEXT: Final = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  environment: staging
  domain: acme.example
  products:
    bitbucket:
      version: RELEASE
      nodes: 2
      resources: {cpu: 100m, memory: 768Mi}
      companions: {opensearch: {nodes: 1, resources: {cpu: 100m, memory: 512Mi, heap: 256Mi}}}
      env: {UNDERSTUDY_START_SECONDS: "1", UNDERSTUDY_LINK_SECONDS: "0.5", UNDERSTUDY_STOP_SECONDS: "0.5"}
  platform: {kind: kubernetes}
  database: {kind: external, host: HOST, port: PORT, tls: disable, admin: {secret: admin}}
  edge: {driver: gateway, tls: {kind: secret, secret: CERTIFICATE}}
  storage:
    local: {storageClass: shared}
    shared: {kind: csi, storageClass: shared}
"""


@dataclass
class Front(Kept):
    """A repository host behind TLS.

    Attributes:
        authority: that has signed the certificate of its front door.
    """

    authority: Authority = field(kw_only=True)

    def pair(self, name: str) -> Pair:
        """Another certificate for the front door."""
        return self.authority.server(name, addresses=(), names=(HOST,))

    def address(self, gateway: str) -> str:
        """What the balancer has given to a gateway, once it has."""
        found: list[str] = []

        def is_given() -> bool:
            labels = {OWNER: gateway}
            for service in self.bed.api.list(Kind("v1", "Service"), namespace=NAMESPACE, labels=labels):
                given = service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
                found.extend(str(each["ip"]) for each in given)
            return bool(found)

        until(is_given, within=UP)
        return found[0]

    def trust(self) -> ssl.SSLContext:
        """TLS as somebody speaks it who trusts the authority and nobody else."""
        return ssl.create_default_context(cafile=str(self.authority.certificate))

    def ask(self, path: str, *, method: str = "GET", **more: Any) -> httpx.Response:
        """Ask by TLS, as the administrator, with a connection of its own."""
        with httpx.Client(verify=self.trust(), trust_env=False, timeout=10) as client:
            return client.request(
                method,
                f"https://{self.address('web')}{path}",
                headers={"Host": HOST},
                auth=("root", self.password),
                extensions={"sni_hostname": HOST},
                **more,
            )

    def status(self) -> int:
        """With which code users are answered; 0 where they are not."""
        try:
            return self.ask("/status").status_code
        except httpx.TransportError:
            return 0

    def lets_in(self) -> bool:
        """Whether users are answered by the product."""
        return self.status() == httpx.codes.OK

    def speaks_ssh(self) -> bool:
        """Whether somebody answers at the port of git over SSH as a server of SSH does."""
        try:
            with create_connection((self.address("tcp"), SSH), timeout=5) as connection:
                return connection.recv(8).startswith(b"SSH-2.0")
        except OSError:
            return False

    def certificate(self) -> int:
        """Serial number of the certificate that the front door shows; 0 where it shows none."""
        try:
            with (
                create_connection((self.address("web"), 443), timeout=5) as connection,
                self.trust().wrap_socket(connection, server_hostname=HOST) as secured,
            ):
                found = secured.getpeercert() or {}
        except OSError:
            return 0
        return int(str(found["serialNumber"]), 16)

    def _given(self) -> dict[tuple[str, str], str]:
        given = super()._given()
        admin = f"{NAME}-bitbucket-admin"
        given |= {(admin, "username"): "root", (admin, "password"): self.password}
        given |= of_search(f"Aa1.{self.password}")
        pair = self.pair(CERTIFICATE)
        given[CERTIFICATE, "tls.crt"] = pair.certificate.read_text(encoding="ascii")
        given[CERTIFICATE, "tls.key"] = pair.key.read_text(encoding="ascii")
        return given

    def _text(self) -> str:
        words = {
            "RELEASE": self.release,
            "HOST": self.server.address,
            "PORT": str(self.server.port),
            "CERTIFICATE": CERTIFICATE,
        }
        text = TEXT
        for word, value in words.items():
            text = text.replace(word, value)
        return text


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    """Two nodes with a gateway."""
    images = {"bitbucket": [RELEASE], "opensearch": [SEARCH], "postgres": ["17"], "telamon": [TAG]}
    yield from bed_of(Wanted(images=images, gateway=True, tied=True))


@pytest.fixture(scope="module")
def front(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The stack, ready, and its users let in."""
    folder: Path = tmp_path_factory.mktemp("front")
    for server in database_beside():
        kept = Front(bed, server, folder, "shared", RELEASE, authority=Authority(folder))
        told = kept.install()
        assert told.code == 0, told.err + told.out
        lacking = kept.up()
        assert lacking.code == 9, lacking.err + lacking.out
        kept.bring()
        ready = kept.up("--timeout", "8m")
        assert ready.code == 0, f"{ready.err}{ready.out}{kept.stack().get('status')}"
        until(kept.lets_in, within=UP)
        yield kept


@pytest.fixture(scope="module")
def git(front: Front, tmp_path_factory: pytest.TempPathFactory) -> Worktree:
    """A repository of the host, and a tree that pushes there by SSH."""
    folder = tmp_path_factory.mktemp("git")
    made = front.ask("/rest/api/latest/projects", method="POST", json={"key": "PROJ", "name": "Project"})
    assert made.status_code == 201, made.text
    repository = {"name": "repo", "scmId": "git"}
    made = front.ask("/rest/api/latest/projects/PROJ/repos", method="POST", json=repository)
    assert made.status_code == 201, made.text
    key = new_key(folder)
    public = {"text": key.with_suffix(".pub").read_text(encoding="ascii")}
    assert front.ask("/rest/ssh/latest/keys", method="POST", json=public).status_code == 201
    # Who connects in the very moment in which the page comes up may be taken by a proxy that says nothing more.
    command = f"{ssh_command(key, folder / 'known-hosts')} -o ConnectTimeout=10"
    return Worktree.make(folder / "tree", GIT_SSH_COMMAND=command)


def by_ssh(front: Front) -> str:
    """Where the repository is for git over SSH."""
    return f"ssh://git@{front.address('tcp')}:{SSH}/proj/repo.git"


def test_users_speak_tls_and_are_sent_there(front: Front) -> None:
    plain = httpx.get(
        f"http://{front.address('web')}/projects?page=2", headers={"Host": HOST}, trust_env=False
    )
    assert plain.status_code == 301
    assert plain.headers["location"] == f"https://{HOST}/projects?page=2"
    assert front.ask("/rest/api/latest/application-properties").json()["version"] == RELEASE


def test_a_certificate_is_renewed_without_anybody_noticing(front: Front) -> None:
    before = front.certificate()
    pair = front.pair("renewed")
    secrets = front.bed.api.list(Kind("v1", "Secret"), namespace=f"{NAME}-edge", labels={})
    held = next(each for each in secrets if each["metadata"]["name"] == CERTIFICATE)
    metadata = {key: held["metadata"][key] for key in ("name", "namespace")}
    renewed = {
        "tls.crt": pair.certificate.read_text(encoding="ascii"),
        "tls.key": pair.key.read_text(encoding="ascii"),
    }
    pods = {item["metadata"]["uid"] for item in proxies(front)}
    front.bed.api.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "type": held["type"],
            "stringData": renewed,
        },
        over=None,
    )
    until(lambda: front.certificate() not in {0, before}, within=UP)
    assert {item["metadata"]["uid"] for item in proxies(front)} == pods
    assert front.lets_in()


def proxies(front: Front) -> list[Any]:
    """The proxies of the browsers' gateway."""
    return list(front.bed.api.list(Kind("v1", "Pod"), namespace=NAMESPACE, labels={OWNER: "web"}))


def test_git_is_pushed_by_ssh_and_read_by_https(front: Front, git: Worktree, tmp_path: Path) -> None:
    until(front.speaks_ssh, within=UP)
    commit = git.commit({"a": "1\n", "b": "x" * 200_000})
    git.git("push", "-q", by_ssh(front), "main")
    git.git(
        "-c",
        f"http.curloptResolve={HOST}:443:{front.address('web')}",
        "-c",
        f"http.sslCAInfo={front.authority.certificate}",
        "clone",
        "-q",
        f"https://root:{front.password}@{HOST}/scm/proj/repo.git",
        str(tmp_path / "clone"),
    )
    assert (tmp_path / "clone" / "b").stat().st_size == 200_000
    found = front.ask("/rest/api/latest/projects/PROJ/repos/repo/commits").json()["values"]
    assert [each["id"] for each in found] == [commit]


def test_users_see_the_page_and_git_is_turned_away_until_they_are_let_in(front: Front, git: Worktree) -> None:
    until(front.speaks_ssh, within=UP)
    told = front.telamon("maintenance", "on", "bitbucket", "--stack", NAME, "--yes")
    assert told.code == 0, told.err + told.out
    # It is done when the gateway says so; the proxies on the nodes take it up one after the other.
    until(lambda: all(front.status() == 503 for _ in range(10)), within=UP)
    shown = front.ask("/projects")
    assert shown.headers["content-type"].startswith("text/html")
    assert int(shown.headers["retry-after"]) > 0
    assert "maintenance" in shown.text.lower()
    until(lambda: not front.speaks_ssh(), within=UP)
    git.commit({"a": "2\n"})
    assert git.git("push", "-q", by_ssh(front), "main", check=False).returncode != 0
    told = front.telamon("maintenance", "off", "bitbucket", "--stack", NAME, "--yes")
    assert told.code == 0, told.err + told.out
    until(front.lets_in, within=UP)
    until(front.speaks_ssh, within=UP)
    git.git("push", "-q", by_ssh(front), "main")
