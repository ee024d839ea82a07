"""That tests which share something expensive stay together where tests run side by side."""

import pytest


def test_a_file_is_run_by_one_worker(request: pytest.FixtureRequest, worker_id: str) -> None:
    if worker_id == "master":
        pytest.skip("tests run one after the other here")
    # The runner spreads what it finds after the last "@" of a name, and spreads tests alone where it finds nothing.
    assert request.node.nodeid.endswith("@unit/test_side_by_side.py")
