from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from telamon.errors import ProductError, TemporaryError
from telamon.products.base import HealthReport, IndexReport, NodeSeen, Pause, Product, Response
from telamon.products.indexing import Rebuild
from telamon.products.registry import registry
from tests.support.flows import SILENCE, json_answer, page, play, result_of, script, table

JIRA, CONFLUENCE, BITBUCKET = (registry()[name] for name in ("jira", "confluence", "bitbucket"))
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def node(name: str, state: str = "ACTIVE", *, alive: bool = True) -> dict[str, Any]:
    return {"nodeId": name, "state": state, "alive": alive, "nodeVersion": "11.3.1", "ip": "127.7.0.1"}


def zdu(*states: str) -> Response:
    nodes = [
        {"id": f"{n:x}", "name": f"node-{n}", "state": state, "version": "10.2.7"}
        for n, state in enumerate(states)
    ]
    return json_answer({"state": "STABLE", "nodes": nodes})


def test_jira_lists_its_nodes() -> None:
    listed = json_answer(
        [node("jira-0"), node("jira-1", "OFFLINE", alive=False), node("jira-2", alive=False)]
    )
    assert result_of(play(JIRA.membership(), script(listed))) == (
        NodeSeen("jira-0", alive=True, active=True, release="11.3.1"),
        NodeSeen("jira-1", alive=False, active=False, release="11.3.1"),
        NodeSeen("jira-2", alive=False, active=True, release="11.3.1"),
    )


@pytest.mark.parametrize("product", [CONFLUENCE, BITBUCKET])
def test_a_rolling_upgrade_lists_its_nodes_by_name(product: Product) -> None:
    seen = result_of(play(product.membership(), script(zdu("ACTIVE", "STARTING", "OFFLINE", "ERROR"))))
    assert seen is not None
    assert [(one.node_id, one.alive, one.active) for one in seen] == [
        ("node-0", True, True),
        ("node-1", True, False),
        ("node-2", False, False),
        ("node-3", False, False),
    ]


@pytest.mark.parametrize(
    ("product", "answer"),
    [
        (JIRA, Response(status=405, text="This Jira instance is not clustered")),
        (CONFLUENCE, Response(status=403, text="only available in a clustered installation")),
        (CONFLUENCE, Response(status=401, text="requires a clustered installation")),
    ],
)
def test_a_single_node_has_nobody_to_list(product: Product, answer: Response) -> None:
    played = play(product.membership(), script(answer))
    assert (played.error, played.result) == (None, None)


@pytest.mark.parametrize("product", registry().values(), ids=lambda product: product.name)
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (SILENCE, TemporaryError),
        (page("", status=503), TemporaryError),
        (page("", status=429), TemporaryError),
        (json_answer({}, 401, x_seraph_loginreason="AUTHENTICATED_FAILED"), TemporaryError),
        (json_answer({}, 403, x_seraph_loginreason="AUTHENTICATION_DENIED"), ProductError),
        (json_answer({"message": "no right"}, 403), ProductError),
    ],
)
def test_what_cannot_be_listed_is_an_error_of_its_kind(
    product: Product, answer: Response, error: type[Exception]
) -> None:
    played = play(product.membership(), script(answer))
    assert type(played.error) is error


def test_a_node_is_forgotten_in_two_steps() -> None:
    listed = json_answer([node("jira-1", alive=False)])
    played = play(JIRA.forget_node("jira-1"), script(listed, Response(status=200), Response(status=204)))
    assert played.error is None
    assert played.asked[1:] == [
        "PUT /rest/api/2/cluster/node/jira-1/offline",
        "DELETE /rest/api/2/cluster/node/jira-1",
    ]


def test_an_offline_node_is_deleted_at_once() -> None:
    listed = json_answer([node("jira-1", "OFFLINE", alive=False)])
    played = play(JIRA.forget_node("jira-1"), script(listed, Response(status=204)))
    assert played.asked[1:] == ["DELETE /rest/api/2/cluster/node/jira-1"]


