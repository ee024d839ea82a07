"""Makes the parts of a cluster: ``python -m testbed.build [NAME…]``.

Nearly all are built out of Go modules; what a node needs beside them comes out of packages
(:mod:`testbed.packages`).

Upstream's ``go.mod`` replaces modules by folders of its own repository, which no published module has, so ``go
install`` refuses it; and it is a main module's replacements alone that count. So every program is built in a main
module made for it. Source: the Go Modules Reference, "replace directive" and "go install".
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from testbed.gateway import write_chart
from testbed.packages import unpack
from testbed.parts import GATEWAY_MODULE, PAUSE, PROGRAMS, Cache, Module, PartMissingError, Program

GIVES_WAY: Final = ("nice", "-n", "10")
"""A build takes both cores for minutes; whatever else runs on the machine goes first."""


def build(program: Program, cache: Cache) -> bool:
    """Build a program, unless it was built.

    Args:
        program: which.
        cache: where it goes; it appears there whole or not at all.

    Returns:
        Whether anything had to be done.

    Raises:
        PartMissingError: there is no Go, or it refuses.
    """
    target = cache.path(program)
    if target.is_file():
        return False
    if shutil.which("go") is None:
        raise PartMissingError(f"{program.name} is built with Go, and there is no Go on this machine")
    cache.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="telamon-build-") as folder:
        _main_module(program.module, Path(folder))
        new = target.with_name(f"{target.name}.{os.getpid()}")
        arguments = ("build", "-mod=mod", "-trimpath", "-ldflags", _flags(program.module), "-o", str(new))
        try:
            _go(*arguments, program.package, folder=Path(folder), nice=True)
            new.replace(target)
        finally:
            new.unlink(missing_ok=True)
    return True


def build_pause(cache: Cache) -> bool:
    """Build what holds the namespaces of a pod, unless it was built.

    Args:
        cache: where it goes.

    Returns:
        Whether anything had to be done.

    Raises:
        PartMissingError: there is no Go, or it refuses.
    """
    source = Path(__file__).with_name("pause") / "main.go"
    target = cache.folder / PAUSE
    if target.is_file() and target.stat().st_mtime >= source.stat().st_mtime:
        return False
    if shutil.which("go") is None:
        raise PartMissingError(f"{PAUSE} is built with Go, and there is no Go on this machine")
    cache.folder.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f"{PAUSE}.{os.getpid()}")
    try:
        _go("build", "-trimpath", "-ldflags", "-s -w", "-o", str(new), source.name, folder=source.parent)
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)
    return True


def build_chart(cache: Cache) -> bool:
    """Write the chart of Envoy Gateway out, unless that was done.

    Args:
        cache: where it goes.

    Returns:
        Whether anything had to be done.

    Raises:
        PartMissingError: the module or helm is not to be had.
    """
    with tempfile.TemporaryDirectory(prefix="telamon-build-") as folder:
        return write_chart(cache, _downloaded(GATEWAY_MODULE, Path(folder))["Dir"])


def _downloaded(module: Module, folder: Path) -> dict[str, Path]:
    found = json.loads(_go("mod", "download", "-json", f"{module.path}@{module.version}", folder=folder))
    return {name: Path(found[name]) for name in ("Dir", "GoMod")}


def _main_module(module: Module, folder: Path) -> None:
    """Write a main module that requires the other one, with everything published that upstream has as folders."""
    found = _downloaded(module, folder)
    upstream = found["Dir"]
    text = found["GoMod"].read_text(encoding="utf-8")
    language = re.search(r"^go \S+$", text, re.MULTILINE)
    lines = ["module telamon.dev/testbed/build", language[0] if language else "", ""]
    lines.append(f"require {module.path} {module.version}")
    if module.staged:
        published = module.version.replace("v1.", "v0.", 1)
        staged = re.findall(r"^\s*(?:replace )?(\S+) => \./staging/", text, re.MULTILINE)
        lines += [f"replace {path} => {path} {published}" for path in staged]
    (folder / "go.mod").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sums = upstream / "go.sum"
    if sums.is_file():
        shutil.copyfile(sums, folder / "go.sum")
        (folder / "go.sum").chmod(0o600)


def _flags(module: Module) -> str:
    """What the linker is told: no symbols; and the version, which a program of Kubernetes must know of itself."""
    if not module.staged:
        return "-s -w"
    major, minor, _ = module.version.removeprefix("v").split(".")
    named = {"gitVersion": module.version, "gitMajor": major, "gitMinor": minor}
    return " ".join(
        ["-s", "-w", *(f"-X k8s.io/component-base/version.{name}={value}" for name, value in named.items())]
    )


def _go(*arguments: str, folder: Path, nice: bool = False) -> str:
    command = (*(GIVES_WAY if nice else ()), "go", *arguments)
    environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PartMissingError(f"go {arguments[0]} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout


def main() -> int:
    """Build what is named, or everything that is not there yet."""
    names = ", ".join(each.name for each in PROGRAMS)
    parser = argparse.ArgumentParser(prog="python -m testbed.build", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"packages, {PAUSE}, {names}, chart")
    wanted = parser.parse_args().names
    cache = Cache.of()
    missing = 0
    for name, make in _parts(cache):
        if wanted and name.split("-v")[0] not in wanted:
            continue
        try:
            made = make()
        except PartMissingError as error:
            print(f"{name}: {error}", file=sys.stderr)
            missing = 1
            continue
        print(f"{name}: {'made' if made else 'is there'}", flush=True)
    return missing


def _parts(cache: Cache) -> Iterator[tuple[str, Callable[[], bool]]]:
    """Everything that is made, the quickest first, and by what."""
    yield "packages", partial(unpack, cache)
    yield PAUSE, partial(build_pause, cache)
    yield from ((each.file, partial(build, each, cache)) for each in PROGRAMS)
    yield "chart", partial(build_chart, cache)


if __name__ == "__main__":
    sys.exit(main())
