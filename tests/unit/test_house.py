"""Rules of the architecture that neither a type nor an import contract can express.

Each rule is a function from a module's syntax tree to what breaks it, so that every rule is also shown a module
that breaks it: a rule that finds nothing anywhere proves nothing.
"""

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telamon import errors, units
from tools.tree import tracked_files

ROOT = Path(__file__).resolve().parents[2]
PRODUCTS = ROOT / "telamon" / "products"

# `custom` is no product's name but our word for "bring your own"; companions are named by their products.
NOT_A_NAME = frozenset({"custom"})
COMPANION_NAMES = frozenset({"opensearch", "synchrony"})

PURE_PACKAGES = (
    "model",
    "products",
    "stackfile",
    "state",
    "desired",
    "importer",
    "indexfiles",
    "infra",
    "plan",
    "reach",
)
IMPURE_CALLS = frozenset({"open", "input", "print", "exec", "eval"})
IMPURE_METHODS = frozenset(
    {
        "now",
        "utcnow",
        "today",
        "uuid1",
        "uuid4",
        "read_text",
        "read_bytes",
        "write_text",
        "write_bytes",
        "getenv",
    }
)

MUTABLE_LITERALS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MUTABLE_CALLS = frozenset(
    {
        "list",
        "dict",
        "set",
        "bytearray",
        "defaultdict",
        "deque",
        "Counter",
        "OrderedDict",
    }
)
CACHES = frozenset({"cache", "lru_cache"})
READ_ONLY = re.compile(r"\b(Mapping|Sequence|Set|AbstractSet|Collection|Iterable)\[")

Rule = Callable[[ast.Module], Iterator[str]]


def modules(*packages: str) -> list[Path]:
    """The Python modules under the given folders of telamon, or of all of it."""
    folders = [Path("telamon", package) for package in packages] or [Path("telamon")]
    return [
        path
        for path in tracked_files(ROOT)
        if path.suffix == ".py" and any(path.is_relative_to(folder) for folder in folders)
    ]


def breaches(rule: Rule, paths: list[Path]) -> str:
    """What breaks the rule in these modules, a line each with its file."""
    return "\n".join(
        f"{path}:{found}"
        for path in paths
        for found in rule(ast.parse((ROOT / path).read_text(encoding="utf-8")))
    )


# --------------------------------------------------------------------------------------------- product names


def product_names() -> frozenset[str]:
    """Every word that names a product or a companion."""
    folders = {path.name for path in PRODUCTS.iterdir() if (path / "__init__.py").exists()}
    return frozenset(folders - NOT_A_NAME) | COMPANION_NAMES


def words(text: str) -> set[str]:
    """The lower-case words of an identifier or a string: between punctuation, and also taken apart at capitals."""
    found = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text) + re.findall(r"[A-Za-z]+", text)
    return {word.lower() for word in found}