def test_a_node_that_counts_as_alive_is_not_touched() -> None:
    played = play(JIRA.forget_node("jira-1"), script(json_answer([node("jira-1")])))
    assert isinstance(played.error, TemporaryError)
    assert played.posts() == []


def test_a_node_that_is_gone_needs_nothing() -> None:
    played = play(JIRA.forget_node("jira-1"), script(json_answer([node("jira-0")])))
    assert (played.error, len(played.events)) == (None, 1)


def summary(*, readable: bool = True, database: int = 100, index: int = 100, **queues: int) -> Response:
    return json_answer(
        {
            "nodeId": "jira-0",
            "issueIndex": {"indexReadable": readable, "countInDatabase": database, "countInIndex": index},
            "replicationQueues": {name: {"queueSize": size} for name, size in queues.items()},
        }
    )


@pytest.mark.parametrize(
    ("answer", "readable", "behind"),
    [
        (summary(), True, 0),
        (summary(a=3, b=4), True, 7),
        (summary(readable=False), False, None),
        (summary(database=100, index=95), True, 0),
        (summary(database=100, index=10), True, 90),
        (summary(database=1, index=0), True, 1),
        (summary(database=0, index=0), True, 0),
    ],
)
def test_jira_tells_what_its_index_lacks(answer: Response, readable: bool, behind: int | None) -> None:
    report = result_of(play(JIRA.index_report(), script(answer)))
    assert report is not None
    assert (report.readable, report.behind) == (readable, behind)


def queue(consumed: int | None, newest: int, *, size: int = 1) -> dict[str, Any]:
    operations = {
        "lastConsumedOperation": consumed and {"id": consumed},
        "lastOperationInQueue": {"id": newest},
    }
    return {"queueSize": size, **operations}


def queues(readable: bool = True, **found: dict[str, Any]) -> Response:
    return json_answer({"issueIndex": {"indexReadable": readable}, "replicationQueues": found})


@pytest.mark.parametrize(
    ("answers", "settled"),
    [
        ([queues()], True),
        ([queues(a=queue(None, 9, size=0))], True),
        # Others go on writing: what has come since the first question is not waited for.
        ([queues(a=queue(5, 9)), queues(a=queue(8, 30)), queues(a=queue(9, 50))], True),
        ([queues(a=queue(5, 9), b=queue(3, 4)), queues(a=queue(9, 9, size=0), b=queue(4, 7))], True),
        ([queues(a=queue(5, 9), b=queue(3, 4))] + 39 * [queues(a=queue(20, 30), b=queue(3, 7))], False),
        (40 * [queues(a=queue(None, 9))], False),
        ([queues(readable=False)], False),
        ([json_answer({"issueIndex": {"indexReadable": True}})], False),
    ],
)
def test_jira_has_settled_when_it_has_applied_what_there_was_at_first(
    answers: list[Response], settled: bool
) -> None:
    played = play(JIRA.index_settled(), script(*answers))
    assert result_of(played) is settled
    # Others' operations are looked for every five seconds, as the vendor says: one such look must fall into the time.
    pauses = sum(event.seconds for event in played.events if isinstance(event, Pause))
    assert settled or len(answers) == 1 or pauses > 5


def test_archived_issues_are_missing_on_purpose() -> None:
    issues = {"indexReadable": True, "countInDatabase": 100, "countInIndex": 40, "countInArchive": 60}
    report = result_of(play(JIRA.index_report(), script(json_answer({"issueIndex": issues}))))
    assert report is not None
    assert report.behind == 0


def check(name: str, reason: str = "", key: str = "plugin:check") -> dict[str, Any]:
    return {
        "completeKey": key,
        "name": name,
        "isHealthy": not reason,
        "failureReason": reason,
        "description": "",
    }


def checks(*statuses: dict[str, Any]) -> Response:
    return json_answer({"statuses": list(statuses)})


HEALTHY = checks(check("Database"), check("Search index"))
SEARCH, HEALTH = "GET /rest/api/content/search", "GET /rest/troubleshooting/1.0/check/"


