"""Spaces, pages, attachments, people and search, used as scripts for the real product would."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from atlassian.errors import ApiError, ApiValueError

from tests.understudy.support import NodeProcess, PostgreSQL, cleaned, eventually
from tests.understudy.wiki_support import (
    ADMIN,
    WikiCluster,
    api_client,
    create_page,
    create_space,
    eventually_found,
    found_by,
    make_cluster,
    set_up,
)
from understudy.confluence.attachments import file_path

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def cluster(
    postgres: PostgreSQL, database_numbers: Iterator[int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WikiCluster]:
    """One node for the tests of this module, with a space DEV."""
    database = postgres.create_database(f"u{os.getpid()}_{next(database_numbers)}")
    laid_out = make_cluster(database, tmp_path_factory.mktemp("wiki"), size=1, ATL_TOMCAT_CONTEXTPATH="/wiki")
    with cleaned(laid_out.nodes):
        set_up(laid_out.nodes[0])
        create_space(laid_out.nodes[0].client(auth=ADMIN))
        yield laid_out


@pytest.fixture
def node(cluster: WikiCluster) -> NodeProcess:
    return cluster.nodes[0]


@pytest.fixture
def client(node: NodeProcess) -> Iterator[httpx.Client]:
    with node.client(auth=ADMIN) as client:
        yield client


@pytest.fixture
def wiki(node: NodeProcess) -> Any:
    return api_client(node)


def test_a_client_library_makes_reads_changes_and_removes_a_page(wiki: Any) -> None:
    page_id = wiki.create_page("DEV", "Life of a page", "<p>first</p>")["id"]
    assert wiki.page_exists("DEV", "Life of a page")
    assert wiki.get_page_by_id(page_id, expand="body.storage")["body"]["storage"]["value"] == "<p>first</p>"
    changed = wiki.update_page(page_id, "Life of a page", "<p>second</p>", version_comment="better")
    assert changed["version"]["number"] == 2
    assert changed["version"]["message"] == "better"
    assert wiki.history(page_id)["lastUpdated"]["number"] == 2
    old = wiki.get("rest/api/content/" + page_id, params={"version": 1, "expand": "body.storage"})
    assert old["body"]["storage"]["value"] == "<p>first</p>"
    assert wiki.remove_page(page_id) == 204
    assert not wiki.page_exists("DEV", "Life of a page")


def test_a_client_library_lists_children_and_labels(wiki: Any) -> None:
    parent = wiki.create_page("DEV", "Parent", "<p/>")["id"]
    child = wiki.create_page("DEV", "Child", "<p/>", parent_id=parent)["id"]
    assert wiki.get_child_id_list(parent) == [child]
    assert wiki.get_parent_content_id(child) == parent
    wiki.set_page_label(child, "Important")
    assert [label["name"] for label in wiki.get_page_labels(child)["results"]] == ["important"]
    wiki.remove_page_label(child, "important")
    assert wiki.get_page_labels(child)["results"] == []
    wiki.add_comment(child, "<p>a remark</p>")
    assert wiki.get_page_comments(child)["size"] == 1


def test_a_client_library_handles_spaces(wiki: Any) -> None:
    wiki.create_space("LIB", "Library")
    assert wiki.get_space("LIB")["name"] == "Library"
    assert "LIB" in {space["key"] for space in wiki.get_all_spaces()["results"]}
    assert wiki.get_home_page_of_space("LIB")
    wiki.delete_space("LIB")
    with pytest.raises(ApiError):
        wiki.get_space("LIB")


def test_an_old_version_number_is_a_conflict(client: httpx.Client) -> None:
    page_id = create_page(client, "Contested")
    change = {"title": "Contested", "type": "page", "version": {"number": 2}}
    assert client.put(f"/rest/api/content/{page_id}", json=change).status_code == 200
    late = client.put(f"/rest/api/content/{page_id}", json=change)
    assert late.status_code == 409
    assert late.json()["message"] == "Version must be incremented on update. Current version is: 2"
    assert client.put(f"/rest/api/content/{page_id}", json={"title": "Contested"}).status_code == 400


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"title": ""}, 400),
        ({"space": {"key": "NONE"}}, 404),
        ({"space": {}}, 400),
        ({"body": {"storage": {"value": "<p>open", "representation": "storage"}}}, 400),
        (
            {
                "body": {
                    "storage": {"value": '<!DOCTYPE x [<!ENTITY a "b">]><p/>', "representation": "storage"}
                }
            },
            400,
        ),
        ({"type": "whiteboard"}, 400),
    ],
)
def test_content_that_is_no_good_is_refused(
    client: httpx.Client, change: dict[str, Any], status: int
) -> None:
    page = {"type": "page", "title": "Refused", "space": {"key": "DEV"}} | change
    answer = client.post("/rest/api/content", json=page)
    assert answer.status_code == status, answer.text
    assert answer.json()["statusCode"] == status


def test_a_title_is_unique_within_a_space(wiki: Any, client: httpx.Client) -> None:
    create_page(client, "Only one")
    again = client.post(
        "/rest/api/content", json={"type": "page", "title": "only ONE", "space": {"key": "DEV"}}
    )
    assert again.status_code == 400
    assert "already exists" in again.json()["message"]
    other = create_page(client, "Another one")
    with pytest.raises(ApiValueError):
        wiki.update_page(other, "Only one", "<p>x</p>")


def test_a_page_cannot_be_moved_below_itself(client: httpx.Client) -> None:
    top = create_page(client, "Top")
    below = client.post(
        "/rest/api/content",
        json={"type": "page", "title": "Below", "space": {"key": "DEV"}, "ancestors": [{"id": top}]},
    ).json()["id"]
    move = {"title": "Top", "version": {"number": 2}, "ancestors": [{"id": below}]}
    assert client.put(f"/rest/api/content/{top}", json=move).status_code == 400


def test_the_entities_and_name_spaces_of_storage_format_are_known(client: httpx.Client) -> None:
    macro = '<ac:structured-macro ac:name="info"><ac:rich-text-body><p>x</p></ac:rich-text-body></ac:structured-macro>'
    body = f"<p>a&nbsp;b &mdash; c</p>{macro}"
    page_id = create_page(client, "Macros", body=body)
    kept = client.get(f"/rest/api/content/{page_id}", params={"expand": "body.storage,body.view"}).json()[
        "body"
    ]
    assert kept["storage"]["value"] == body
    assert "ac:" not in kept["view"]["value"]


def test_a_page_shows_no_foreign_script(client: httpx.Client) -> None:
    page_id = create_page(
        client,
        "Hostile",
        body='<p onclick="x()">a</p><script>alert(1)</script><a href="javascript:x()">l</a>',
    )
    shown = client.get("/pages/viewpage.action", params={"pageId": page_id}).text
    assert "<script" not in shown
    assert "onclick" not in shown
    assert "javascript:" not in shown


def test_a_client_library_attaches_and_fetches_a_file(
    wiki: Any, client: httpx.Client, cluster: WikiCluster
) -> None:
    page_id = create_page(client, "With files")
    made = wiki.attach_content(b"one", "notes.txt", "text/plain", page_id=page_id)["results"][0]
    attachment_id = int(made["id"].removeprefix("att"))
    path = file_path(cluster.shared_home, attachment_id, version=1)
    assert path.read_bytes() == b"one"
    assert path.relative_to(cluster.shared_home).parts[:2] == ("attachments", "v4")
    link = made["_links"]["download"]
    assert client.get(link).content == b"one"
    new = client.post(
        f"/rest/api/content/{page_id}/child/attachment/{made['id']}/data",
        files={"file": ("notes.txt", io.BytesIO(b"two"), "text/plain")},
        headers={"X-Atlassian-Token": "no-check"},
    ).json()
    assert new["version"]["number"] == 2
    assert client.get(link.split("?")[0]).content == b"two"
    assert client.get(link.split("?")[0], params={"version": 1}).content == b"one"
    assert wiki.download_attachments_from_page(page_id, to_memory=True)["notes.txt"].read() == b"two"


def test_an_upload_without_the_header_against_forgery_is_refused(client: httpx.Client) -> None:
    page_id = create_page(client, "No header")
    path = f"/rest/api/content/{page_id}/child/attachment"
    assert client.post(path, files={"file": ("a", b"x")}).status_code == 403


def test_search_finds_by_words_space_type_label_and_ancestor(client: httpx.Client, wiki: Any) -> None:
    create_space(client, "SRCH")
    top = create_page(client, "Alpha report", body="<p>quarterly figures</p>", key="SRCH")
    wiki.create_page("SRCH", "Beta report", "<p>yearly numbers</p>", parent_id=top)
    wiki.set_page_label(top, "finance")
    both = {"Alpha report", "Beta report"}
    eventually_found(client, "space = SRCH and title ~ report", both)
    eventually_found(client, "label = finance", {"Alpha report"})
    assert found_by(client, 'text ~ "quarterly figures"') == {"Alpha report"}
    assert found_by(client, "space = SRCH and text ~ quart*") == {"Alpha report"}
    assert found_by(client, f"ancestor = {top} and type = page") == {"Beta report"}
    assert found_by(client, f"parent = {top} or id = {top}") == both
    assert found_by(client, "space in (SRCH, DEV) and title ~ report and not title ~ beta") == {
        "Alpha report"
    }
    assert found_by(client, "space = SRCH and creator = currentUser() and title ~ report") == both
    assert found_by(client, 'space = SRCH and created > now("-1h") and title ~ report') == both
    assert found_by(client, 'space = SRCH and created < "2020-01-01"') == set()
    ordered = wiki.cql("space = SRCH and title ~ report order by title desc", limit=1)
    assert ordered["results"][0]["title"] == "Beta report"
    assert ordered["totalSize"] == 2


def test_search_follows_a_change_and_a_removal(client: httpx.Client) -> None:
    page_id = create_page(client, "Moving target", body="<p>zebra</p>")
    eventually_found(client, "text ~ zebra", {"Moving target"})
    new = {"storage": {"value": "<p>giraffe</p>", "representation": "storage"}}
    change = {"title": "Moving target", "version": {"number": 2}, "body": new}
    client.put(f"/rest/api/content/{page_id}", json=change)
    eventually_found(client, "text ~ giraffe", {"Moving target"})
    assert found_by(client, "text ~ zebra") == set()
    client.delete(f"/rest/api/content/{page_id}")
    eventually_found(client, "text ~ giraffe", set())


@pytest.mark.parametrize(
    "cql",
    [
        "space",
        "space =",
        "colour = red",
        "title > a",
        "(space = A",
        "created > yesterday",
        "space = A order by colour",
    ],
)
def test_a_query_that_is_none_is_refused(client: httpx.Client, cql: str) -> None:
    answer = client.get("/rest/api/search", params={"cql": cql})
    assert answer.status_code == 400
    assert "Could not parse cql" in answer.json()["message"]


def test_people_groups_and_tokens(client: httpx.Client, node: NodeProcess) -> None:
    person = {
        "userName": "robot",
        "fullName": "Robot",
        "email": "robot@wiki.example",
        "password": "tin-man-8",
    }
    assert client.post("/rest/api/admin/user", json=person).status_code == 201
    assert client.post("/rest/api/admin/user", json=person).status_code == 400
    assert client.put("/rest/api/user/robot/group/confluence-administrators").status_code == 204
    groups = client.get("/rest/api/user/memberof", params={"username": "robot"}).json()["results"]
    assert {group["name"] for group in groups} == {"confluence-administrators", "confluence-users"}
    own = node.client(auth=("robot", "tin-man-8"))
    made = own.post("/rest/pat/latest/tokens", json={"name": "script", "expirationDuration": 5})
    assert made.status_code == 201
    token = made.json()["rawToken"]
    with_token = api_client(node, token=token)
    assert with_token.get_current_user()["username"] == "robot"
    assert own.delete(f"/rest/pat/latest/tokens/{made.json()['id']}").status_code == 204
    assert node.client(token=token).get("/rest/api/user/current").status_code == 401


def test_who_is_nobody_gets_401_and_who_is_no_administrator_403(
    client: httpx.Client, node: NodeProcess
) -> None:
    person = {"userName": "guest", "fullName": "Guest", "email": "g@wiki.example", "password": "guest-pass"}
    client.post("/rest/api/admin/user", json=person)
    guest = node.client(auth=("guest", "guest-pass"))
    assert node.client().get("/rest/api/content").status_code == 401
    assert guest.get("/rest/api/content").status_code == 200
    for path in ("/rest/api/cluster/nodes", "/rest/troubleshooting/1.0/check/", "/rest/plugins/1.0/"):
        assert guest.get(path).status_code == 403
    assert guest.post("/rest/api/space", json={"key": "G", "name": "G"}).status_code == 403


def test_a_person_logs_in_and_reads(node: NodeProcess, client: httpx.Client) -> None:
    page_id = create_page(client, "For people", body="<p>hello</p>")
    browser = node.client()
    away = browser.get("/pages/viewpage.action", params={"pageId": page_id})
    assert away.status_code == 302
    browser.follow_redirects = True
    form = browser.get("/login.action", params={"os_destination": f"/pages/viewpage.action?pageId={page_id}"})
    token = form.text.split('name="atl_token" value="')[1].split('"')[0]
    fields = {"os_username": ADMIN[0], "os_password": ADMIN[1], "atl_token": token}
    fields["os_destination"] = f"/pages/viewpage.action?pageId={page_id}"
    page = browser.post("/dologin.action", data=fields)
    assert "For people" in page.text
    assert "<p>hello</p>" in page.text
    assert "Dashboard" in browser.get("/").text
    assert "For people" in browser.get("/display/DEV").text
    assert browser.get("/display/DEV/For+people").status_code == 200
    assert "Confluence" not in page.text
    elsewhere = browser.post("/dologin.action", data=fields | {"os_destination": "//evil.example/"})
    assert elsewhere.url.host == node.address


def test_figures_health_apps_and_release(client: httpx.Client, wiki: Any) -> None:
    statuses = wiki.health_check()["statuses"]
    assert {status["isHealthy"] for status in statuses} == {True}
    assert not [app for app in wiki.get_plugins_info()["plugins"] if app["userInstalled"]]
    assert client.get("/rest/plugins/1.0/").headers["upm-token"]
    assert client.get("/rest/api/server-information").json()["version"] == "10.2.7"
    assert client.get("/rest/api/instance-metrics").json()["pages"] > 0
    assert wiki.collaborative_editing_shared_draft_status() == {"sharedDraftsEnabled": False}
    assert wiki.collaborative_editing_synchrony_status() == {"status": "stopped"}


def test_three_wrong_passwords_raise_a_challenge(client: httpx.Client, node: NodeProcess) -> None:
    person = {"userName": "forgetful", "fullName": "F", "email": "f@wiki.example", "password": "right-one"}
    client.post("/rest/api/admin/user", json=person)
    for _ in range(3):
        node.client(auth=("forgetful", "wrong")).get("/rest/api/user/current")
    refused = node.client(auth=("forgetful", "right-one")).get("/rest/api/user/current")
    assert refused.status_code == 403
    assert "CAPTCHA_CHALLENGE" in refused.headers["X-Authentication-Denied-Reason"]


def test_a_reindex_ends_and_keeps_what_was_there(client: httpx.Client) -> None:
    create_page(client, "Reindexed", body="<p>ocelot</p>")
    eventually_found(client, "text ~ ocelot", {"Reindexed"})
    assert client.post("/rest/api/index/unindex", json={}).status_code == 200
    assert found_by(client, "text ~ ocelot") == set()
    job = client.post("/rest/api/index/reindex", json={}).json()["jobID"]

    def finished() -> bool:
        task = client.get("/rest/api/index/reindex").json()
        return bool(task["finished"] and task["jobID"] == job)

    eventually(finished, what="the re-index")
    eventually_found(client, "text ~ ocelot", {"Reindexed"})


def test_missing_content_is_not_found(wiki: Any, client: httpx.Client) -> None:
    answer = client.get("/rest/api/content/999999999")
    assert answer.status_code == 404
    assert answer.json()["message"] == "No content found with id: ContentId{id=999999999}"
    assert client.get("/rest/api/content/abc").status_code == 400
    assert client.get("/rest/nothing/here").json()["statusCode"] == 404
    with pytest.raises(ApiError):
        wiki.update_page(999999999, "none", "<p/>", always_update=True)


def test_the_log_holds_no_password(node: NodeProcess, cluster: WikiCluster) -> None:
    log = Path(node.environment["CONFLUENCE_HOME"]) / "logs" / "atlassian-confluence.log"
    text = log.read_text()
    assert text
    for secret in (ADMIN[1], cluster.database["password"], "tin-man-8"):
        assert secret not in text


def test_properties_of_content_have_versions_of_their_own(client: httpx.Client) -> None:
    path = f"/rest/api/content/{create_page(client, 'With properties')}/property"
    made = client.post(path, json={"key": "lamp", "value": {"lit": True}}).json()
    assert (made["key"], made["value"], made["version"]["number"]) == ("lamp", {"lit": True}, 1)
    assert client.post(path, json={"key": "lamp", "value": 1}).status_code == 409
    stale = client.put(f"{path}/lamp", json={"key": "lamp", "value": 2, "version": {"number": 1}})
    assert stale.status_code == 409
    assert client.put(f"{path}/lamp", json={"value": 2, "version": {"number": 2}}).json()["value"] == 2
    assert [one["value"] for one in client.get(path).json()["results"]] == [2]
    assert client.delete(f"{path}/lamp").status_code == 204
    assert client.get(f"{path}/lamp").status_code == 404
