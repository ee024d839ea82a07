"""Write the pages that are made of the code: the schemas, the field reference, the table of exit codes.

``python -m tools.reference`` writes them; with ``--check`` it only says which are out of date, and fails then.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from telamon import errors
from telamon.model.base import Section
from telamon.model.stack import Stack
from telamon.products.registry import registry
from telamon.stackfile import shape as shapes
from telamon.stackfile.explain import Explanation, describe
from telamon.stackfile.schema import overlay_schema, schema, sections
from telamon.stackfile.shape import Field
from tools.cli_reference import cli_page

ROOT = Path(__file__).parent.parent

FIELDS_HEAD = """\
# Every field of the stack file

Made of the models by `make docs`; change the models, not this page. `telamon explain PATH` says the same in a
terminal, and the [schema](../schema/stack.schema.json) says it to editors.

A field in **bold** is required. Sizes are written like `4Gi`, times like `15m`, CPU like `2` or `"500m"`.

**The text.** YAML 1.2 in UTF-8, one document, at most 1 MiB; JSON will do as well. Values that YAML 1.1 and 1.2 read
differently (`no`, `012`, `12:30`, a date) are refused with both ways to write them, because `kubectl` reads 1.1.
Anchors, aliases and merge keys work. A key with nothing after it is refused: remove it, or give it a value.

**Overlays.** A file of kind `StackOverlay` has `extends:` with the relative path of a stack file or of another overlay,
at most eight files in a row. Mappings go into the base's mappings key by key. Lists whose items all have a `name` go
into the base's list item by item, and `delete: true` in an item takes it out. Any other list or value replaces the
base's, and a key with nothing after it takes the base's key out. `telamon build` prints what comes out.

**Applications of your own.** `profile` takes a profile, or the relative path of a file that holds one.
"""

ERRORS_HEAD = """\
# Exit codes

Made of `telamon/errors.py` by `make docs`. Every error that Telamon raises on purpose belongs to one branch of a tree,
and each branch ends the program with a code of its own.

| code | error | meaning |
|---:|---|---|
| 0 | | it worked |
"""


def pages() -> Mapping[str, str]:
    """Every page by its path below the root of the repository."""
    known = registry()
    return {
        "docs/schema/stack.schema.json": _json(schema(known)),
        "docs/schema/overlay.schema.json": _json(overlay_schema(known)),
        "docs/reference/stack.md": "\n".join([FIELDS_HEAD, *_sections()]),
        "docs/reference/errors.md": ERRORS_HEAD + "".join(_error_rows()),
        "docs/reference/cli.md": cli_page(),
    }


def stale(root: Path) -> list[str]:
    """The pages that do not say what the code says."""
    return [path for path, text in pages().items() if not _says(root / path, text)]


def _says(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def _json(made: Mapping[str, object]) -> str:
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


TREE = ("telamon.errors", "telamon.units")
"""Modules whose errors the page of exit codes names."""


def _error_rows() -> Iterator[str]:
    for branch in errors.BRANCHES:
        # Only those that stand with the tree: what else is loaded depends on who asks.
        below = ", ".join(f"`{kind.__name__}`" for kind in branch.__subclasses__() if kind.__module__ in TREE)
        names = f"`{branch.__name__}`" + (f" ({below})" if below else "")
        yield f"| {branch.exit_code} | {names} | {branch.meaning} |\n"


def _sections() -> Iterator[str]:
    for section in sections(Stack):
        about = (section.__doc__ or "").strip().split("\n\n")
        yield f"## {section.__name__}\n\n" + "\n\n".join(" ".join(part.split()) for part in about) + "\n"
        yield "| field | what | takes | default |\n|---|---|---|---|"
        for key, field in shapes.fields(section).items():
            yield _row(key, field)
        yield ""


def _row(key: str, field: Field) -> str:
    told = describe(key, field)
    name = f"**`{key}`**" if told.required else f"`{key}`"
    return "| " + " | ".join(map(_cell, (name, told.what, _takes(told, field), _default(told)))) + " |"


def _takes(told: Explanation, field: Field) -> str:
    below = [_link(section) for section in shapes.every_section(field.shape)]
    if below:
        container = "a list of " if field.shape.items is not None else ""
        container = "names with " if field.shape.values is not None else container
        return container + " or ".join(below)
    bounds = f", {told.bounds}" if told.bounds and told.bounds not in told.accepts else ""
    unit = f" ({told.unit})" if told.unit and not told.bounds.startswith(told.unit) else ""
    return f"{told.accepts}{bounds}{unit}"


def _link(section: type[Section]) -> str:
    return f"[{section.__name__}](#{section.__name__.lower()})"


def _default(told: Explanation) -> str:
    if told.required:
        return "required"
    if told.unset:
        return told.unset
    value = f"`{told.default}`" if told.default else "as its fields say"
    return f"{value}: {told.why}" if told.why else value


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main(arguments: list[str]) -> int:
    """Write the pages, or check them.

    Returns:
        0, or 1 where ``--check`` found a page out of date.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say which pages are out of date")
    chosen = parser.parse_args(arguments)
    old = stale(ROOT)
    if chosen.check:
        for path in old:
            print(f"{path} does not say what the code says; run `make docs`")
        return 1 if old else 0
    for path in old:
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(pages()[path], encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