def test_confluence_searches() -> None:
    answers = table({SEARCH: json_answer({"results": []}), HEALTH: HEALTHY})
    assert result_of(play(CONFLUENCE.index_report(), answers)) == IndexReport(
        True, None, "a search was answered"
    )


@pytest.mark.parametrize(
    ("searched", "health", "readable"),
    [
        (json_answer({}), checks(check("Search index", "the index cannot be read: eof")), False),
        (json_answer({}), checks(check("Search index", "the index lags by 9 entries")), True),
        (page("", status=500), HEALTHY, False),
    ],
)
def test_confluence_tells_a_broken_index(searched: Response, health: Response, readable: bool) -> None:
    report = result_of(play(CONFLUENCE.index_report(), table({SEARCH: searched, HEALTH: health})))
    assert report is not None
    assert report.readable is readable


@pytest.mark.parametrize(
    "health", [SILENCE, page("", status=500), checks(check("Database", "it cannot be reached"))]
)
def test_a_lost_database_is_no_broken_index(health: Response) -> None:
    played = play(CONFLUENCE.index_report(), table({SEARCH: page("", status=500), HEALTH: health}))
    assert isinstance(played.error, TemporaryError)


def test_bitbucket_keeps_no_index_of_its_own() -> None:
    played = play(BITBUCKET.index_report(), script())
    assert (played.result, played.events) == (None, [])


@pytest.mark.parametrize("product", registry().values(), ids=lambda product: product.name)
def test_health_checks_are_read(product: Product) -> None:
    answer = checks(
        check("Database connection", "refused"),
        check("Database collation", "wrong collation"),
        check("Network mounts"),
        check("Search index", "segments are corrupt", key="x:luceneIndexHealthCheck"),
    )
    found = result_of(play(product.health_checks(), script(answer)))
    assert [(one.concerns_database, one.concerns_index, one.healthy) for one in found] == [
        (True, False, False),
        (False, False, False),
        (False, False, True),
        (False, True, False),
    ]


def test_the_older_path_is_asked_where_the_newer_is_not_known() -> None:
    played = play(JIRA.health_checks(), script(page("", status=404), HEALTHY))
    assert played.asked == [HEALTH, "GET /rest/supportHealthCheck/1.0/check/"]
    assert len(result_of(played)) == 2


def test_a_failing_resource_means_a_lost_database() -> None:
    found = result_of(play(JIRA.health_checks(), script(page("", status=500))))
    assert [(one.healthy, one.concerns_database) for one in found] == [(False, True)]
    nothing: tuple[HealthReport, ...] = result_of(play(JIRA.health_checks(), script(SILENCE)))
    assert nothing == ()


IDLE = json_answer({"running": False})


def snapshots(*hours: float, bean: bool = False, text: bool = False, date: bool = True) -> Response:
    made = [NOW - timedelta(hours=age) for age in hours]
    listed = [
        {"absolutePath": "/s", "timestamp": one.isoformat() if text else int(one.timestamp() * 1000)}
        for one in made
    ]
    headers = {"date": format_datetime(NOW, usegmt=True)} if date else {}
    answer = json_answer(listed[0] if bean else listed)
    return Response(status=200, text=answer.text, headers=headers)


@pytest.mark.parametrize(
    "listed",
    [
        snapshots(1.0),
        snapshots(200.0, 11.0),
        snapshots(1.0, bean=True),
        snapshots(1.0, text=True),
        snapshots(500.0, date=False),
    ],
)
def test_a_fresh_snapshot_is_enough(listed: Response) -> None:
    played = play(JIRA.prepare_join(), script(IDLE, listed))
    assert played.result is True


@pytest.mark.parametrize(
    "listed", [snapshots(), snapshots(13.0, 400.0), json_answer([{"timestamp": "soon"}])]
)
@pytest.mark.parametrize("status", [200, 202, 409])
def test_a_snapshot_is_asked_for(listed: Response, status: int) -> None:
    played = play(JIRA.prepare_join(), script(IDLE, listed, Response(status=status)))
    assert played.result is False
    assert played.asked[-1] == "POST /rest/api/2/index-snapshot"


