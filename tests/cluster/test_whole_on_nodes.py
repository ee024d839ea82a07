"""All products with their companions, and an application of somebody's own, kept by one operator on real nodes."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.proof.stage import Staged
from testbed.cluster import Wanted
from testbed.parts import Cache
from tests.cluster.given import ours
from tests.cluster.kept import NAME, TAG, UP
from tests.cluster.support import until
from tests.cluster.test_nodes import Bed, bed_of, database_beside
from tests.cluster.users import judge, tell
from tests.cluster.whole import (
    NEXT,
    RELEASES,
    SEARCH,
    Whole,
    asked,
    crowds,
    found,
    staged,
    written,
)
from tests.support.desk import Result
from tests.understudy.test_synchrony_cluster import Editor, token_of
from understudy.kit.database import Database, DatabaseAddress
from understudy.kit.edit_tokens import load_secret

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(1500), ours]

BY = Path(__file__).name
COMPANIONS = {"confluence-synchrony": 2, "bitbucket-opensearch": 1}
PAGE = "page-of-all"
REFUSED = 4
"""Exit code of what a guard speaks against."""


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    """Three nodes with a gateway: one more than members, so that a member has somewhere to go."""
    images = {product: [release, NEXT[product]] for product, release in RELEASES.items()}
    images |= {"opensearch": [SEARCH], "postgres": ["17"], "telamon": [TAG]}
    yield from bed_of(Wanted(nodes=3, images=images, gateway=True, tied=True))


@pytest.fixture(scope="module")
def whole(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """The stack, ready."""
    folder: Path = tmp_path_factory.mktemp("whole")
    for server in database_beside():
        kept = Whole(bed, server, folder, "shared", "")
        told = kept.install()
        assert told.code == 0, told.err + told.out
        lacking = kept.up()
        assert lacking.code == 9, lacking.err + lacking.out
        kept.bring()
        ready = kept.up("--timeout", "8m")
        assert ready.code == 0, f"{ready.err}{ready.out}{kept.stack().get('status')}"
        kept.open_front()
        yield kept


@pytest.fixture(scope="module")
def made(whole: Whole) -> dict[str, Staged]:
    """Users of every product, and what they need: written through the front door."""
    return staged(whole)


def done(whole: Whole, *words: str) -> Result:
    """Ask for an operation once it may begin, and demand that it is carried out."""
    asked_for: list[Result] = []

    def is_taken() -> bool:
        asked_for.append(whole.telamon(*words, "--stack", NAME, "--timeout", "10m"))
        # On a busy machine an index is behind, or a member is slow, for a moment: the refusal says to wait.
        return asked_for[-1].code != REFUSED and "denied the request" not in asked_for[-1].err

    until(is_taken, within=UP)
    told = asked_for[-1]
    assert told.code == 0, told.err + told.out
    return told


def settled(whole: Whole) -> None:
    """Wait until everybody serves, and every member of every product lists all of them."""
    until(whole.serve, within=UP)
    until(whole.are_one, within=UP)


def stands(whole: Whole, member: str, state: str) -> None:
    """Wait until a member is told to be in a state; what is told lags behind what was done."""
    until(lambda: whole.members()[member][0] == state, within=UP)


def is_open(product: str) -> None:
    """Wait until the front door lets users of a product in."""
    until(lambda: asked(product, "/status") == 200, within=UP)


def test_every_product_is_ready_and_one_cluster(whole: Whole) -> None:
    assert whole.bed.cluster is not None
    command = (
        str(Cache.of().find("kubectl")),
        "wait",
        "--for=condition=Ready",
        f"stack/{NAME}",
        f"--namespace={OPERATOR_NAMESPACE}",
        "--timeout=240s",
        f"--cache-dir={whole.folder}",
        f"--kubeconfig={whole.bed.cluster.kubeconfig}",
    )
    waited = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.defpath})
    assert waited.returncode == 0, waited.stderr
    settled(whole)
    is_open("tiny")
    until(lambda: asked("confluence", "/synchrony/heartbeat") == 200, within=UP)
    # Each member of a product is on a machine of its own.
    for product in (*RELEASES, "tiny"):
        pods = [whole.bed.pod(f"{product}-{n}", namespace=f"{NAME}-{product}") for n in range(2)]
        assert len({pod["spec"]["nodeName"] for pod in pods}) == 2


def test_what_is_written_is_found_by_the_stack_s_own_search(whole: Whole, made: dict[str, Staged]) -> None:
    assert made.keys() == RELEASES.keys()
    # It speaks TLS, by a certificate that the nodes trust because it is rendered so.
    until(lambda: found(whole, "Chapter project:USERS") > 0, within=UP)
    done(whole, "index", "rebuild", "bitbucket", "--yes")
    until(lambda: found(whole, "Chapter project:USERS") > 0, within=UP)


def test_editors_of_a_page_meet_on_any_node_of_synchrony(whole: Whole) -> None:
    password = "acme-confluence-database-password"
    url = f"jdbc:postgresql://{whole.server.address}:{whole.server.port}/confluence"
    pool = Database(DatabaseAddress.from_jdbc(url, user="confluence", password=password))
    secret = load_secret(pool, "jwt")
    pool.close()
    addresses = [
        whole.bed.pod(f"confluence-synchrony-{n}", namespace=f"{NAME}-confluence")["status"]["podIP"]
        for n in range(2)
    ]
    urls = [f"ws://{address}:8091/synchrony/v1/bayeux-sync1" for address in addresses]
    with connect(urls[0], proxy=None) as first, connect(urls[1], proxy=None) as second:
        ada, bob = (
            Editor(socket, token_of(secret, user, PAGE), document=PAGE, since=None)
            for socket, user in ((first, "ada"), (second, "bob"))
        )
        ada.edit("1", "hello")
        ada.receive("ack")
        assert bob.follow_to(1) == "hello"


def test_indexes_are_given_and_taken(whole: Whole) -> None:
    for product in ("jira", "confluence"):
        settled(whole)
        begun = time.monotonic()
        done(whole, "index", "sync", product, "--from", f"{product}-0", "--to", f"{product}-1", "--yes")
        tell({"what": f"index sync of {product}", "seconds": round(time.monotonic() - begun)}, by=BY)
    settled(whole)


def test_a_member_is_set_aside_and_taken_back(whole: Whole) -> None:
    for product in RELEASES:
        member = f"{product}-1"
        settled(whole)
        done(whole, "quarantine", member, "--yes")
        stands(whole, member, "Quarantined")
        is_open(product)
        done(whole, "release", member, "--yes")
    settled(whole)


def test_companions_are_restarted_one_by_one(whole: Whole) -> None:
    for component, nodes in COMPANIONS.items():
        namespace = f"{NAME}-{component.partition('-')[0]}"
        names = [f"{component}-{n}" for n in range(nodes)]
        before = {whole.bed.pod(name, namespace=namespace)["metadata"]["uid"] for name in names}
        done(whole, "restart", component, "--yes")
        after = {whole.bed.pod(name, namespace=namespace)["metadata"]["uid"] for name in names}
        assert not before & after
    settled(whole)
    until(lambda: found(whole, "Chapter project:USERS") > 0, within=UP)
    until(lambda: asked("confluence", "/synchrony/heartbeat") == 200, within=UP)


def test_a_machine_is_emptied_while_other_members_restart(whole: Whole, made: dict[str, Staged]) -> None:
    settled(whole)
    machine = str(whole.bed.pod("jira-1", namespace=f"{NAME}-jira")["spec"]["nodeName"])
    told: list[Result] = []
    words = ("machines", "drain", machine, "--yes", "--timeout", "10m")
    emptying = threading.Thread(target=lambda: told.append(whole.telamon(*words)))
    for product in RELEASES:
        is_open(product)
    begun = time.monotonic()
    with crowds(whole, made, "emptied") as met:
        emptying.start()
        for product in RELEASES:
            elsewhere = [
                f"{product}-{n}"
                for n in range(2)
                if whole.bed.pod(f"{product}-{n}", namespace=f"{NAME}-{product}")["spec"]["nodeName"]
                != machine
            ]
            done(whole, "restart", product, elsewhere[0], "--yes")
        emptying.join()
        took = round(time.monotonic() - begun)
        settled(whole)
    assert told[0].code == 0, told[0].err + told[0].out
    assert whole.telamon("machines", "uncordon", machine).code == 0
    judge("drain of a node and restarts", met, by=BY, took=took)


def brought(whole: Whole, within: str = "20m") -> None:
    """Bring the stack to what its file says, and wait until it is so."""
    told = whole.up("--timeout", within)
    assert told.code == 0, f"{told.err}{told.out}{whole.stack().get('status')}"
    settled(whole)


def test_every_product_is_scaled_under_load(whole: Whole, made: dict[str, Staged]) -> None:
    settled(whole)
    begun = time.monotonic()
    with crowds(whole, made, "scaled") as met:
        whole.nodes = 3
        brought(whole)
        three = time.monotonic()
        whole.nodes = 2
        brought(whole)
        two = time.monotonic()
    judge("scale 2-3-2", met, by=BY, up=round(three - begun), down=round(two - three))


def is_there(whole: Whole, product: str, path: str) -> bool:
    """Whether an administrator is shown something."""
    return asked(product, path, whole.password) == httpx.codes.OK


def test_every_product_goes_back_to_a_backup(whole: Whole, made: dict[str, Staged]) -> None:
    assert made.keys() == RELEASES.keys()
    for product in RELEASES:
        settled(whole)
        kept = written(whole, product, "before the backup")
        begun = time.monotonic()
        done(whole, "backup", product)
        saved = time.monotonic()
        lost = written(whole, product, "after the backup")
        listed = whole.telamon("backup", "list", "--stack", NAME).document
        newest = max(
            (each for each in listed if each["name"].startswith(f"{product}-")), key=lambda each: each["name"]
        )
        done(whole, "restore", product, "--from", newest["name"], "--yes")
        settled(whole)
        until(partial(is_there, whole, product, kept), within=UP)
        assert asked(product, lost, whole.password) == httpx.codes.NOT_FOUND
        back = round(time.monotonic() - saved)
        tell({"what": f"backup and restore of {product}", "saved": round(saved - begun), "back": back}, by=BY)


def test_every_release_rolls_out_under_load(whole: Whole, made: dict[str, Staged]) -> None:
    settled(whole)
    namespaces = {product: f"{NAME}-{product}" for product in RELEASES}
    pods = [(f"{product}-{n}", space) for product, space in namespaces.items() for n in range(2)]
    before = {name: whole.bed.pod(name, namespace=space)["metadata"]["uid"] for name, space in pods}
    begun = time.monotonic()
    with crowds(whole, made, "upgraded") as met:
        whole.releases = dict(NEXT)
        brought(whole)
        took = round(time.monotonic() - begun)
    after = {name: whole.bed.pod(name, namespace=space)["metadata"]["uid"] for name, space in pods}
    assert not set(before.values()) & set(after.values())
    judge("rolling upgrade", met, by=BY, took=took)
