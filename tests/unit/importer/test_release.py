"""Live releases are read as Helm packs them."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest

from telamon.errors import UsageError
from telamon.importer.release import release_of
from telamon.stackfile.foreign import documents
from tests.support.releases import VALUES, secret


def test_the_release_that_is_deployed_is_read() -> None:
    older = secret(1, "superseded", config={"replicaCount": 9})
    failed = secret(3, "failed", config={"replicaCount": 8})
    found = release_of({"kind": "List", "items": [failed, secret(2), older]})
    assert found is not None
    assert (found.name, found.chart, found.product_release) == ("jira", "jira", "11.3.1")
    assert found.values == VALUES
    assert found.manifest == "kind: A\n"


@pytest.mark.parametrize(
    "document", [None, [], {}, {"replicaCount": 1}, {"items": []}, {"kind": "Secret", "data": {}}]
)
def test_what_is_no_release_is_none(document: Any) -> None:
    assert release_of(document) is None


@pytest.mark.parametrize(
    "payload",
    [
        "%%%",
        base64.b64encode(b"nothing").decode(),
        base64.b64encode(gzip.compress(b"{}")[:-9]).decode(),
        base64.b64encode(gzip.compress(b"[]")).decode(),
        base64.b64encode(gzip.compress(b"{")).decode(),
    ],
    ids=["no base64", "not packed", "cut short", "no object", "no JSON"],
)
def test_a_damaged_release_is_refused(payload: str) -> None:
    with pytest.raises(UsageError):
        release_of({"kind": "Secret", "data": {"release": payload}})


def test_what_unfolds_to_billions_of_values_is_refused() -> None:
    lines = ["a: &a0 [x, x]", *(f"b{n}: &a{n + 1} [*a{n}, *a{n}]" for n in range(40))]
    with pytest.raises(UsageError, match="more than"):
        documents("\n".join(lines).encode(), source="bomb.yaml")