@pytest.mark.parametrize("body", [{"running": True}, True, {"isRunning": True}])
def test_a_snapshot_under_way_is_waited_for(body: object) -> None:
    played = play(JIRA.prepare_join(), script(json_answer(body)))
    assert played.result is False


def test_a_refused_snapshot_is_told() -> None:
    played = play(
        JIRA.prepare_join(), script(IDLE, snapshots(), json_answer({"errorMessages": ["no space"]}, 400))
    )
    assert "no space" in str(played.error)


def test_the_others_need_no_preparation() -> None:
    for product in (CONFLUENCE, BITBUCKET):
        assert play(product.prepare_join(), script()).result is True
        assert play(product.forget_node("x"), script()).error is None


NEVER = {
    JIRA.name: Response(status=404, text="No re-index"),
    CONFLUENCE.name: json_answer("Reindex status not available."),
}
RUNNING = {
    JIRA.name: json_answer({"currentProgress": 40, "finishTime": None, "success": False}),
    CONFLUENCE.name: json_answer({"finished": False, "percentageComplete": 40, "jobID": 3}),
}
ENDED = {
    JIRA.name: json_answer({"currentProgress": 100, "finishTime": "2026-11-22T12:00:00", "success": True}),
    CONFLUENCE.name: json_answer({"finished": True, "percentageComplete": 100, "jobID": 3}),
}


@pytest.mark.parametrize("product", [JIRA, CONFLUENCE], ids=lambda product: product.name)
@pytest.mark.parametrize("before", [NEVER, ENDED], ids=["never", "ended"])
def test_a_rebuild_is_asked_for_where_none_runs(product: Product, before: dict[str, Response]) -> None:
    played = play(product.rebuild_index(), script(before[product.name], json_answer({}, 202)))
    assert played.asked[-1].startswith("POST ")
    assert played.error is None


@pytest.mark.parametrize("product", [JIRA, CONFLUENCE], ids=lambda product: product.name)
def test_a_rebuild_that_runs_is_not_begun_again(product: Product) -> None:
    played = play(product.rebuild_index(), script(RUNNING[product.name]))
    assert [asked.split()[0] for asked in played.asked] == ["GET"]


@pytest.mark.parametrize("product", [JIRA, CONFLUENCE], ids=lambda product: product.name)
def test_how_far_a_rebuild_is_is_told(product: Product) -> None:
    running = result_of(play(product.index_rebuilt(), script(RUNNING[product.name])))
    assert running == Rebuild(finished=False, words="40 %")
    assert result_of(play(product.index_rebuilt(), script(ENDED[product.name]))).fault == ""
    lost = result_of(play(product.index_rebuilt(), script(NEVER[product.name])))
    assert lost.finished
    assert "restarted" in lost.fault


def test_a_rebuild_that_failed_says_so() -> None:
    failed = json_answer({"currentProgress": 61, "finishTime": "2026-11-22T12:00:00", "success": False})
    assert "61 %" in result_of(play(JIRA.index_rebuilt(), script(failed))).fault


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            json_answer({"status": "INDEXING", "behind": 3}),
            Rebuild(finished=False, words="3 repositories to go"),
        ),
        (json_answer({"status": "UNAVAILABLE"}), Rebuild(finished=False, words="UNAVAILABLE")),
        (json_answer({"status": "IDLE", "behind": 0}), Rebuild(finished=True, words="0 repositories to go")),
        (Response(status=404), Rebuild(finished=True, words="how far the companion is, is not told")),
        (json_answer({"queue": 3}), Rebuild(finished=True, words="how far the companion is, is not told")),
    ],
)
def test_a_companions_progress_is_told_where_there_is_any(answer: Response, expected: Rebuild) -> None:
    assert result_of(play(BITBUCKET.index_rebuilt(), script(answer))) == expected
