"""What holds for every test."""

from pathlib import Path

import pytest
from hypothesis import settings

# No test asserts a time, so an example may take as long as a busy machine needs. A failure prints what
# reproduces it elsewhere.
settings.register_profile("telamon", deadline=None, print_blob=True)
settings.load_profile("telamon")

HERE = Path(__file__).parent
WHOLE_MACHINE = frozenset({"lab", "aws", "cluster"})
"""Folders whose tests start whole stacks: they take turns."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side, a file's tests stay together, so that what they share is made once."""
    for item in items:
        path = item.path.relative_to(HERE)
        group = path.parts[0] if path.parts[0] in WHOLE_MACHINE else path.as_posix()
        item.add_marker(pytest.mark.xdist_group(group))
