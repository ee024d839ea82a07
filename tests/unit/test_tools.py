"""Each check of the repository finds what it forbids, and nothing in a tree that obeys."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import addresses, docrefs, lock, sizes

Check = Callable[[list[str]], int]

CLEAN_MODULE = '''"""A module.

It speaks of :mod:`telamon.alpha`, of :class:`Thing`, of :meth:`Thing.grow` and of ``docs/page.md``.
"""


class Thing:
    """A thing.

    See :func:`telamon.alpha.make`, and :exc:`ValueError`.
    """

    def grow(self, by: int, at: int, *, quickly: bool) -> int:
        """Grow."""
        return by + at + quickly


def make() -> Thing:
    """Make one."""
    return Thing()
'''

CLEAN_PAGE = """# A page

See [the module](../telamon/alpha.py), [below](#two-words-here) and `telamon/alpha.py`.
[Elsewhere](https://example.org/nothing#here).

## Two words, here

```
[not a link](nowhere.md)
```
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small repository that breaks no rule."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    write(tmp_path, "telamon/__init__.py", text='"""A package."""\n')
    write(tmp_path, "telamon/alpha.py", text=CLEAN_MODULE)
    write(tmp_path, "docs/page.md", text=CLEAN_PAGE)
    write(tmp_path, "requirements/dev.txt", text="# Pins.\nclick==8.1 \\\n    --hash=sha256:0a\n")
    return tmp_path


def write(root: Path, name: str, *, text: str) -> None:
    """Put a file into the tree."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "check", [addresses.main, docrefs.main, sizes.main], ids=["addresses", "docrefs", "sizes"]
)
def test_a_clean_tree_passes(check: Check, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check([str(tree)]) == 0
    assert capsys.readouterr().out == ""


def expect(check: Check, tree: Path, *, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Assert that the check refuses the tree, and with which words."""
    assert check([str(tree)]) == 1
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param('"""M."""\n' * 501, "telamon/beta.py:1: module has 501 lines", id="module"),
        pytest.param(
            "def long() -> None:\n" + "    print()\n" * 60,
            "telamon/beta.py:1: function long has 61 lines",
            id="function",
        ),
        pytest.param(
            "class A:\n    def f(self, a: int, b: int, c: int) -> None: ...\n",
            "telamon/beta.py:2: function f takes 3 positional arguments",
            id="positional",
        ),
        pytest.param(
            "def outer() -> None:\n    async def inner(a: int, b: int, c: int) -> None: ...\n",
            "telamon/beta.py:2: function inner takes 3 positional arguments",
            id="nested",
        ),
        pytest.param(
            "def _private(a: int, b: int, c: int, d: int) -> None: ...\n",
            "telamon/beta.py:1: function _private takes 4 positional arguments",
            id="private",
        ),
    ],
)
def test_sizes_refuses(text: str, said: str, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, "telamon/beta.py", text=text)
    expect(sizes.main, tree, said=said, capsys=capsys)


def test_sizes_leaves_docstrings_and_magic_methods_out(tree: Path) -> None:
    docstring = '    """First.\n' + "    Line.\n" * 70 + '    """\n'
    write(tree, "telamon/beta.py", text=f"def f() -> int:\n{docstring}    return 1\n")
    write(
        tree,
        "telamon/gamma.py",
        text=(
            "class A:\n    def __exit__(self, a: int, b: int, c: int, d: int) -> None: ...\n"
            "    def _private(self, a: int, b: int, c: int) -> None: ...\n"
        ),
    )
    assert sizes.main([str(tree)]) == 0


def test_sizes_lists_what_is_above_the_aim(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, "telamon/beta.py", text="def f() -> None:\n" + "    print()\n" * 45)
    assert sizes.main(["--verbose", str(tree)]) == 0
    assert "46 of  40  telamon/beta.py:1 function f" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param('"""See :mod:`telamon.omega`."""\n', ":mod:`telamon.omega`", id="module"),
        pytest.param('"""See :func:`telamon.alpha.mend`."""\n', ":func:`telamon.alpha.mend`", id="full name"),
        pytest.param(
            '"""Two.\n\nSee :class:`Nobody`.\n"""\n', "telamon/beta.py:3: :class:`Nobody`", id="name"
        ),
        pytest.param('"""See ``docs/gone.md``."""\n', "`docs/gone.md` is not there", id="path"),
        pytest.param('A = 1\n"""See :data:`B`."""\n', ":data:`B`", id="under an attribute"),
    ],
)
def test_docrefs_refuses_in_docstrings(
    text: str, said: str, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tree, "telamon/beta.py", text=text)
    expect(docrefs.main, tree, said=said, capsys=capsys)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[x](gone.md)\n", "docs/other.md:1: link gone.md leads nowhere", id="link"),
        pytest.param("\n![x](gone.svg)\n", "docs/other.md:2: link gone.svg leads nowhere", id="picture"),
        pytest.param('<img src="gone.svg">\n', "link gone.svg leads nowhere", id="html"),
        pytest.param("[x](page.md#gone)\n", "names no heading", id="anchor"),
        pytest.param("[x](../../outside.md)\n", "leaves the repository", id="outside"),
        pytest.param("Read `telamon/gone.py`.\n", "`telamon/gone.py` is not there", id="path"),
    ],
)
def test_docrefs_refuses_in_pages(
    text: str, said: str, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tree, "docs/other.md", text=text)
    expect(docrefs.main, tree, said=said, capsys=capsys)


# Written in halves, so that this file does not hold what the check refuses.
@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("see /ho" + "me/somebody/notes", "a home folder", id="home"),
        pytest.param("see /ro" + "ot/.config", "a home folder", id="root's home"),
        pytest.param("pip --index-" + "url https://mirror.example/", "a package index", id="option"),
        pytest.param("https://mirror.example/pypi" + "/simple/", "a package index", id="index"),
        pytest.param("http://10.1" + ".2.3:8080/", "a host in a private network", id="private host"),
        pytest.param("-----BEGIN RSA " + "PRIVATE KEY-----", "a private key", id="key"),
        pytest.param("AKIA" + "ABCDEFGHIJKLMNOP", "an AWS access key", id="aws"),
        pytest.param("ghp_" + "a1" * 18, "an access token", id="token"),
        pytest.param(
            "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTYifQ.c2lnbmF0dXJl", "a signed token", id="jwt"
        ),
    ],
)
def test_addresses_refuses(text: str, said: str, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, "docs/other.md", text=f"Line.\n{text}\n")
    expect(addresses.main, tree, said=f"docs/other.md:2: names {said}", capsys=capsys)


def test_addresses_refuses_the_checkout_itself(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, "docs/other.md", text=f"It lies in {tree.resolve()}/docs.\n")
    expect(addresses.main, tree, said="the folder of this checkout", capsys=capsys)


def test_addresses_refuses_options_among_the_pins(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, "requirements/lab.txt", text="--find-links wheels\n")
    expect(addresses.main, tree, said="requirements/lab.txt:1: holds an option", capsys=capsys)


def test_addresses_lets_pass_what_only_resembles(tree: Path) -> None:
    harmless = "PUT /rest/home/page, ${HOME}/home/x, AKIAIOSFODNN7EXAMPLE, http://127.0.0.1/simpler\n"
    write(tree, "docs/other.md", text=harmless)
    assert addresses.main([str(tree)]) == 0


def test_ignored_and_deleted_files_are_not_looked_at(tree: Path) -> None:
    write(tree, ".gitignore", text="/build/\n")
    write(tree, "build/page.md", text="[x](gone.md)\n")
    write(tree, "docs/other.md", text="[x](gone.md)\n")
    subprocess.run(["git", "add", "."], cwd=tree, check=True)
    (tree / "docs/other.md").unlink()
    assert docrefs.main([str(tree)]) == 0


def test_an_unpacked_archive_is_checked_without_git(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(tree / ".git")
    write(tree, ".cache/page.md", text="[x](gone.md)\n")
    assert docrefs.main([str(tree)]) == 0
    write(tree, "docs/other.md", text="[x](gone.md)\n")
    expect(docrefs.main, tree, said="link gone.md leads nowhere", capsys=capsys)


def test_lock_sets_hold_one_another() -> None:
    pyproject = {
        "project": {"dependencies": ["a"], "optional-dependencies": {"lab": ["b"], "kubernetes": ["k"]}},
        "dependency-groups": {"dev": ["c"]},
    }
    assert lock.requirement_sets(pyproject) == {
        "dev": ["a", "b", "k", "c"],
        "lab": ["a", "b"],
        "operator": ["a", "k"],
        "runtime": ["a"],
    }
