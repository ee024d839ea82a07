"""Set-up pages of the issue tracker: the walk, its refusals, and the variants."""

from __future__ import annotations

import pytest

from tests.understudy.jirasupport import ADMIN, JiraCluster, answers, forms_of, walk
from tests.understudy.support import eventually

pytestmark = pytest.mark.lab
STEPS = [
    "SetupApplicationProperties.jspa",
    "SetupLicense.jspa",
    "SetupAdminAccount.jspa",
    "SetupMailNotifications.jspa",
]


def test_the_walk_leads_to_a_running_node(jira: JiraCluster) -> None:
    node = jira.node("one")
    node.start()
    node.wait_for("FIRST_RUN")
    assert node.status() == (200, "FIRST_RUN")
    assert walk(node) == STEPS
    assert node.status() == (200, "RUNNING")
    client = node.client(auth=ADMIN)
    assert client.get("/rest/api/2/myself").json()["name"] == "admin"
    info = client.get("/rest/api/2/serverInfo").json()
    assert (info["version"], info["buildNumber"], info["deploymentType"]) == ("11.3.1", 11030001, "Server")
    assert info["baseUrl"] == node.url
    assert "already been set up" in client.get("/secure/SetupLicense!default.jspa").text


@pytest.mark.parametrize("variant", ["setup-referer", "setup-cookie-only", "setup-hidden-only"])
def test_the_safe_token_rule_passes_every_variant(jira: JiraCluster, variant: str) -> None:
    node = jira.node("one", UNDERSTUDY_VARIANTS=variant)
    node.start()
    node.wait_for("FIRST_RUN")
    assert walk(node) == STEPS


def test_incomplete_database_settings_show_the_database_step(jira: JiraCluster) -> None:
    node = jira.node(
        "one", ATL_DB_DRIVER="-", UNDERSTUDY_VARIANTS="setup-mode-page", ATL_TOMCAT_CONTEXTPATH="jira"
    )
    node.start()
    node.wait_for("FIRST_RUN")
    assert walk(node, jira.database) == ["SetupMode.jspa", "SetupDatabase.jspa", *STEPS]
    assert node.stop() == 0
    again = jira.node("one", UNDERSTUDY_VARIANTS="")
    again.start()
    again.wait_for("RUNNING")


def test_wrong_values_show_the_same_form_and_forms_need_their_token(jira: JiraCluster) -> None:
    node = jira.node("one")
    node.start()
    node.wait_for("FIRST_RUN")
    client = node.client()
    url = "/secure/SetupApplicationProperties"
    form = eventually(lambda: forms_of(client.get(f"{url}!default.jspa")), what="the first form")[0]
    data = form.fields | answers(node)
    assert client.post(f"{url}.jspa", data=data | {"atl_token": "wrong"}).status_code == 403
    assert client.post(f"{url}!default.jspa", data=data).status_code == 405
    again = client.post(f"{url}.jspa", data=form.fields | {"title": "Kept", "baseURL": "nonsense"})
    assert again.status_code == 200
    assert forms_of(again)[0].fields["title"] == "Kept"
    done = client.post(f"{url}.jspa", data=data | {"atl_token": form.fields["atl_token"]})
    assert (done.status_code, done.headers["location"]) == (302, "/secure/SetupLicense!default.jspa")
    licence = client.get(done.headers["location"])
    first, second = forms_of(licence)
    assert first.action == second.action
    assert client.post(first.action, data=first.fields).status_code == 500
    assert client.post(second.action, data=second.fields | {"setupLicenseKey": "short"}).status_code == 200
    assert client.get("/rest/api/2/serverInfo").status_code == 503
    assert walk(node) == STEPS[1:]


def test_wrong_settings_end_the_process_with_every_problem(jira: JiraCluster) -> None:
    node = jira.node("one")
    node.environment |= {"ATL_TOMCAT_PORT": "http", "UNDERSTUDY_VARIANTS": "nonsense", "JIRA_HOME": "here"}
    node.start()
    assert node.process is not None
    assert node.process.wait(20) == 2
    for name in ("ATL_TOMCAT_PORT", "UNDERSTUDY_VARIANTS", "JIRA_HOME"):
        assert name in node.tail()
