"""Which files a check looks at: those of the working tree that git knows or would take.

An unpacked archive has no git; there it is every file outside hidden and cache folders.
"""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TEXT_SUFFIXES = frozenset(
    (
        "",
        ".cfg",
        ".css",
        ".html",
        ".in",
        ".js",
        ".json",
        ".md",
        ".py",
        ".sh",
        ".svg",
        ".toml",
        ".txt",
        ".yaml",
        ".yml",
    )
)
PACKAGES = ("telamon", "understudy", "testbed", "tools", "tests", "bench")


@dataclass(frozen=True)
class Finding:
    """Something that breaks a rule of the house.

    Attributes:
        file: path relative to the repository's root.
        line: line number, from 1.
        message: what is wrong, in words.
    """

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def tracked_files(root: Path) -> list[Path]:
    """List the files git tracks, and those it would take if they were added.

    Args:
        root: the repository's top folder.

    Returns:
        Paths relative to the root, sorted; files deleted from the working tree are left out.

    Raises:
        subprocess.CalledProcessError: git refuses the checkout, for example because another user owns it.
    """
    if not (root / ".git").exists():
        return sorted(_unpacked_files(root))
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout.decode()
    paths = {Path(name) for name in listing.split("\0") if name}
    return sorted(path for path in paths if (root / path).is_file())


def _unpacked_files(root: Path) -> Iterator[Path]:
    for found in root.rglob("*"):
        path = found.relative_to(root)
        folders = path.parts[:-1]
        if found.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in folders):
            yield path


def text_files(root: Path) -> list[Path]:
    """List the tracked files that people read."""
    return [path for path in tracked_files(root) if path.suffix in TEXT_SUFFIXES]


def python_files(root: Path) -> list[Path]:
    """List the tracked Python modules."""
    return [path for path in tracked_files(root) if path.suffix == ".py"]


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file with their numbers, from 1."""
    return enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)


def parse(root: Path, path: Path) -> ast.Module:
    """Read a module's syntax tree.

    Args:
        root: the repository's top folder.
        path: the module, relative to it.

    Raises:
        SyntaxError: the module is no Python.
    """
    return ast.parse((root / path).read_text(encoding="utf-8"), filename=str(path))
