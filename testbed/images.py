"""The images of a cluster: its own parts, and stand-ins under the names of the products that they stand in for.

Layers that change rarely are kept in the cache, by a digest of what they are made of.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from testbed import python_root, stand_ins
from testbed.addons import DNS_IMAGE
from testbed.oci import Entry, Image, Layer, write_archive, write_layer
from testbed.parts import PAUSE, Cache

ROOT: Final = Path(__file__).resolve().parents[1]
"""Of the checkout."""
PAUSE_IMAGE: Final = "telamon.dev/testbed/pause:1"


@dataclass(frozen=True)
class Recipe:
    """How an image is made.

    Attributes:
        image: its name without the tag; a stand-in has that of the product's own.
        package: of the checkout; "" for an image of tools alone.
        entrypoint: command.
        user: who runs it.
    """

    image: str
    package: str
    entrypoint: Sequence[str]
    user: int


RECIPES: Final = {
    "jira": Recipe(
        "docker.io/atlassian/jira-software",
        "understudy",
        ("python3", "-m", "understudy.container", "jira"),
        2001,
    ),
    "confluence": Recipe(
        "docker.io/atlassian/confluence",
        "understudy",
        ("python3", "-m", "understudy.container", "confluence"),
        2002,
    ),
    "bitbucket": Recipe(
        "docker.io/atlassian/bitbucket",
        "understudy",
        ("python3", "-m", "understudy.container", "bitbucket"),
        2003,
    ),
    "opensearch": Recipe(
        "docker.io/opensearchproject/opensearch",
        "understudy",
        ("python3", "-m", "understudy.container", "opensearch"),
        1000,
    ),
    # For jobs that prepare a database: the client, and no server.
    "postgres": Recipe("docker.io/library/postgres", "", ("psql",), 10001),
    "telamon": Recipe("telamon.dev/testbed/telamon", "telamon", ("python3", "-m", "telamon"), 10001),
}
"""Images that can be asked for. Source of users: the container documentation of each product."""


def parts_archive(cache: Cache) -> Path:
    """An archive of what every cluster needs.

    Raises:
        PartMissingError: a program was not built yet.
    """
    pause, dns = cache.folder / PAUSE, cache.find("coredns")
    made_of = f"{_digest(pause)} {_digest(dns)}"
    file = cache.folder / f"images-{_short(made_of)}.tar"
    if not file.is_file():
        with tempfile.TemporaryDirectory(prefix="images-") as name:
            folder = Path(name)
            below = write_layer(folder / "pause.tar", [Entry(PAUSE, pause, 0o755)])
            above = write_layer(folder / "dns.tar", [Entry("coredns", dns, 0o755)])
            images = (
                Image((PAUSE_IMAGE,), (below,), ("/pause",), user="65535:65535"),
                Image((DNS_IMAGE,), (above,), ("/coredns",)),
            )
            write_archive(file, images, machine=os.uname().machine)
    return file


def images(folder: Path, cache: Cache, *, tags: Mapping[str, Sequence[str]]) -> tuple[Image, ...]:
    """Images of the checkout as it is now.

    Args:
        folder: for the layers that are not kept.
        cache: for those that are.
        tags: of each recipe that is asked for; of a product its releases.

    Raises:
        PartMissingError: a program that the images have is not on this machine.
    """
    below = _base_layer(cache)
    above = {name: _upper_layer(folder, name) for name in {RECIPES[each].package for each in tags}}
    own = {name: _own_layers(folder, name) for name in tags}
    return tuple(
        _image(RECIPES[name], tag, (below, above[RECIPES[name].package], *own[name]))
        for name, chosen in tags.items()
        for tag in chosen
    )


def _image(recipe: Recipe, tag: str, layers: Sequence[Layer]) -> Image:
    environment = dict(python_root.ENVIRONMENT)
    if recipe.package == "understudy":
        # In a pod every address is the pod's.
        environment |= {"UNDERSTUDY_VERSION": tag, "UNDERSTUDY_BIND": "0.0.0.0"}  # noqa: S104
        java = f"/{stand_ins.JAVA}"
        environment |= {"JAVA_HOME": java, "PATH": f"{java}/bin:{environment['PATH']}"}
    user = f"{recipe.user}:{recipe.user}"
    return Image((f"{recipe.image}:{tag}",), layers, recipe.entrypoint, environment, user=user)


def _upper_layer(folder: Path, package: str) -> Layer:
    """What an image has over the interpreter: a package of the checkout, or else a client of PostgreSQL."""
    file = folder / f"layer-{package or 'client'}.tar"
    if not package:
        return write_layer(file, python_root.postgresql_client())
    with tempfile.TemporaryDirectory(prefix="bytecode-", dir=folder) as name:
        code = list(python_root.project(ROOT, package))
        more = stand_ins.shared() if package == "understudy" else ()
        return write_layer(file, [*code, *python_root.compiled(code, Path(name)), *more])


def _own_layers(folder: Path, name: str) -> tuple[Layer, ...]:
    """What an image alone has over what it shares with others."""
    recipe = RECIPES[name]
    entries = list(
        python_root.for_backups()
        if recipe.package == "telamon"
        else stand_ins.installed(name, user=recipe.user)
    )
    return (write_layer(folder / f"layer-of-{name}.tar", entries),) if entries else ()


def _base_layer(cache: Cache) -> Layer:
    file = cache.folder / f"layer-{_short(python_root.described())}.tar"
    if file.is_file():
        return Layer.of(file)
    cache.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bytecode-", dir=cache.folder) as name:
        entries = list(python_root.base())
        return write_layer(file, [*entries, *python_root.compiled(entries, Path(name))])


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
