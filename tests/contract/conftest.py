"""Sites of real stand-ins for the contract of products, over one PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from telamon.model.products import ProductSpec
from telamon.products.registry import registry
from tests.support.nodes import MakeSite, Site
from tests.understudy.conftest import database, database_numbers, postgres  # noqa: F401 - fixtures.

VERSIONS = {"jira": "11.3.1", "confluence": "10.2.7", "bitbucket": "9.4.16"}


@pytest.fixture
def make_site(tmp_path: Path, database: Mapping[str, str]) -> Iterator[MakeSite]:  # noqa: F811 - a fixture.
    """Makes sites of stand-ins that take their time over nothing."""
    sites: list[Site] = []

    def make(name: str, *variants: str, context_path: str = "") -> Site:
        spec = ProductSpec.model_validate({"version": VERSIONS[name]})
        settings = {
            "UNDERSTUDY_VARIANTS": ",".join(variants),
            "UNDERSTUDY_SETUP_SECONDS": "0.3",
            "UNDERSTUDY_REBUILD_SECONDS": "1",
            "UNDERSTUDY_SAFETY_SECONDS": "5",
        }
        site = Site(registry()[name], tmp_path, database, spec, settings, context_path)
        sites.append(site)
        return site

    yield make
    for site in sites:
        site.clean_up()
