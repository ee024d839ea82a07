"""The set-up of the wiki: the walk, its traps, and what stays behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.understudy.support import NodeProcess, cleaned, eventually
from tests.understudy.wiki_support import (
    ADMIN,
    WikiCluster,
    answer_of,
    api_client,
    current_page,
    forms_of,
    make_cluster,
    set_up,
)
from understudy.confluence.configfile import CLUSTER_SECRET, read_config

pytestmark = pytest.mark.lab


@pytest.fixture
def cluster(database: Mapping[str, str], tmp_path: Path) -> Iterator[WikiCluster]:
    laid_out = make_cluster(database, tmp_path, size=2)
    with cleaned(laid_out.nodes):
        yield laid_out


def wait_for_first_run(node: NodeProcess) -> httpx.Client:
    node.start()
    node.wait_for("FIRST_RUN")
    client = node.client()
    client.follow_redirects = True
    return client


def page_after(client: httpx.Client, url: httpx.URL) -> httpx.Response:
    """The page at an address, once the context has been rebuilt."""

    def probe() -> httpx.Response | None:
        page = client.get(url)
        return page if page.status_code == 200 else None

    return eventually(probe, what=f"{url} answers")


def test_a_fresh_node_is_set_up_by_its_own_pages(cluster: WikiCluster) -> None:
    node = cluster.nodes[0]
    set_up(node)
    wiki = api_client(node)
    assert wiki.get_current_user()["username"] == ADMIN[0]
    for home in (cluster.home(node), cluster.shared_home):
        config = read_config(home)
        assert config is not None
        assert config.complete
        assert config.build_number > 0
        assert len(config.get(CLUSTER_SECRET)) > 20


def test_a_node_that_joins_takes_the_set_up_from_the_shared_home(cluster: WikiCluster) -> None:
    first, second = cluster.nodes
    set_up(first)
    second.start()
    second.wait_for("RUNNING")
    assert second.client(auth=ADMIN).get("/rest/api/user/current").json()["username"] == ADMIN[0]
    nodes = second.client(auth=ADMIN).get("/rest/api/cluster/nodes").json()
    assert nodes["size"] == 2
    assert read_config(cluster.home(second)) != read_config(cluster.home(first))


def test_the_way_to_the_form_is_longer_than_five_redirects(cluster: WikiCluster) -> None:
    client = wait_for_first_run(cluster.nodes[0])
    page = client.get("/")
    assert len(page.history) > 4
    assert page.url.path == "/setup/setupcluster-start.action"


def test_a_wrong_value_shows_the_same_form_again_with_200(cluster: WikiCluster) -> None:
    client = wait_for_first_run(cluster.nodes[0])
    form = answer_of(current_page(client))
    answer = client.post(form.action, data=dict(form.fields) | {"newCluster": "maybe"})
    assert answer.status_code == 200
    assert forms_of(answer.text)[0].action == form.action


def test_a_form_without_its_token_is_refused(cluster: WikiCluster) -> None:
    client = wait_for_first_run(cluster.nodes[0])
    form = answer_of(current_page(client))
    without = {name: value for name, value in form.fields.items() if name != "atl_token"}
    assert client.post(form.action, data=without).status_code == 403
    assert (
        client.post(form.action, data=without, headers={"X-Atlassian-Token": "no-check"}).status_code == 403
    )


def test_every_page_fails_while_the_context_is_rebuilt(cluster: WikiCluster) -> None:
    node = cluster.nodes[0]
    node.environment["UNDERSTUDY_REBUILD_SECONDS"] = "3"
    client = wait_for_first_run(node)
    form = answer_of(current_page(client))
    client.post(form.action, data=dict(form.fields))
    during = client.get("/")
    assert during.status_code == 500
    assert "Spring Application context has not been set" in during.text
    assert node.status() == (200, "FIRST_RUN")
    assert "dbchoiceSelect" in current_page(client).text


def test_posting_the_cluster_page_twice_breaks_the_set_up_for_good(cluster: WikiCluster) -> None:
    node = cluster.nodes[0]
    node.environment["UNDERSTUDY_REBUILD_SECONDS"] = "2"
    client = wait_for_first_run(node)
    form = answer_of(current_page(client))
    client.post(form.action, data=dict(form.fields))
    assert client.post(form.action, data=dict(form.fields)).status_code == 500
    eventually(lambda: "already exists" in client.get("/").text, what="the set-up says that it is broken")
    assert client.get("/").status_code == 500


def test_a_node_killed_in_the_middle_of_the_set_up_goes_on_where_it_was(cluster: WikiCluster) -> None:
    node = cluster.nodes[0]
    client = wait_for_first_run(node)
    form = answer_of(current_page(client))
    client.post(form.action, data=dict(form.fields))
    assert "dbchoiceSelect" in current_page(client).text
    node.kill()
    again = wait_for_first_run(node)
    assert "dbchoiceSelect" in current_page(again).text


def test_without_a_licence_the_set_up_asks_for_one(cluster: WikiCluster) -> None:
    node = cluster.nodes[0]
    node.environment["ATL_LICENSE_KEY"] = ""
    client = wait_for_first_run(node)
    page = current_page(client)
    assert "confLicenseString" in page.text
    form = forms_of(page.text)[0]
    refused = client.post(form.action, data=dict(form.fields) | {"confLicenseString": "short"})
    assert "not a licence key" in refused.text
    taken = client.post(form.action, data=dict(form.fields) | {"confLicenseString": "A" * 40})
    assert taken.url.path == "/setup/setupcluster-start.action"


@pytest.mark.parametrize(
    "variant",
    ["skip-cluster-page", "stale-resume", pytest.param("setup-unknown-page", marks=pytest.mark.exhaustive)],
)
def test_the_variants_of_the_set_up_lead_to_a_running_node(cluster: WikiCluster, variant: str) -> None:
    node = cluster.nodes[0]
    node.environment["UNDERSTUDY_VARIANTS"] = variant
    client = wait_for_first_run(node)
    page = client.get("/")
    while "finishsetup" not in page.url.path:
        form = answer_of(page)
        page = client.post(form.action, data=dict(form.fields))
        if page.status_code == 500:
            page = page_after(client, page.url)
    node.wait_for("RUNNING")


def test_set_up_pages_are_closed_afterwards(cluster: WikiCluster) -> None:
    node = cluster.nodes[0]
    set_up(node)
    answer = node.client().get("/setup/setupadministrator-start.action")
    assert answer.status_code == 302
    assert answer.headers["location"] == "/"
    posted = node.client().post("/setup/setupadministrator.action", data={"username": "x"})
    assert posted.status_code == 302


def test_without_a_database_the_start_fails_with_error(cluster: WikiCluster) -> None:
    node = cluster.nodes[0]
    node.environment["ATL_JDBC_URL"] = "jdbc:postgresql://127.0.0.1:1/none"
    node.start()
    node.wait_for("ERROR")
    assert node.status() == (500, "ERROR")
    assert cluster.database["password"] not in node.tail(100_000)


def test_wrong_settings_are_told_all_at_once(cluster: WikiCluster) -> None:
    node = cluster.nodes[0]
    node.environment |= {
        "ATL_CLUSTER_TYPE": "multicast",
        "ATL_DB_TYPE": "oracle12c",
        "UNDERSTUDY_VARIANTS": "none",
    }
    node.start()
    assert node.process is not None
    assert node.process.wait(30) == 2
    for name in ("ATL_CLUSTER_TYPE", "ATL_DB_TYPE", "UNDERSTUDY_VARIANTS"):
        assert name in node.tail()
