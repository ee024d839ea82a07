"""Hold modules, functions and signatures to a size that a reader can take in.

A module over 500 lines or a function over 60 is refused; 300 and 40 are what to aim at, and ``--verbose``
lists what is above. A function's length counts its body and signature but neither decorators nor docstring.
A public function takes at most two positional arguments: from the third on a name at the call says more than
a position. A private one, whose signature is in view of every caller, may take three. Magic methods are
exempt, for their signature is not ours; so are tests, whose arguments are fixtures and are passed by name.
"""

import argparse
import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.tree import Finding, parse, python_files

MODULE_LIMIT = 500
MODULE_AIM = 300
FUNCTION_LIMIT = 60
FUNCTION_AIM = 40
POSITIONAL_LIMIT = 2
POSITIONAL_LIMIT_PRIVATE = 3

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Measure:
    """The size of one module or function.

    Attributes:
        file: the module, relative to the repository's root.
        line: where it starts, from 1.
        name: the function's name, or an empty string for the module itself.
        lines: its length in lines.
        positional: arguments a caller may pass by position, the receiver left out.
    """

    file: Path
    line: int
    name: str
    lines: int
    positional: int = 0

    @property
    def limit(self) -> int:
        """Lines it must not exceed."""
        return FUNCTION_LIMIT if self.name else MODULE_LIMIT

    @property
    def aim(self) -> int:
        """Lines it should not exceed."""
        return FUNCTION_AIM if self.name else MODULE_AIM

    @property
    def title(self) -> str:
        """How the report calls it."""
        return f"function {self.name}" if self.name else "module"


def measure_module(root: Path, file: Path) -> Iterator[Measure]:
    """Measure a module and every function in it.

    Args:
        root: the repository's top folder.
        file: the module, relative to it.
    """
    lines = (root / file).read_text(encoding="utf-8").count("\n")
    yield Measure(file, 1, name="", lines=lines)
    yield from _measure_functions(file, parse(root, file), in_class=False)


def _measure_functions(file: Path, parent: ast.AST, *, in_class: bool) -> Iterator[Measure]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, Function):
            positional = _count_positional(node, in_class=in_class)
            yield Measure(file, node.lineno, name=node.name, lines=_length(node), positional=positional)
        yield from _measure_functions(file, node, in_class=isinstance(node, ast.ClassDef))


def _length(function: Function) -> int:
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        total -= (first.end_lineno or first.lineno) - first.lineno + 1
    return total


def _count_positional(function: Function, *, in_class: bool) -> int:
    if function.name.startswith("__"):
        return 0
    decorators = {node.id for node in function.decorator_list if isinstance(node, ast.Name)}
    receiver = 1 if in_class and "staticmethod" not in decorators else 0
    return len(function.args.posonlyargs) + len(function.args.args) - receiver


def judge(measure: Measure) -> Iterator[Finding]:
    """Say which limits a module or function breaks."""
    if measure.lines > measure.limit:
        message = f"{measure.title} has {measure.lines} lines; the limit is {measure.limit}"
        yield Finding(measure.file, measure.line, message)
    allowed = POSITIONAL_LIMIT_PRIVATE if measure.name.startswith("_") else POSITIONAL_LIMIT
    if measure.positional > allowed and measure.file.parts[0] != "tests":
        message = (
            f"{measure.title} takes {measure.positional} positional arguments; name them from the third on"
        )
        yield Finding(measure.file, measure.line, message)


def main(arguments: list[str]) -> int:
    """Check every module of the repository.

    Args:
        arguments: command line without the program's name.

    Returns:
        Exit code: 0 when every size holds, 1 otherwise.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.sizes", description="Check sizes.")
    parser.add_argument("--verbose", action="store_true", help="list also what is above the aim")
    parser.add_argument("root", nargs="?", type=Path, default=Path())
    options = parser.parse_args(arguments)
    root: Path = options.root
    measures = [measure for file in python_files(root) for measure in measure_module(root, file)]
    findings = [finding for measure in measures for finding in judge(measure)]
    if options.verbose:
        for measure in sorted(measures, key=lambda measure: measure.lines - measure.aim, reverse=True):
            if measure.lines > measure.aim:
                print(f"{measure.lines:5} of {measure.aim:3}  {measure.file}:{measure.line} {measure.title}")
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
