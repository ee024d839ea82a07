"""Git over SSH: real SSH, real git, one host key for the whole cluster.

The host key is in ``<shared home>/config/ssh-server-keys.pem``, so that a client sees the same one whichever node the
balancer picks. Source: Atlassian DIY backup (the file's name and place); ``plugin.ssh.port`` 7999.

The server runs on a thread and an event loop of its own: a clone that keeps it busy never delays ``/status``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import asyncssh

from understudy.bitbucket.errors import GitBusy
from understudy.bitbucket.git import PIPE_BYTES
from understudy.bitbucket.hosting import Exchange, Hosting, Service
from understudy.bitbucket.pktline import MalformedPacket
from understudy.bitbucket.settings import SshSettings
from understudy.bitbucket.sshkeys import SshKeys
from understudy.kit.accounts import Principal
from understudy.kit.errors import DatabaseUnavailable, HttpProblem, UnderstudyError
from understudy.kit.homes import make_folder, sync_folder

_LOG = logging.getLogger("understudy.ssh")
_GRACE_SECONDS = 10.0
_PRINCIPAL = "principal"
_HOST_KEY_BITS = 3072


def host_key(path: Path) -> asyncssh.SSHKey:
    """The cluster's host key; the first node makes it, and no two nodes make different ones.

    Raises:
        UnderstudyError: the file is there and holds no key.
    """
    make_folder(path.parent)
    if not path.exists():
        partial = path.with_name(f".{path.name}-{os.getpid()}")
        made = asyncssh.generate_private_key("ssh-rsa", key_size=_HOST_KEY_BITS)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(made.export_private_key("pkcs8-pem"))
            file.flush()
            os.fsync(file.fileno())
        # A link fails where another node was faster, so its key stands.
        with suppress(FileExistsError):
            os.link(partial, path)
        partial.unlink()
        sync_folder(path.parent)
    try:
        return asyncssh.read_private_key(path)
    except (OSError, ValueError) as error:
        raise UnderstudyError(f"{path} holds no usable host key") from error


class SshServer:
    """Serves git over SSH.

    Args:
        settings: where to listen.
        key_file: of the host key, in the shared home.
        hosting: runs fetches and pushes.
        keys: finds out who connects.
        closed: says why nobody is served just now, or nothing.
    """

    def __init__(
        self,
        settings: SshSettings,
        key_file: Path,
        *,
        hosting: Hosting,
        keys: SshKeys,
        closed: Callable[[], str | None],
    ) -> None:
        self._settings = settings
        self._key_file = key_file
        self._hosting = hosting
        self._keys = keys
        self._closed = closed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._exchanges: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._trouble: str | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to listen.

        Raises:
            UnderstudyError: the port is taken, or the host key is broken.
        """
        key = host_key(self._key_file)
        self._thread = threading.Thread(target=self._run, args=(key,), name="ssh", daemon=True)
        self._thread.start()
        self._ready.wait(30)
        if self._trouble is not None:
            raise UnderstudyError(self._trouble)

    def stop(self) -> None:
        """Stop listening, let exchanges under way end for a while, and end the rest."""
        if self._thread is None or not self._thread.is_alive():
            return
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_GRACE_SECONDS + 10)

    def _run(self, key: asyncssh.SSHKey) -> None:
        try:
            asyncio.run(self._serve(key))
        except OSError as error:
            self._trouble = f"cannot listen on {self._settings.listen}: {error.strerror}"
        finally:
            self._ready.set()

    async def _serve(self, key: asyncssh.SSHKey) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncssh.listen(
            self._settings.listen.address,
            self._settings.listen.port,
            server_factory=lambda: _Doorkeeper(self._keys),
            server_host_keys=[key],
            process_factory=self._accept,
            encoding=None,
            allow_pty=False,
            agent_forwarding=False,
            keepalive_interval=30,
            login_timeout=30,
            reuse_address=True,
        )
        self._ready.set()
        await self._stop.wait()
        server.close()
        if self._exchanges:
            await asyncio.wait(self._exchanges, timeout=_GRACE_SECONDS)
        for task in self._exchanges:
            task.cancel()
        await asyncio.gather(*self._exchanges, return_exceptions=True)
        await server.wait_closed()

    def _accept(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        task = asyncio.create_task(self._handle(process))
        self._exchanges.add(task)
        task.add_done_callback(self._exchanges.discard)

    async def _handle(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        status = 1
        try:
            status = await self._exchange(process)
        except HttpProblem as problem:
            _complain(process, problem.message)
        except (GitBusy, MalformedPacket) as error:
            _complain(process, str(error))
        except DatabaseUnavailable:
            _complain(process, "The database is not available.")
        except (asyncssh.Error, ConnectionError, BrokenPipeError) as error:
            _LOG.info("a client has gone: %s", error)
        except UnderstudyError as error:
            _LOG.warning("an exchange failed: %s", error)
            _complain(process, "The exchange failed.")
        finally:
            with suppress(asyncssh.Error, OSError):
                process.exit(status if status >= 0 else 128 - status)

    async def _exchange(self, process: asyncssh.SSHServerProcess[bytes]) -> int:
        if (reason := self._closed()) is not None:
            raise HttpProblem(reason, status=503)
        principal = process.get_extra_info(_PRINCIPAL)
        if not isinstance(principal, Principal):
            raise HttpProblem("Nobody is logged in.", status=401)
        service, key, slug = parse_command(process.command or "")
        repository = await asyncio.to_thread(self._hosting.open, principal, service, key=key, slug=slug)
        protocol = str(process.env.get("GIT_PROTOCOL", ""))
        exchange = Exchange(repository, service, stateless=False, protocol=protocol)

        async def answer(data: bytes) -> None:
            process.stdout.write(data)
            await process.stdout.drain()

        async def complain(data: bytes) -> None:
            process.stderr.write(data)
            await process.stderr.drain()

        source = _chunks(process.stdin)
        return await self._hosting.run(exchange, source, sink=answer, trouble=complain, user=principal.name)


class _Doorkeeper(asyncssh.SSHServer):
    """Lets in who shows a registered key; the user name given is not looked at, as clone links say ``git``."""

    def __init__(self, keys: SshKeys) -> None:
        self._keys = keys
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Remember the connection."""
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        """Nobody is let in unseen."""
        return True

    def public_key_auth_supported(self) -> bool:
        """Keys are the only way in."""
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether the key is registered."""
        try:
            principal = await asyncio.to_thread(self._keys.owner_of, key.get_fingerprint())
        except DatabaseUnavailable as error:
            _LOG.warning("a login cannot be checked: %s", error)
            return False
        if principal is None or self._connection is None:
            return False
        self._connection.set_extra_info(**{_PRINCIPAL: principal})
        return True


def parse_command(command: str) -> tuple[Service, str, str]:
    """What a client asks for, such as ``git-upload-pack '/project/repository.git'``.

    Raises:
        HttpProblem: anything else.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if len(words) == 3 and words[0] == "git":
        words = [f"git-{words[1]}", words[2]]
    if len(words) != 2 or words[0] not in set(Service):
        raise HttpProblem("Only git-upload-pack and git-receive-pack can be run here.", status=400)
    parts = words[1].strip("/").removesuffix(".git").split("/")
    if len(parts) != 2 or not all(parts):
        raise HttpProblem("The path must be /<project>/<repository>.git.", status=404)
    return Service(words[0]), parts[0], parts[1]


async def _chunks(origin: asyncssh.SSHReader[bytes]) -> AsyncIterator[bytes]:
    while data := await origin.read(PIPE_BYTES):
        yield data


def _complain(process: asyncssh.SSHServerProcess[bytes], message: str) -> None:
    with suppress(asyncssh.Error, OSError):
        process.stderr.write(f"{message}\n".encode())
