"""What users of Bitbucket do, and what Bitbucket promises them.

Mix: the vendor's DC App Performance Toolkit runs git over HTTP and SSH beside a browser (Source: ``app/bitbucket.yml``
of the public repository atlassian/dc-app-performance-toolkit), and publishes no shares. Taken here: view and read pull
requests 50, browse 12, files 10, comments read 12 and written 11 per cent; what git does has a rate of its own.

Promises: pull requests, comments and the list of branches are read from the one database, and are strict. A push is in
the database before it is acknowledged. What git shows comes from the shared home; that is a network file system, whose
clients may be shown attributes some seconds old (Source: nfs(5), "Close-to-open cache consistency"), so git promises a
session what it did and saw itself, and others' pushes within moments. A push must be made on the branch as it is:
of two on the same commit, one is refused.

Source of the routes: Bitbucket Data Center REST API (``/rest/api/latest``, ``/rest/ssh/latest/keys``); the login form
is ``/login``, and posts ``j_username``, ``j_password`` and ``_atl_remember_me``.
"""

from __future__ import annotations

from typing import Final

from telamon.products.flow import Flow, Identity, Request
from telamon.products.rest import demand, patient
from telamon.products.traffic import (
    JSON,
    Act,
    GitSeed,
    Kind,
    Login,
    Meaning,
    Shape,
    Traffic,
    TrafficInputs,
    with_notes,
)

API: Final = "/rest/api/latest"
REPOSITORY: Final = "site"
FILES: Final = 20
PUSHED: Final = 6
"""Branches that are pushed to; few, so that those who push meet."""
_REPOSITORY: Final = f"{API}/projects/$project/repos/{REPOSITORY}"
_PULL: Final = f"{_REPOSITORY}/pull-requests/$pull"
_PAGE: Final = f"/projects/$project/repos/{REPOSITORY}"


def seed_repository(inputs: TrafficInputs) -> Flow[GitSeed | None]:
    """Make a project with one repository in it, and let the writers write.

    Source: Bitbucket REST API (``projects/{key}/permissions/users``); a project is private until somebody is let in.
    """
    key = inputs.label
    project = {"key": key, "name": f"Load {key}"}
    yield from _post(f"{API}/projects", project, identity=Identity.ADMINISTRATOR)
    repository = {"name": REPOSITORY, "scmId": "git"}
    yield from _post(f"{API}/projects/{key}/repos", repository, identity=Identity.ADMINISTRATOR)
    for writer in inputs.writers:
        allowing = Request(
            "PUT",
            f"{API}/projects/{key}/permissions/users",
            query={"name": writer, "permission": "PROJECT_WRITE"},
            headers=JSON,
        )
        demand(allowing, (yield from patient(Identity.ADMINISTRATOR, allowing)))
    if inputs.ssh_key:
        yield from _post("/rest/ssh/latest/keys", {"text": inputs.ssh_key.strip()})
    return _seed(inputs)


def prepare_traffic(inputs: TrafficInputs) -> Flow[Traffic | None]:
    """Open a pull request for each branch that git has pushed."""
    seed = _seed(inputs)
    pulls = []
    for number, branch in enumerate(seed.branches):
        ends = {
            "title": f"Change {number}",
            "fromRef": {"id": f"refs/heads/{branch}"},
            "toRef": {"id": "refs/heads/main"},
        }
        path = f"{API}/projects/{inputs.label}/repos/{REPOSITORY}/pull-requests"
        pulls.append((yield from _post(path, ends)))
    login = Login(
        page="/login",
        fields={
            "j_username": "$user",
            "j_password": f"${inputs.password_variable}",
            "_atl_remember_me": "on",
        },
        remember=frozenset({"_atl_remember_me"}),
        users=inputs.writers,
    )
    pools = {"pull": tuple(pulls), "file": tuple(seed.files), "project": (inputs.label,)}
    return Traffic(kinds=(*_looking(), *_commenting()), pools=pools, login=login, git=seed)


def _seed(inputs: TrafficInputs) -> GitSeed:
    path = f"{inputs.label.lower()}/{REPOSITORY}.git"
    return GitSeed(
        path=f"/scm/{path}",
        ssh_path=f"/{path}",
        branches=tuple(f"change-{number}" for number in range(inputs.things(0.11, least=8, most=200))),
        files={
            f"chapter-{number}.md": f"# Chapter {number}\n" + "Some text.\n" * 40 for number in range(FILES)
        },
        pushed=tuple(f"work-{number}" for number in range(PUSHED)),
    )


def _post(path: str, body: object, *, identity: Identity = Identity.SERVICE_ACCOUNT) -> Flow[str]:
    """Make something; returns the id that it is given."""
    request = Request("POST", path, headers=JSON, json=body)
    response = demand(request, (yield from patient(identity, request)))
    return str(response.document().get("id", ""))


def _looking() -> tuple[Kind, ...]:
    return (
        Kind(name="view-pull", weight=34, path=f"{_PAGE}/pull-requests/$pull/overview", contains="Change"),
        Kind(name="read-pull", weight=16, path=_PULL, contains="Change"),
        Kind(name="browse", weight=12, path=_REPOSITORY, contains=REPOSITORY),
        Kind(
            name="read-file",
            weight=10,
            path=f"{_REPOSITORY}/raw/$file?at=refs/heads/main",
            contains="Chapter",
        ),
        Kind(name="newcomer", weight=1, path="/login", fresh=True),
    )


def _commenting() -> tuple[Kind, ...]:
    thing = "comments/$pull"
    comment = Kind(
        name="comment",
        weight=10,
        method="POST",
        path=f"{_PULL}/comments",
        headers=JSON,
        body='{"text": "$token"}',
        expect=(201,),
        write=True,
        keep="/id",
        meaning=Meaning(act=Act.ADD, shape=Shape.BAG, thing=thing),
    )
    return (
        *with_notes(comment, noting=1.0, path=f"{_PULL}/comments/$kept_id?version=0", deleting=0.5),
        Kind(
            name="read-comments",
            weight=12,
            path=f"{_PULL}/activities?limit=500",
            meaning=Meaning(act=Act.READ, shape=Shape.BAG, thing=thing, sees=("/values/*/comment/text",)),
        ),
        Kind(
            name="own-comment",
            weight=4,
            path=f"{_PULL}/comments/$kept_id",
            contains="$kept_token",
            follows="comment",
        ),
    )
