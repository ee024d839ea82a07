"""Every pod of a stack has a machine with room, or it is said why not."""

from __future__ import annotations

from telamon.cli.rooms import room_of as room_of_file
from telamon.desired.fit import Verdict
from telamon.desired.kubernetes.fitting import Room, room
from tests.support.manifests import BITBUCKET, JIRA, SMALL, products, stack_of

GROUP = "  placement: {machines: [{name: large, count: %s, cpu: %s, memory: %s%s}]}"
EXTERNAL = "  database: {kind: external, host: db.acme.example, admin: {secret: admin}}\n"


def room_of(machines: str, running: str = JIRA) -> Room:
    """Whether a stack has room; its database is somebody else's."""
    text = SMALL.replace("PRODUCTS", running).replace("MORE", f"{EXTERNAL}{machines}\n")
    stack = stack_of(text)
    return room(stack, products(stack), groups=stack.spec.placement.machines)


def test_what_a_machine_holds_back_is_taken_off_first() -> None:
    # A node asks for 4 GiB; a machine of 8 GiB holds back 1.8 GiB and 100 MiB, and the proxy takes 256 MiB.
    assert room_of(GROUP % (2, 4, "8Gi", "")).whole.verdict is Verdict.FITS
    tight = room_of(GROUP % (2, 4, "5Gi", ""))
    assert tight.whole.verdict is Verdict.CANNOT
    assert "no machine has that much" in tight.whole.why
    assert room_of(GROUP % (2, 4, "5Gi", ", reserved: {memory: 256Mi}")).whole.verdict is Verdict.FITS


def test_with_a_machine_lost_two_nodes_that_are_apart_need_three_machines() -> None:
    two = room_of(GROUP % (2, 4, "16Gi", ""))
    assert two.whole.verdict is Verdict.FITS
    assert two.lost["large"].verdict is Verdict.CANNOT
    assert "have to be apart" in two.lost["large"].why
    assert room_of(GROUP % (3, 4, "16Gi", "")).lost["large"].verdict is Verdict.FITS


def test_sidecars_companions_and_the_database_need_room_too() -> None:
    search = room_of(GROUP % (3, 8, "32Gi", ""), running=BITBUCKET)
    assert {pod.component for pod in search.pods} == {"bitbucket", "bitbucket-opensearch"}
    with_sidecar = JIRA.replace("}", ", sidecars: [{name: s, image: a/b, resources: {memory: 1Gi}}]}", 1)
    assert [pod.memory for pod in room_of(GROUP % (2, 4, "16Gi", ""), running=with_sidecar).pods] == [
        5 << 30
    ] * 2
    own = stack_of(SMALL.replace("PRODUCTS", JIRA).replace("MORE", GROUP % (3, 8, "32Gi", "")))
    found = room(own, products(own), groups=own.spec.placement.machines)
    assert [pod.name for pod in found.pods if pod.component == "database"] == [
        "database-0",
        "database-1",
        "database-2",
    ]


def test_machines_without_the_labels_that_are_asked_for_are_none() -> None:
    given = GROUP % (3, 8, "32Gi", ", labels: {pool: a}")
    given = given.replace("{machines:", "{nodeSelector: {pool: b}, machines:")
    found = room_of(given)
    assert "no machine" in found.whole.why


def test_a_file_that_names_no_machines_is_not_judged() -> None:
    stack = stack_of(SMALL.replace("PRODUCTS", JIRA).replace("MORE", ""))
    assert room_of_file(stack) == ()
