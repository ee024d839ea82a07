"""``telamon doctor --live`` against the stand-ins and their variants, and the engine by what it has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from telamon.model.products import ProductSpec
from telamon.model.stack import Stack
from telamon.products.base import Product
from telamon.products.registry import products_of, registry
from telamon.products.release import Act
from telamon.stackfile.reader import read
from telamon.state.world import UpgradePhase
from tests.support.desk import Desk
from tests.support.manifests import BITBUCKET, CONFLUENCE, JIRA, SMALL
from tests.support.nodes import Site
from tests.understudy.conftest import database, database_numbers, postgres  # noqa: F401 - fixtures.

pytestmark = pytest.mark.lab

SECTIONS = {"jira": JIRA, "confluence": CONFLUENCE, "bitbucket": BITBUCKET}
MakeSite = Callable[..., Site]


@pytest.fixture
def make_site(tmp_path: Path, database: Mapping[str, str]) -> Iterator[MakeSite]:  # noqa: F811 - a fixture.
    """Makes a site with a node that is set up, and with the engine's own account."""
    sites: list[Site] = []

    def make(name: str, variants: tuple[str, ...]) -> Site:
        version = {"jira": "11.3.1", "confluence": "10.2.7", "bitbucket": "9.4.16"}[name]
        settings = {
            "UNDERSTUDY_VARIANTS": ",".join(variants),
            "UNDERSTUDY_SETUP_SECONDS": "0.2",
            "UNDERSTUDY_REBUILD_SECONDS": "0.2",
        }
        spec = ProductSpec.model_validate({"version": version})
        site = Site(registry()[name], tmp_path, database, spec, settings)
        sites.append(site)
        site.start(0)
        site.set_up()
        site.make_account()
        return site

    yield make
    for site in sites:
        site.clean_up()


def stack_with(name: str, observed: Path) -> Stack:
    """A stack whose product goes by what was seen of a real instance."""
    section = SECTIONS[name].replace("{", f"{{observed: {observed.name}, ", 1)
    text = SMALL.replace("PRODUCTS", section).replace("MORE", "")

    def load(reference: str, *, beside: str) -> tuple[str, bytes]:
        assert beside == "stack.yaml"
        return reference, (observed.parent / reference).read_bytes()

    return read(text, source="stack.yaml", registry=registry(), loader=load).require()


def product_of(stack: Stack, name: str) -> Product:
    """The product as the engine takes it."""
    return products_of({str(key): spec for key, spec in stack.spec.products.items()})[name]


@pytest.mark.parametrize(
    ("name", "variants", "differing", "base"),
    [
        ("jira", (), set(), None),
        pytest.param("confluence", (), set(), "/rest/zdu", marks=pytest.mark.exhaustive),
        ("confluence", ("zdu-admin-path",), {"upgrade-acts"}, "/rest/zdu/cluster/zdu"),
        pytest.param("bitbucket", (), set(), "/rest/zdu", marks=pytest.mark.exhaustive),
        ("bitbucket", ("zdu-prose",), {"upgrade-acts"}, "/rest/zdu/cluster"),
    ],
)
def test_every_line_is_seen_and_the_engine_goes_by_what_was_seen(
    make_site: MakeSite,
    tmp_path: Path,
    *,
    name: str,
    variants: tuple[str, ...],
    differing: set[str],
    base: str | None,
) -> None:
    site = make_site(name, variants)
    login, written = tmp_path / "login.yaml", tmp_path / "observed.yaml"
    login.touch(0o600)
    login.write_text(f"token: {site.token}\n", encoding="utf-8")
    answer = Desk(tmp_path / "states").run(
        "doctor",
        "--live",
        f"http://{site.endpoint(0)}",
        "--product",
        name,
        "--credentials",
        str(login),
        "--write",
        str(written),
        "-o",
        "json",
    )
    lines = {line["line"]: line for line in answer.document["lines"]}
    assert {each for each, line in lines.items() if line["standing"] == "differs"} == differing, lines
    assert not [line for line in lines.values() if line["standing"] == "unseen"]
    assert answer.code == (8 if differing else 0)
    assert str(site.token) not in answer.out + answer.err
    seen = product_of(stack_with(name, written), name)
    assert seen.upgrade_bases == (() if base is None else (base,))
    # Nothing was changed by looking: an upgrade can still be begun, now by the path that was seen.
    assert site.ask(seen.upgrade_phase()) is UpgradePhase.STABLE
    site.ask(seen.change_upgrade(Act.START))
    assert site.ask(seen.upgrade_phase()) is UpgradePhase.READY_TO_UPGRADE
    site.ask(seen.change_upgrade(Act.CANCEL))
