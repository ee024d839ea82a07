"""Starts nodes of the git server and the search companion, and runs real git against them."""

from __future__ import annotations

import os
import secrets
import ssl
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from testbed.certificates import Authority
from tests.understudy.support import NodeProcess, eventually, free_port, free_ports, own_address

ADMIN = ("admin", "admin-pass")
VERSION = "9.4.16"


@dataclass
class Stack:
    """Nodes that share one home and one database."""

    folder: Path
    database: Mapping[str, str]
    variables: dict[str, str] = field(default_factory=dict)
    nodes: list[NodeProcess] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    hazelcast: int = 5701
    http: int = 7990
    ssh: int = 7999

    def plan(self, count: int) -> None:
        """Choose addresses for so many nodes, so that each can be told all of them."""
        self.addresses = [own_address() for _ in range(count)]
        self.hazelcast, self.http, self.ssh = free_ports(self.addresses[0], 3)

    def add(self, number: int = 0, **more: str) -> NodeProcess:
        """Describe a node; it is not started."""
        if not self.addresses:
            self.plan(number + 1)
        address = self.addresses[number]
        members = ",".join(f"{one}:{self.hazelcast}" for one in self.addresses)
        home = self.folder / f"home{number}"
        environment = {
            "BITBUCKET_HOME": str(home),
            "BITBUCKET_SHARED_HOME": str(self.folder / "shared"),
            "UNDERSTUDY_BIND": address,
            "UNDERSTUDY_VERSION": VERSION,
            "UNDERSTUDY_START_SECONDS": "0.2",
            "UNDERSTUDY_STOP_SECONDS": "0.1",
            "UNDERSTUDY_LINK_SECONDS": "0.2",
            "SERVER_PORT": str(self.http),
            "PLUGIN_SSH_PORT": str(self.ssh),
            "JDBC_URL": self.database["url"],
            "JDBC_USER": self.database["user"],
            "JDBC_PASSWORD": self.database["password"],
            "JDBC_DRIVER": "org.postgresql.Driver",
            "HAZELCAST_PORT": str(self.hazelcast),
            "HAZELCAST_GROUP_NAME": "cluster",
            "HAZELCAST_GROUP_PASSWORD": "group-secret",
            "HAZELCAST_NETWORK_TCPIP": "true",
            "HAZELCAST_NETWORK_TCPIP_MEMBERS": members,
            "JVM_SUPPORT_RECOMMENDED_ARGS": f"-Dcluster.node.name=node{number}",
            "SETUP_DISPLAYNAME": "Git",
            "SETUP_BASEURL": f"http://{address}:{self.http}",
            "SETUP_LICENSE": "AAAB+licence",
            "SETUP_SYSADMIN_USERNAME": ADMIN[0],
            "SETUP_SYSADMIN_PASSWORD": ADMIN[1],
            "SETUP_SYSADMIN_DISPLAYNAME": "The Administrator",
            "SETUP_SYSADMIN_EMAILADDRESS": "admin@example.com",
            **self.variables,
            **more,
        }
        environment = {name: value for name, value in environment.items() if value}
        node = NodeProcess(
            "understudy.bitbucket", address, self.http, environment, self.folder / f"node{number}.log"
        )
        self.nodes.append(node)
        return node

    def running(self, number: int = 0, **more: str) -> NodeProcess:
        """A node that is started and RUNNING."""
        node = self.add(number, **more)
        node.start()
        node.wait_for("RUNNING")
        return node

    def repository(self, identity: int) -> Path:
        """The files of a repository."""
        return self.folder / "shared" / "data" / "repositories" / str(identity)

    def clean_up(self) -> None:
        """End every node."""
        for node in self.nodes:
            node.clean_up()


