"""Two nodes of the wiki: what they share, and what each survives."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.understudy.support import NodeProcess, PostgreSQL, cleaned, eventually
from tests.understudy.wiki_support import (
    ADMIN,
    WikiCluster,
    WikiTemplate,
    api_client,
    create_page,
    eventually_found,
    found_by,
    make_cluster,
    set_up,
    start_all,
)
from understudy.confluence.configfile import CLUSTER_SECRET, read_config, write_config
from understudy.confluence.safety import SafetyJob

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def template(
    postgres: PostgreSQL, database_numbers: Iterator[int], tmp_path_factory: pytest.TempPathFactory
) -> WikiTemplate:
    database = postgres.create_database(f"u{os.getpid()}_{next(database_numbers)}")
    return WikiTemplate.make(database, tmp_path_factory.mktemp("template"))


@pytest.fixture
def cluster(
    postgres: PostgreSQL, template: WikiTemplate, database_numbers: Iterator[int], tmp_path: Path
) -> Iterator[WikiCluster]:
    """Two nodes that run, with a space DEV."""
    name = f"u{os.getpid()}_{next(database_numbers)}"
    laid_out = template.lay_out(postgres, name, tmp_path, size=2)
    with cleaned(laid_out.nodes):
        start_all(laid_out.nodes)
        yield laid_out


def position_of(cluster: WikiCluster, node: NodeProcess) -> int:
    return int((cluster.home(node) / "journal" / "main_index").read_text())


def overview(node: NodeProcess) -> dict[str, object]:
    answer: dict[str, object] = node.client(auth=ADMIN).get("/rest/zdu/cluster").json()
    return answer


def member_names(node: NodeProcess) -> set[str]:
    nodes = overview(node)["nodes"]
    assert isinstance(nodes, list)
    return {str(member["name"]) for member in nodes}


def test_what_one_node_writes_the_other_reads_and_finds(cluster: WikiCluster) -> None:
    first, second = (node.client(auth=ADMIN) for node in cluster.nodes)
    page_id = create_page(first, "Shared page", body="<p>lynx</p>")
    assert second.get(f"/rest/api/content/{page_id}").json()["title"] == "Shared page"
    eventually_found(second, "text ~ lynx", {"Shared page"})
    eventually_found(first, "text ~ lynx", {"Shared page"})


def test_a_client_library_pages_through_results(cluster: WikiCluster) -> None:
    client = cluster.nodes[0].client(auth=ADMIN)
    titles = {f"Numbered {number}" for number in range(5)}
    for title in titles:
        create_page(client, title)
    eventually_found(client, "title ~ numbered", titles)
    wiki = api_client(cluster.nodes[0])
    found = [hit["title"] for hit in wiki.cql_all("title ~ numbered order by title", limit=2)]
    assert found == sorted(titles)
    pages = wiki.get_all_pages_from_space_as_generator("DEV", limit=2)
    assert titles <= {page["title"] for page in pages}


def test_nothing_acknowledged_is_lost_when_a_node_is_killed(cluster: WikiCluster) -> None:
    first, second = cluster.nodes
    client = first.client(auth=ADMIN)
    kept = {}
    for number in range(20):
        page_id = create_page(client, f"Kept {number}")
        upload = client.post(
            f"/rest/api/content/{page_id}/child/attachment",
            files={"file": ("f.bin", bytes([number]) * 1000)},
            headers={"X-Atlassian-Token": "no-check"},
        )
        assert upload.status_code == 200
        kept[page_id] = bytes([number]) * 1000
    first.kill()
    other = second.client(auth=ADMIN)
    for page_id, content in kept.items():
        assert other.get(f"/download/attachments/{page_id}/f.bin").content == content
    eventually_found(other, "title ~ kept and type = page", {f"Kept {number}" for number in range(20)})


def test_a_killed_node_leaves_the_cluster_and_joins_again(cluster: WikiCluster) -> None:
    first, second = cluster.nodes
    assert member_names(first) == member_names(second) == {"wiki-0", "wiki-1"}
    second.kill()
    eventually(lambda: member_names(first) == {"wiki-0"}, what="the killed node is no member")
    client = first.client(auth=ADMIN)
    create_page(client, "Written alone", body="<p>heron</p>")
    second.start()
    second.wait_for("RUNNING")
    assert found_by(second.client(auth=ADMIN), "text ~ heron") == {"Written alone"}
    eventually(lambda: member_names(first) == {"wiki-0", "wiki-1"}, what="it is a member again")


def test_the_position_in_the_journal_is_never_newer_than_the_index(cluster: WikiCluster) -> None:
    first, second = cluster.nodes
    client = first.client(auth=ADMIN)
    for round_number in range(3):
        for number in range(10):
            create_page(client, f"Round {round_number} page {number}")
        second.kill()
        before = position_of(cluster, second)
        second.start()
        second.wait_for("RUNNING")
        assert position_of(cluster, second) >= before
        expected = {f"Round {round_number} page {number}" for number in range(10)}
        assert found_by(second.client(auth=ADMIN), f"title ~ round and title ~ {round_number}") >= expected


def test_an_orderly_stop_ends_with_0_and_leaves_the_cluster_at_once(cluster: WikiCluster) -> None:
    first, second = cluster.nodes
    assert second.stop() == 0
    eventually(lambda: member_names(first) == {"wiki-0"}, what="the node has left", seconds=10)


def test_remember_me_brings_a_person_back_on_the_other_node(cluster: WikiCluster) -> None:
    first, second = cluster.nodes
    browser = first.client()
    form = browser.get("/login.action")
    token = form.text.split('name="atl_token" value="')[1].split('"')[0]
    fields = {"os_username": ADMIN[0], "os_password": ADMIN[1], "os_cookie": "true", "atl_token": token}
    assert browser.post("/dologin.action", data=fields).status_code == 302
    remembered = browser.cookies["seraph.confluence"]
    session = browser.cookies["JSESSIONID"]
    first.kill()
    url = f"{second.url}/rest/api/user/current"
    without = httpx.get(url, cookies={"JSESSIONID": session}, trust_env=False)
    assert without.json()["type"] == "anonymous"
    back = httpx.get(url, cookies={"seraph.confluence": remembered}, trust_env=False)
    assert back.json()["username"] == ADMIN[0]
    assert "JSESSIONID" in back.cookies


@pytest.mark.parametrize("what", ["no index", "no position", "broken index"])
def test_a_node_without_a_usable_index_takes_one_from_the_other_node(cluster: WikiCluster, what: str) -> None:
    first, second = cluster.nodes
    create_page(first.client(auth=ADMIN), "Recovered", body="<p>ibex</p>")
    eventually_found(second.client(auth=ADMIN), "text ~ ibex", {"Recovered"})
    second.stop()
    home = cluster.home(second)
    if what == "no position":
        (home / "journal" / "main_index").unlink()
    else:
        for path in (home / "index").rglob("*"):
            if path.is_file() and what == "no index":
                path.unlink()
            elif path.suffix in {".store", ".term", ".idx"}:
                path.write_bytes(bytes(path.stat().st_size))
    second.start()
    second.wait_for("RUNNING")
    assert "index node," in second.tail()
    assert found_by(second.client(auth=ADMIN), "text ~ ibex") == {"Recovered"}
    assert not list((cluster.shared_home / "index-snapshots").glob("*.zip"))


def test_a_node_prefers_the_snapshot_in_the_shared_home(cluster: WikiCluster) -> None:
    first, second = cluster.nodes
    client = first.client(auth=ADMIN)
    create_page(client, "Before the snapshot", body="<p>otter</p>")
    eventually_found(client, "text ~ otter", {"Before the snapshot"})
    assert cluster.control(first, "clean-journal") == {"snapshot": True}
    entry = (cluster.shared_home / "index-snapshots" / "IndexSnapshot_main_index_journal_id").read_text()
    assert (cluster.shared_home / "index-snapshots" / f"IndexSnapshot_main_index_{entry}.zip").is_file()
    create_page(client, "After the snapshot", body="<p>otter</p>")
    second.stop()
    (cluster.home(second) / "journal" / "main_index").write_text("garbage")
    second.start()
    second.wait_for("RUNNING")
    assert "index shared-home," in second.tail()
    assert found_by(second.client(auth=ADMIN), "text ~ otter") == {
        "Before the snapshot",
        "After the snapshot",
    }


def test_a_lone_node_without_an_index_rebuilds_it(cluster: WikiCluster) -> None:
    first, second = cluster.nodes
    create_page(first.client(auth=ADMIN), "Rebuilt", body="<p>marten</p>")
    for node in cluster.nodes:
        node.stop()
    (cluster.home(second) / "journal" / "main_index").unlink()
    second.start()
    second.wait_for("RUNNING")
    assert "index rebuilt," in second.tail()
    assert found_by(second.client(auth=ADMIN), "text ~ marten") == {"Rebuilt"}


def test_a_reindex_on_one_node_reaches_the_other(cluster: WikiCluster) -> None:
    first, second = (node.client(auth=ADMIN) for node in cluster.nodes)
    create_page(first, "Spread", body="<p>stoat</p>")
    eventually_found(second, "text ~ stoat", {"Spread"})
    assert second.post("/rest/api/index/unindex", json={}).status_code == 200
    assert found_by(second, "text ~ stoat") == set()
    assert first.post("/rest/api/index/reindex", json={}).status_code == 200
    eventually_found(second, "text ~ stoat", {"Spread"})


def test_a_node_with_a_broken_index_says_so_and_the_other_serves(cluster: WikiCluster) -> None:
    first, second = (node.client(auth=ADMIN) for node in cluster.nodes)
    create_page(first, "Damaged", body="<p>weasel</p>")
    eventually_found(second, "text ~ weasel", {"Damaged"})
    assert cluster.control(cluster.nodes[1], "break-index")["files"] > 0

    def unhealthy() -> bool:
        statuses = second.get("/rest/troubleshooting/1.0/check/").json()["statuses"]
        return [status["name"] for status in statuses if not status["isHealthy"]] == ["Search index"]

    eventually(unhealthy, what="the health check names the index")
    assert cluster.nodes[1].status() == (200, "RUNNING")
    assert found_by(first, "text ~ weasel") == {"Damaged"}


def test_two_nodes_without_contact_on_one_database_end_in_panic(
    database: Mapping[str, str], tmp_path: Path
) -> None:
    cluster = make_cluster(database, tmp_path, size=2)
    with cleaned(cluster.nodes):
        first, second = cluster.nodes
        set_up(first)
        second.environment["ATL_CLUSTER_PEERS"] = f"{second.address}:{cluster.cluster_ports[second.address]}"
        first_peers = f"{first.address}:{cluster.cluster_ports[first.address]}"
        config = read_config(cluster.home(first))
        assert config is not None
        first.stop()
        write_config(cluster.home(first), config.with_entries({"confluence.cluster.peers": first_peers}))
        first.start()
        first.wait_for("RUNNING")
        second.start()
        first.wait_for("ERROR")
        assert first.status()[0] == 500
        page = first.client().get("/login.action")
        assert page.status_code == 503
        assert "not part of the current cluster" in page.text
        assert first.client(auth=ADMIN).get("/rest/api/content").status_code == 503


def test_a_panic_takes_the_other_members_of_the_same_cluster_along(cluster: WikiCluster) -> None:
    cluster.control(cluster.nodes[0], "panic")
    for node in cluster.nodes:
        node.wait_for("ERROR")


def test_members_in_contact_never_panic_while_nodes_come_and_go(cluster: WikiCluster) -> None:
    first, second = cluster.nodes
    for _ in range(3):
        second.kill()
        eventually(lambda: member_names(first) == {"wiki-0"}, what="the node has gone")
        second.start()
        second.wait_for("RUNNING")
        assert first.status()[1] == "RUNNING"


def test_a_node_held_up_for_long_harms_nobody_but_itself_when_it_goes_on(cluster: WikiCluster) -> None:
    first, second = cluster.nodes
    assert second.process is not None
    second.process.send_signal(signal.SIGSTOP)
    try:
        eventually(lambda: member_names(first) == {"wiki-0"}, what="the held-up node is no member")
        wait_for_renewal(cluster)
    finally:
        second.process.send_signal(signal.SIGCONT)
    for _ in range(3):
        wait_for_renewal(cluster)
    assert first.status()[1] == "RUNNING"
    settled = second.status()[1] == "ERROR" or member_names(first) == {"wiki-0", "wiki-1"}
    assert settled, second.tail()


def test_safety_numbers_come_in_turns_and_not_by_the_clocks_of_those_who_made_them() -> None:
    """A node whose clock is an hour behind renews the number as well as any other."""
    nobody: Any = None
    job = SafetyJob(nobody, nobody, nobody, interval=1.0, split_seconds=1.0, panic=lambda _: None)
    first, second = (
        {"number": number, "previous": number - 1, "modifier": f"node-{number}", "turn": number}
        for number in (1, 2)
    )
    for put in (first, second, first):
        job.handle_put(str(put["modifier"]), put)
    assert job.handle_get("node-3", {}) == second


def wait_for_renewal(cluster: WikiCluster) -> None:
    """Wait until the safety job has run once more."""
    before = number_in(cluster)
    eventually(lambda: number_in(cluster) != before, what="the safety number is renewed")


def number_in(cluster: WikiCluster) -> int | None:
    """The safety number in the database."""
    url = httpx.URL(cluster.database["url"].removeprefix("jdbc:"))
    with psycopg.connect(
        host=url.host,
        port=url.port,
        dbname=url.path.strip("/"),
        user=cluster.database["user"],
        password=cluster.database["password"],
    ) as connection:
        row = connection.execute("select safetynumber from clustersafety").fetchone()
    return None if row is None else int(row[0])


def test_a_cluster_grows_by_a_node_that_the_others_do_not_list(
    database: Mapping[str, str], tmp_path: Path
) -> None:
    cluster = make_cluster(database, tmp_path, size=3)
    with cleaned(cluster.nodes):
        first, second, third = cluster.nodes
        both = ",".join(f"{node.address}:{cluster.cluster_ports[node.address]}" for node in (first, second))
        for node in (first, second):
            node.environment["ATL_CLUSTER_PEERS"] = both
        set_up(first)
        start_all([second, third])
        three = {"wiki-0", "wiki-1", "wiki-2"}
        eventually(lambda: all(member_names(node) == three for node in cluster.nodes), what="three members")
        wait_for_renewal(cluster)
        wait_for_renewal(cluster)
        assert [node.status()[1] for node in cluster.nodes] == ["RUNNING"] * 3


def test_a_node_with_another_secret_is_refused(cluster: WikiCluster) -> None:
    first, second = cluster.nodes
    second.stop()
    shared = read_config(cluster.shared_home)
    assert shared is not None
    write_config(cluster.shared_home, shared.with_entries({CLUSTER_SECRET: "another"}))
    second.start()
    second.wait_for("ERROR")
    assert "authentication failed" in second.tail()
    assert first.status()[1] == "RUNNING"


def test_a_lost_database_gives_5xx_and_comes_back_by_itself(
    cluster: WikiCluster, postgres: PostgreSQL
) -> None:
    first = cluster.nodes[0]
    client = first.client(auth=ADMIN)
    page_id = create_page(client, "Before the crash")
    postgres.kill()
    try:
        assert client.get(f"/rest/api/content/{page_id}").status_code == 500
        assert first.status() == (200, "RUNNING")
    finally:
        postgres.start()
    eventually(
        lambda: client.get(f"/rest/api/content/{page_id}").status_code == 200, what="the page is read again"
    )
    create_page(client, "After the crash")
    assert [node.status()[1] for node in cluster.nodes] == ["RUNNING", "RUNNING"]


def test_a_node_cut_from_its_database_says_so_in_its_health_check(cluster: WikiCluster) -> None:
    first = cluster.nodes[0]
    client = first.client(auth=ADMIN)
    assert client.get("/rest/troubleshooting/1.0/check/").status_code == 200
    cluster.control(first, "cut-database", cut=True)
    answer = client.get("/rest/troubleshooting/1.0/check/")
    failed = [status["name"] for status in answer.json()["statuses"] if not status["isHealthy"]]
    assert "Database" in failed
    cluster.control(first, "cut-database", cut=False)
    assert client.get("/rest/api/content").status_code == 200
