"""Hold the words to what is there: a reference in a docstring or a page must lead somewhere.

Docstrings
    A role such as `class` names something bound in its module, or, written in full, a module of this
    repository and a name bound in it. Roles that begin with a foreign package are not followed.
Files
    A path in double back-quotes (docstrings) or single ones (Markdown) whose first folder is in the repository,
    and which ends as a file does, must be there.
Markdown
    A relative link leads to a file of the repository, and its anchor to a heading of that page.
"""

import ast
import builtins
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from tools.tree import PACKAGES, Finding, parse, python_files, tracked_files

ROLE = re.compile(r":(mod|class|func|meth|attr|data|exc):`~?([\w.]+)`")
QUOTED_PATH = re.compile(r"`+([\w.-]+(?:/[\w.-]+)+\.(?:py|md|yaml|yml|toml|json|txt|svg|sh))`+")
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|(?:src|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$")
FENCE = re.compile(r"^\s*(```|~~~)")


@dataclass(frozen=True)
class Module:
    """A Python module and the names a reference to it may use.

    Attributes:
        file: its path, relative to the repository's root.
        tree: its syntax tree.
    """

    file: Path
    tree: ast.Module

    @property
    def name(self) -> str:
        """Its dotted name."""
        parts = self.file.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def bound(self) -> frozenset[str]:
        """Every name bound anywhere in the module: definitions, members, imports and assignments."""
        return frozenset(name for node in ast.walk(self.tree) for name in _bound_by(node))


def _bound_by(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.alias():
            yield (node.asname or node.name).partition(".")[0]
        case ast.Name(ctx=ast.Store()):
            yield node.id
        case ast.Attribute(ctx=ast.Store()):
            yield node.attr
        case _:
            pass


def read_modules(root: Path) -> dict[str, Module]:
    """Parse every Python module of the repository, by dotted name."""
    modules = (Module(file, parse(root, file)) for file in python_files(root))
    return {module.name: module for module in modules}


def docstrings(module: Module) -> Iterator[tuple[int, str]]:
    """Yield the bare strings of a module with their first line: docstrings, and those under an attribute."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            text = node.value.value
            if isinstance(text, str):
                yield node.lineno, text


def check_roles(module: Module, modules: dict[str, Module]) -> Iterator[Finding]:
    """Find the roles of a module's docstrings that lead nowhere.

    Args:
        module: the module whose docstrings are read.
        modules: every module of the repository, by dotted name.
    """
    for first_line, text in docstrings(module):
        for role in ROLE.finditer(text):
            kind, target = role.groups()
            if not _resolves(kind, target, module=module, modules=modules):
                line = first_line + text.count("\n", 0, role.start())
                yield Finding(module.file, line, f":{kind}:`{target}` leads nowhere")


def _resolves(kind: str, target: str, *, module: Module, modules: dict[str, Module]) -> bool:
    parts = target.split(".")
    if parts[0] in PACKAGES:
        return _resolves_in_full(kind, parts, modules=modules)
    if kind == "mod":
        # Modules are named in full; another first part is a foreign package.
        return True
    return parts[0] in module.bound or hasattr(builtins, parts[0])


def _resolves_in_full(kind: str, parts: list[str], *, modules: dict[str, Module]) -> bool:
    if kind == "mod":
        packages = {name.rpartition(".")[0] for name in modules}
        return ".".join(parts) in modules.keys() | packages
    for length in range(len(parts), 0, -1):
        holder = modules.get(".".join(parts[:length]))
        if holder is not None:
            return set(parts[length:]) <= holder.bound
    return False


def check_paths(root: Path, file: Path, *, text: str) -> Iterator[tuple[int, str]]:
    """Find quoted paths that begin with a folder of the repository and are not there.

    Args:
        root: the repository's top folder.
        file: the file that holds the text, so that a path may also be relative to its folder.
        text: what to search.

    Yields:
        Offset in the text, and the path.
    """
    for quoted in QUOTED_PATH.finditer(text):
        path = quoted.group(1)
        known_folder = (root / PurePosixPath(path).parts[0]).is_dir()
        if known_folder and not (root / path).exists() and not (root / file.parent / path).exists():
            yield quoted.start(), path


def prose(page: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a Markdown page that lie outside fenced code, with their numbers."""
    fenced = False
    for number, line in enumerate(page.splitlines(), start=1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(page: str) -> frozenset[str]:
    """Say which anchors a Markdown page offers: its headings as code hosts spell them."""
    found: dict[str, int] = {}
    for _, line in prose(page):
        heading = HEADING.match(line)
        if heading:
            words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1)))
            slug = words.strip().lower().replace(" ", "-")
            found[slug] = found.get(slug, 0) + 1
    repeats = (f"{slug}-{number}" for slug, count in found.items() for number in range(1, count))
    return frozenset((*found, *repeats))


def check_page(root: Path, file: Path) -> Iterator[Finding]:
    """Find the links and quoted paths of a Markdown page that lead nowhere.

    Args:
        root: the repository's top folder.
        file: the page, relative to it.
    """
    for number, line in prose((root / file).read_text(encoding="utf-8")):
        for link in LINK.finditer(re.sub(r"`[^`]*`", "", line)):
            problem = _follow(root, file, target=link.group(1) or link.group(2))
            if problem:
                yield Finding(file, number, problem)
        for _, path in check_paths(root, file, text=line):
            yield Finding(file, number, f"`{path}` is not there")


def _follow(root: Path, file: Path, *, target: str) -> str | None:
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return None
    path, _, anchor = target.partition("#")
    destination = (root / file.parent / path).resolve() if path else (root / file).resolve()
    if not destination.is_relative_to(root.resolve()):
        return f"link {target} leaves the repository"
    if not destination.exists():
        return f"link {target} leads nowhere"
    if (
        anchor
        and destination.suffix == ".md"
        and anchor not in anchors(destination.read_text(encoding="utf-8"))
    ):
        return f"link {target} names no heading of that page"
    return None


def check_tree(root: Path) -> Iterator[Finding]:
    """Check every docstring and Markdown page of the repository.

    Args:
        root: the repository's top folder.
    """
    modules = read_modules(root)
    for module in modules.values():
        yield from check_roles(module, modules)
        for first_line, text in docstrings(module):
            for offset, path in check_paths(root, module.file, text=text):
                yield Finding(module.file, first_line + text.count("\n", 0, offset), f"`{path}` is not there")
    for file in tracked_files(root):
        if file.suffix == ".md":
            yield from check_page(root, file)


def main(arguments: list[str]) -> int:
    """Check the repository.

    Args:
        arguments: the repository's top folder, by default the working folder.

    Returns:
        Exit code: 0 when every reference leads somewhere, 1 otherwise.
    """
    findings = list(check_tree(Path(arguments[0]) if arguments else Path()))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