def spoken(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every identifier and string of a module with its line, bare strings (docstrings) left out."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        for _, value in ast.iter_fields(node):
            if isinstance(value, str) and id(node) not in prose:
                yield line, value


def names_a_product(tree: ast.Module) -> Iterator[str]:
    """Identifiers and strings that name a product."""
    names = product_names()
    for line, text in spoken(tree):
        for name in sorted(words(text) & names):
            yield f"{line}: names {name}"


def test_products_are_named_in_their_folders_alone() -> None:
    elsewhere = [path for path in modules() if not path.is_relative_to("telamon/products")]
    assert breaches(names_a_product, elsewhere) == ""


@pytest.mark.parametrize(
    "code",
    [
        "x = 'opensearch-0'",
        "from telamon.products import synchrony",
        "def startSynchrony(): ...",
        "f(SYNCHRONY_PORT=1)",
        "class OpenSearch: ...",
    ],
)
def test_a_product_name_is_found(code: str) -> None:
    assert list(names_a_product(ast.parse(code)))


def test_prose_may_name_products() -> None:
    assert not list(
        names_a_product(ast.parse('"""As with synchrony."""\nx = 1  # synchrony\n"""synchrony"""'))
    )


# --------------------------------------------------------------------------------------------- the control listener


def test_the_engine_never_names_the_control_listener_of_a_stand_in() -> None:
    name = "understudy_control"
    named = [str(path) for path in modules() if name in (ROOT / path).read_text(encoding="utf-8").lower()]
    assert named == []


# --------------------------------------------------------------------------------------------- the pure core


def acts(tree: ast.Module) -> Iterator[str]:
    """Calls that read a clock, a file or the environment, or draw a random number, without an import to forbid."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                yield f"{node.lineno}: calls {name}()"
            case ast.Call(func=ast.Attribute(attr=name)) if name in IMPURE_METHODS:
                yield f"{node.lineno}: calls .{name}()"
            case _:
                pass


def test_the_contract_of_the_core_covers_all_of_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (pure,) = (contract for contract in contracts if contract["id"] == "pure")
    built = {f"telamon.{package}" for package in PURE_PACKAGES if (ROOT / "telamon" / package).is_dir()}
    assert built <= set(pure["source_modules"])


def test_the_core_only_computes() -> None:
    assert breaches(acts, modules(*PURE_PACKAGES)) == ""


@pytest.mark.parametrize("code", ["datetime.now(UTC)", "open('x')", "path.read_text()", "uuid.uuid4()"])
def test_an_act_is_found(code: str) -> None:
    assert list(acts(ast.parse(code)))


# --------------------------------------------------------------------------------------------- no state in modules


def keeps_state(tree: ast.Module) -> Iterator[str]:
    """Module-level objects that can be changed, caches, and functions that rebind a module's name.

    A table is fine where its annotation is read-only (`Mapping`, `Sequence`, ...): the type checker then holds every
    user to that.
    """
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                pass
            case ast.Assign(value=value) if is_mutable(value):
                yield f"{node.lineno}: keeps a mutable object in the module"
            case ast.AnnAssign(value=ast.expr() as value, annotation=annotation) if is_mutable(value):
                if not READ_ONLY.search(ast.unparse(annotation)):
                    yield f"{node.lineno}: keeps a mutable object in the module"
            case _:
                pass
    for inner in ast.walk(tree):
        match inner:
            case ast.Global():
                yield f"{inner.lineno}: rebinds a name of the module"
            case ast.FunctionDef(decorator_list=decorators) if CACHES & {
                last_name(item) for item in decorators
            }:
                yield f"{inner.lineno}: caches across calls"
            case _:
                pass


def is_mutable(value: ast.expr) -> bool:
    """Whether the expression makes a list, a dict or another container that can be changed."""
    return isinstance(value, MUTABLE_LITERALS) or (
        isinstance(value, ast.Call) and last_name(value) in MUTABLE_CALLS
    )


def last_name(expression: ast.expr) -> str:
    """The last part of a possibly called, possibly dotted name."""
    match expression:
        case ast.Call(func=function):
            return last_name(function)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def test_no_module_keeps_state() -> None:
    assert breaches(keeps_state, modules()) == ""


@pytest.mark.parametrize(
    "code",
    [
        "CACHE = {}",
        "SEEN: set[str] = set()",
        "NAMES: Final = ['a']",
        "def f():\n    global x\n    x = 1",
        "@functools.lru_cache(maxsize=1)\ndef f(): ...",
        "COUNTS = collections.defaultdict(int)",
    ],
)
def test_state_is_found(code: str) -> None:
    assert list(keeps_state(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["NAMES = ('a',)", "CODES: Final[Mapping[str, int]] = {'a': 1}", "__all__ = ['a']"]
)
def test_a_constant_is_no_state(code: str) -> None:
    assert not list(keeps_state(ast.parse(code)))


# --------------------------------------------------------------------------------------------- errors


def branches(error: type[errors.TelamonError]) -> Iterator[type[errors.TelamonError]]:
    """The error and everything derived from it."""
    yield error
    for derived in error.__subclasses__():
        yield from branches(derived)


def test_every_branch_of_the_error_tree_has_an_exit_code_of_its_own() -> None:
    assert issubclass(units.UnitError, errors.TelamonError)
    declared = [error for error in branches(errors.TelamonError) if "exit_code" in vars(error)]
    codes = Counter(error.exit_code for error in declared)
    assert [code for code, count in codes.items() if count > 1] == []
    assert all(0 < code < 256 for code in codes)
    assert all(error.__doc__ and error.meaning for error in declared)


def test_lines_of_the_changelog_fit_a_terminal() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > 120] == []
