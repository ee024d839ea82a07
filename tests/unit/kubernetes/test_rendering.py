"""Another Telamon that renders the same file otherwise replaces no pod; another file does."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from telamon.naming import ANNOTATION_ASKED, ANNOTATION_RELEASE, ANNOTATION_RENDERED, ANNOTATION_REVISION
from telamon.platforms.kubernetes.rendering import is_as_asked, is_of_earlier, taken_over
from tests.support.manifests import ALL, CONFLUENCE, JIRA, SMALL, digests, small, stack_of, the

ENV = "    jira: {version: 11.3.1, env: {TZ: Europe/Berlin}}"
PATCH = """\
    jira:
      version: 11.3.1
      nodes: NODES
      patches:
        - name: slow
          kind: StatefulSet
          operations:
            - {op: replace, path: /spec/template/spec/terminationGracePeriodSeconds, value: 7}
"""


def told(more: str = "", *, running: str = JIRA) -> dict[str, str]:
    """What the template of Jira's pods says of itself."""
    found = the(small(more, running=running), "StatefulSet", "jira")["spec"]["template"]["metadata"]
    return dict(found["annotations"])


def stateful_set(revision: str, asked: str | None, *, release: str = "1.0") -> dict[str, Any]:
    """What makes pods."""
    return {"spec": {"template": pod(revision, asked, release=release)}}


def pod(revision: str, asked: str | None, *, release: str = "1.0", rendered: str = "") -> dict[str, Any]:
    """A pod that runs."""
    about = {ANNOTATION_REVISION: revision, ANNOTATION_RELEASE: release}
    about |= {ANNOTATION_ASKED: asked} if asked is not None else {}
    return {"metadata": {"annotations": about | ({ANNOTATION_RENDERED: rendered} if rendered else {})}}


@pytest.mark.parametrize(
    "more",
    [
        "  soak: 2h",
        "  drills: {allow: [node-kill]}",
        '  maintenance: {windows: [{days: [sun], start: "02:00", duration: 2h}]}',
        "  access: {viewers: [everybody]}",
        "  backup: {destination: {kind: claim, claim: backups}}",
    ],
)
def test_what_reaches_no_pod_is_not_asked_of_it(more: str) -> None:
    assert told(more) == told()


def test_what_is_asked_of_one_product_is_not_asked_of_another() -> None:
    assert (
        told(running=ALL)[ANNOTATION_ASKED] == told(running="\n".join((JIRA, CONFLUENCE)))[ANNOTATION_ASKED]
    )


def test_a_stack_that_carries_its_digests_asks_for_the_same_as_its_file_beside_the_lock() -> None:
    beside = digests(stack_of(SMALL.replace("PRODUCTS", JIRA).replace("MORE", "")))
    carried = f"  images: {{digests: {json.dumps(beside)}}}"
    assert told(carried)[ANNOTATION_ASKED] == told()[ANNOTATION_ASKED]


def test_what_is_asked_for_otherwise_is_known_by_both() -> None:
    assert told(running=ENV)[ANNOTATION_ASKED] != told()[ANNOTATION_ASKED]
    assert told(running=ENV)[ANNOTATION_REVISION] != told()[ANNOTATION_REVISION]


def test_more_nodes_are_asked_for_and_make_no_other_template_also_of_patched_pods() -> None:
    two, three = (told(running=PATCH.replace("NODES", number)) for number in "23")
    assert two[ANNOTATION_ASKED] != three[ANNOTATION_ASKED]
    assert two[ANNOTATION_REVISION] == three[ANNOTATION_REVISION]


@pytest.mark.parametrize(
    ("own", "live", "stays"),
    [
        pytest.param(pod("new", "a"), stateful_set("new", "b"), True, id="it is of the template"),
        pytest.param(pod("old", "b"), stateful_set("old", "b"), True, id="only Telamon is another"),
        pytest.param(pod("old", "b"), None, True, id="and nothing makes pods any more"),
        pytest.param(pod("old", "a"), stateful_set("old", "a"), False, id="something else is asked for"),
        pytest.param(
            pod("old", "a"), stateful_set("old", "b"), True, id="what was asked since made no difference"
        ),
        pytest.param(pod("older", "a"), stateful_set("old", "b"), False, id="it did, and another one came"),
        pytest.param(
            pod("old", None), stateful_set("old", None), True, id="by a Telamon that wrote nothing down"
        ),
        pytest.param(
            pod("older", None), stateful_set("old", None), False, id="which had not replaced it yet"
        ),
        pytest.param(
            pod("old", "b", release="0.9"), stateful_set("old", "b"), False, id="it is of another release"
        ),
    ],
)
def test_a_pod_stays_where_nothing_else_is_asked_of_it(
    own: dict[str, Any], live: dict[str, Any] | None, stays: bool
) -> None:
    assert is_as_asked(own, stateful_set("new", "b"), live=live) is stays


def test_one_that_stays_is_told_so_and_remembers_of_what_it_was_made() -> None:
    wanted, live = stateful_set("new", "b"), stateful_set("old", "b")
    own = pod("old", "b")
    assert is_of_earlier(own, wanted, live=live)
    changes = taken_over(own, [wanted], live=live)
    assert changes == {ANNOTATION_REVISION: "new", ANNOTATION_ASKED: "b", ANNOTATION_RENDERED: "old"}
    own["metadata"]["annotations"] |= changes
    # Afterwards the set is written: what it was rendered for before, nobody knows any more, and need not.
    assert is_of_earlier(own, wanted, live=wanted)
    assert taken_over(own, [wanted], live=wanted) is None
    # Something else is asked for: it is replaced as ever.
    assert not is_as_asked(own, stateful_set("newer", "c"), live=wanted)


def test_a_telamon_that_goes_back_finds_what_it_has_rendered_itself() -> None:
    own, first = pod("new", "b", rendered="old"), stateful_set("old", "b")
    changes = taken_over(own, [first], live=stateful_set("new", "b"))
    assert changes == {ANNOTATION_REVISION: "old", ANNOTATION_ASKED: "b", ANNOTATION_RENDERED: None}
    back = copy.deepcopy(own)
    back["metadata"]["annotations"] = {
        key: value for key, value in (own["metadata"]["annotations"] | changes).items() if value is not None
    }
    assert not is_of_earlier(back, first, live=first)


def test_in_the_middle_of_an_upgrade_each_pod_is_held_against_its_own_release() -> None:
    sets = [stateful_set("new-1", "b1"), stateful_set("new-2", "b2", release="2.0")]
    live = stateful_set("old-2", "b2", release="2.0")
    for own, becomes in ((pod("old-1", "b1"), "new-1"), (pod("old-2", "b2", release="2.0"), "new-2")):
        changes = taken_over(own, sets, live=live)
        assert changes is not None
        assert changes[ANNOTATION_REVISION] == becomes
