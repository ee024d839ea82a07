"""What users of Jira do, and what Jira promises them.

Mix: the vendor's DC App Performance Toolkit (Source: ``app/jira.yml`` of the public repository
atlassian/dc-app-performance-toolkit): view issue 34, search 11, dashboard 10, browse projects 9, scrum board 8, kanban
board 7, backlog 6, edit 5, create 4, project summary 3, comment 2, browse boards 1 per cent. Boards and backlogs belong
to Jira Software and draw themselves from a search over the project, which stands for them here. The toolkit writes no
attachment and removes nothing; one per cent each is taken from viewing. Viewing an issue is split into its page and the
requests for fields, comments and files that the page makes.

Promises: fields, comments and attachments are read from the one database, and are strict. Nodes search their own
index, which follows the others' writes within seconds (Source: Atlassian, "Search indexing in Jira Data Center"), so a
search is eventual; when nothing changes any more it finds everything, which the audit looks at. Two who edit a field do
not notice one another: the last one wins, which is legal here.

Permissions: the scheme of new projects lets everybody who may use Jira browse, create, edit and comment on issues,
attach files, and delete comments of their own (Source: Atlassian, "Managing project permissions", default scheme).

Source of the routes: Jira Data Center platform REST API, version 2; the login form is ``/login.jsp`` with
``os_username``, ``os_password`` and ``os_cookie``.
"""

from __future__ import annotations

from typing import Final

from telamon.products.flow import Flow, Identity, Request
from telamon.products.rest import demand, patient
from telamon.products.traffic import (
    JSON,
    Act,
    Files,
    Kind,
    Login,
    Meaning,
    Promise,
    Shape,
    Traffic,
    TrafficInputs,
    with_notes,
)

API: Final = "/rest/api/2"
WORDS: Final = ("harbour", "lantern", "meadow", "granite", "willow", "ember", "falcon", "orchard")
TOPICS: Final = (
    *("beacon", "cedar", "delta", "fjord", "glacier", "heather", "island", "juniper"),
    *("kelp", "lagoon", "marble", "nectar", "opal", "pebble", "quartz", "reed"),
)
"""Words of the issues that load creates. No other issue has them: an index that is behind finds an issue by the words
that it had, and shows those that it has now."""
_ISSUE: Final = f"{API}/issue/$issue"


def prepare_traffic(inputs: TrafficInputs) -> Flow[Traffic | None]:
    """Make a project full of issues."""
    project = {
        "key": inputs.label,
        "name": f"Load {inputs.label}",
        "projectTypeKey": "software",
        "lead": inputs.writers[0],
    }
    yield from _post(f"{API}/project", project, identity=Identity.ADMINISTRATOR)
    issues = []
    for number in range(inputs.things(0.03, least=40)):
        fields = {
            "project": {"key": inputs.label},
            "issuetype": {"name": "Task"},
            "summary": f"{WORDS[number % len(WORDS)]} number {number}",
            "description": "Something to read. " * 20,
        }
        issues.append((yield from _post(f"{API}/issue", {"fields": fields})))
    login = Login(
        page="/login.jsp",
        fields={
            "os_username": "$user",
            "os_password": f"${inputs.password_variable}",
            "os_cookie": "true",
        },
        remember=frozenset({"os_cookie"}),
        users=inputs.writers,
    )
    pools = {"issue": tuple(issues), "word": WORDS, "topic": TOPICS, "project": (inputs.label,)}
    return Traffic(kinds=(*_looking(), *_writing(), *_creating(), *_files()), pools=pools, login=login)


def _post(path: str, body: object, *, identity: Identity = Identity.SERVICE_ACCOUNT) -> Flow[str]:
    """Make something; returns the key that it is given."""
    request = Request("POST", path, headers=JSON, json=body)
    response = demand(request, (yield from patient(identity, request)))
    return str(response.document().get("key", ""))


def _looking() -> tuple[Kind, ...]:
    search = f"{API}/search?jql=project%3D$project"
    text = Meaning(
        act=Act.READ,
        shape=Shape.REGISTER,
        thing="text/$issue",
        copies=2,
        sees=("/fields/summary", "/fields/description"),
    )
    comments = Meaning(act=Act.READ, shape=Shape.BAG, thing="comments/$issue", sees=("/comments/*/body",))
    return (
        Kind(name="view-issue", weight=17, path="/browse/$issue", contains="$issue"),
        Kind(
            name="read-issue",
            weight=7,
            path=f"{_ISSUE}?fields=summary,description",
            contains="$issue",
            meaning=text,
        ),
        Kind(name="read-comments", weight=6, path=f"{_ISSUE}/comment?maxResults=1000", meaning=comments),
        Kind(name="search", weight=6, path=f"{search}+AND+text+~+$word&maxResults=20"),
        Kind(
            name="find-created",
            weight=5,
            path=f"{search}+AND+text+~+$topic&fields=summary&maxResults=1000",
            meaning=Meaning(
                act=Act.READ,
                shape=Shape.BAG,
                thing="issues/$topic",
                promise=Promise.EVENTUAL,
                sees=("/issues/*/fields/summary",),
            ),
        ),
        Kind(name="board", weight=21, path=f"{search}&maxResults=20&fields=summary,status"),
        Kind(name="dashboard", weight=10, path="/secure/Dashboard.jspa"),
        Kind(name="browse", weight=13, path=f"{API}/project/$project", contains="$project"),
        Kind(name="newcomer", weight=1, path="/login.jsp", fresh=True),
    )


def _writing() -> tuple[Kind, ...]:
    added = Meaning(act=Act.ADD, shape=Shape.BAG, thing="comments/$issue")
    comment = Kind(
        name="comment",
        weight=2,
        method="POST",
        path=f"{_ISSUE}/comment",
        headers=JSON,
        body='{"body": "$token"}',
        expect=(201,),
        write=True,
        keep="/id",
        meaning=added,
    )
    return (
        *with_notes(comment, noting=0.5, path=f"{_ISSUE}/comment/$kept_id", deleting=0.5),
        Kind(
            name="edit-issue",
            weight=5,
            method="PUT",
            path=_ISSUE,
            headers=JSON,
            body='{"fields": {"summary": "$token", "description": "$token"}}',
            expect=(204,),
            write=True,
            meaning=Meaning(act=Act.SET, shape=Shape.REGISTER, thing="text/$issue"),
        ),
    )


def _creating() -> tuple[Kind, ...]:
    created = Meaning(act=Act.ADD, shape=Shape.BAG, thing="issues/$topic")
    return (
        Kind(
            name="create-issue",
            weight=4,
            method="POST",
            path=f"{API}/issue",
            headers=JSON,
            body=(
                '{"fields": {"project": {"key": "$project"}, "issuetype": {"name": "Task"}, '
                '"summary": "$topic $token"}}'
            ),
            expect=(201,),
            write=True,
            keep="/key",
            meaning=created,
        ),
        Kind(
            name="own-issue",
            weight=2,
            path=f"{API}/issue/$kept_id?fields=summary",
            contains="$kept_token",
            follows="create-issue",
            meaning=Meaning(act=Act.OPEN, shape=Shape.BAG, thing="issues/$topic"),
        ),
    )


def _files() -> tuple[Kind, ...]:
    return Files(
        meaning=Meaning(act=Act.ADD, shape=Shape.BAG, thing="files/$issue"),
        to=f"{_ISSUE}/attachments",
        keep="/0/id",
        listed=f"{_ISSUE}?fields=attachment",
        sees=("/fields/attachment/*/filename",),
        opened="/secure/attachment/$kept_id/$kept_token.txt",
        adding=1,
        reading=1,
    ).kinds()