@dataclass
class SearchServer:
    """The search companion as a process."""

    folder: Path
    address: str
    port: int
    password: str = field(default_factory=lambda: secrets.token_hex(8))
    process: subprocess.Popen[bytes] | None = None
    authority: Path | None = None
    """Who has signed its certificate, where it speaks TLS."""
    transport_port: int = 0

    @classmethod
    def make(cls, folder: Path) -> SearchServer:
        """Choose an address; nothing is started."""
        address = own_address()
        return cls(folder, address, free_port(address))

    @classmethod
    def make_encrypted(cls, folder: Path) -> SearchServer:
        """The same, of one that speaks TLS."""
        made = cls.make(folder)
        (folder / "tls").mkdir()
        authority = Authority(folder / "tls")
        authority.server("node", addresses=(made.address,), names=())
        made.authority = authority.certificate
        made.transport_port = free_port(made.address)
        return made

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"{'https' if self.authority else 'http'}://{self.address}:{self.port}"

    @property
    def variables(self) -> dict[str, str]:
        """What a node of the git server is told about it."""
        return {
            "PLUGIN_SEARCH_CONFIG_BASEURL": self.url,
            "PLUGIN_SEARCH_CONFIG_USERNAME": "admin",
            "PLUGIN_SEARCH_CONFIG_PASSWORD": self.password,
        }

    def start(self) -> None:
        """Start it and wait until it answers."""
        environment = {
            "PATH": os.environ["PATH"],
            "path.data": str(self.folder / "search"),
            "http.port": str(self.port),
            "UNDERSTUDY_BIND": self.address,
            "UNDERSTUDY_VERSION": "2.19.0",
            "OPENSEARCH_INITIAL_ADMIN_PASSWORD": self.password,
        }
        if self.authority is not None:
            environment |= {
                "UNDERSTUDY_CONFIG": str(self.folder),
                "transport.port": str(self.transport_port),
                "plugins.security.ssl.http.enabled": "true",
                "plugins.security.ssl.http.pemcert_filepath": "tls/node.crt",
                "plugins.security.ssl.http.pemkey_filepath": "tls/node.key",
            }
        with (self.folder / "search.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "understudy.search"],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=Path(__file__).parents[2],
            )
        eventually(self._answers, what="the search server answers")

    def client(self) -> httpx.Client:
        """A client that is logged in."""
        trusted = ssl.create_default_context(cafile=self.authority)
        login = ("admin", self.password)
        return httpx.Client(base_url=self.url, auth=login, timeout=30, trust_env=False, verify=trusted)

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """Stop it in order; gives its exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        return self.process.wait(20)

    def _answers(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError((self.folder / "search.log").read_text())
        try:
            with self.client() as client:
                return client.get("/").status_code == 200
        except httpx.TransportError:
            return False


@dataclass
class Worktree:
    """A clone somebody works in, with real git."""

    folder: Path
    environment: dict[str, str]

    @classmethod
    def make(cls, folder: Path, **more: str) -> Worktree:
        """An empty repository with an identity."""
        folder.mkdir(parents=True)
        environment = git_environment(folder.parent) | more
        tree = cls(folder, environment)
        tree.git("init", "-q")
        tree.git("symbolic-ref", "HEAD", "refs/heads/main")
        return tree

    def git(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run git here."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            check=False,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"git {' '.join(arguments)}: {done.stderr}")
        return done

    def commit(self, files: Mapping[str, str], message: str = "a change") -> str:
        """Write files and commit them; gives the commit."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self.git("add", "--all")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD").stdout.strip()


def git_environment(home: Path) -> dict[str, str]:
    """An environment in which git knows who we are and asks nothing."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Robin",
        "GIT_AUTHOR_EMAIL": "robin@example.com",
        "GIT_COMMITTER_NAME": "Robin",
        "GIT_COMMITTER_EMAIL": "robin@example.com",
    }


def new_key(folder: Path) -> Path:
    """A fresh SSH key pair; gives the private file, the public one lies beside it."""
    key = folder / f"key-{secrets.token_hex(4)}"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "somebody@example.com", "-f", str(key)]
    subprocess.run(command, check=True)
    return key


def ssh_command(key: Path, known_hosts: Path) -> str:
    """How git is to call ssh: with this key, remembering host keys in a file of its own."""
    return f"ssh -i {key} -o IdentitiesOnly=yes -o UserKnownHostsFile={known_hosts} -o StrictHostKeyChecking=accept-new"


def fsck(repository: Path) -> str:
    """What git finds wrong with a repository; empty for nothing."""
    done = subprocess.run(
        [
            "git",
            "-c",
            "safe.directory=*",
            f"--git-dir={repository}",
            "fsck",
            "--full",
            "--strict",
            "--no-dangling",
        ],
        check=False,
        capture_output=True,
        text=True,
        env=git_environment(repository.parent),
        timeout=60,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
