"""The engine's flows and environments against the real stand-ins, over real sockets and a real PostgreSQL."""

from __future__ import annotations

import signal
from dataclasses import replace

import httpx
import pytest

from telamon.errors import ProductError, TemporaryError
from telamon.platforms.probing import StatusProbe
from telamon.products.base import (
    Companion,
    Endpoint,
    Exchange,
    Flow,
    HealthReport,
    Identity,
    Peer,
    Purpose,
    Request,
    SetupVerdict,
    ask,
)
from telamon.products.notes import refused_logins
from telamon.products.traffic import Writer
from telamon.state.phase import Phase
from tests.support.nodes import ACCOUNT, SECRETS, MakeSite, Site, caught_up, index_made, names, set_up
from tests.understudy.support import PostgreSQL, eventually, free_port

pytestmark = pytest.mark.lab
ADMINISTRATION = {
    "jira": "/rest/api/2/group/member?groupname=jira-administrators",
    "confluence": "/rest/zdu/cluster",
    "bitbucket": "/rest/api/latest/admin/users",
}


@pytest.mark.parametrize(
    ("name", "context_path"), [("jira", ""), ("jira", "/jira"), ("confluence", ""), ("confluence", "/wiki")]
)
def test_a_fresh_node_is_set_up(make_site: MakeSite, name: str, context_path: str) -> None:
    site = make_site(name, context_path=context_path)
    set_up(site)
    with site.probe() as probe:
        assert probe.phase() is Phase.RUNNING
    assert site.token is not None
    assert names(site.ask(site.product.membership())) == {f"{name}-0"}
    posted = [note for note in site.notes if note.startswith("posted:")]
    assert len(posted) == len(set(posted))


@pytest.mark.parametrize("name", ["jira", "confluence", "bitbucket"])
def test_a_second_node_joins(make_site: MakeSite, name: str) -> None:
    site = make_site(name)
    set_up(site, nodes=2)
    assert eventually(lambda: site.ask(site.product.prepare_join()), what="prepared")
    site.start(1, nodes=2).wait_for("RUNNING")
    both = {f"{name}-0", f"{name}-1"}
    for ordinal in (0, 1):
        eventually(lambda: names(site.ask(site.product.membership(), ordinal)) == both, what="both")  # noqa: B023
        eventually(lambda: caught_up(site, ordinal), what="the index has caught up")  # noqa: B023
        assert site.ask(site.product.index_settled(), ordinal)
        checks = site.ask(site.product.health_checks(), ordinal)
        assert [check.name for check in checks if check.concerns_database and check.healthy]


@pytest.mark.parametrize(
    "name",
    ["jira", *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("confluence", "bitbucket"))],
)
def test_a_network_for_static_files_is_switched_off_and_on_with_the_address_it_had(
    make_site: MakeSite, name: str
) -> None:
    site = make_site(name)
    set_up(site)
    product, address = site.product, "https://static.acme.example"
    assert site.ask(product.cdn_in_use()) is False
    login = {"Authorization": f"Bearer {site.token}"}
    url = f"http://{site.endpoint(0)}/rest/static-asset-caching/configuration"
    there = {"enabled": True, "url": address}
    httpx.put(url, json=there, headers=login, trust_env=False).raise_for_status()
    assert site.ask(product.cdn_in_use()) is True
    for on in (False, False, True, True):
        site.ask(product.switch_cdn(on=on))
        assert site.ask(product.cdn_in_use()) is on
    assert httpx.get(url, headers=login, trust_env=False).json() == there


@pytest.mark.parametrize("name", ["jira", "confluence", "bitbucket"])
def test_a_whole_index_is_made_anew(make_site: MakeSite, name: str) -> None:
    site = make_site(name)
    set_up(site)
    site.ask(site.product.rebuild_index())
    assert eventually(lambda: index_made(site), what="the index is made")
    eventually(lambda: caught_up(site, 0), what="it can be read")


def test_a_dead_node_is_forgotten_once_the_registry_knows(make_site: MakeSite) -> None:
    site = make_site("jira")
    set_up(site, nodes=2)
    eventually(lambda: site.ask(site.product.prepare_join()), what="prepared")
    second = site.start(1, nodes=2)
    second.wait_for("RUNNING")
    second.kill()
    with pytest.raises(TemporaryError, match="still counts jira-1 as alive"):
        site.ask(site.product.forget_node("jira-1"))

    def forgotten() -> bool:
        try:
            site.ask(site.product.forget_node("jira-1"))
        except TemporaryError:
            return False
        return True

    assert eventually(forgotten, what="forgotten")
    seen = site.ask(site.product.membership()) or ()
    assert [node.node_id for node in seen] == ["jira-0"]
    site.ask(site.product.forget_node("jira-1"))


@pytest.mark.parametrize("name", ["jira", "confluence", "bitbucket"])
def test_the_account_is_made_again_without_harm(make_site: MakeSite, name: str) -> None:
    site = make_site(name)
    set_up(site)
    first = site.token
    for _ in range(4):
        site.make_account()
    assert site.token not in {None, first}
    assert names(site.ask(site.product.membership())) == {f"{name}-0"}


@pytest.mark.parametrize("name", ["jira", "confluence"])
def test_a_refused_value_is_told_and_can_be_corrected(make_site: MakeSite, name: str) -> None:
    site = make_site(name)
    site.start(0)
    outcome = site.set_up(admin_email="nobody")
    assert outcome.verdict is SetupVerdict.REJECTED
    assert "email" in outcome.detail.lower()
    assert site.set_up().verdict is SetupVerdict.COMPLETE


def test_a_missing_value_of_bitbucket_is_named(make_site: MakeSite) -> None:
    site = make_site("bitbucket")
    site.spec = site.spec.model_copy(update={"env": {"SETUP_LICENSE": ""}})
    site.start(0)
    outcome = site.set_up()
    assert outcome.verdict is SetupVerdict.UNKNOWN_FORM
    assert "SETUP_LICENSE" in outcome.detail


@pytest.mark.parametrize("name", ["jira", "confluence", "bitbucket"])
def test_refused_logins_end_before_the_captcha(make_site: MakeSite, name: str) -> None:
    site = make_site(name)
    site.start(0)
    site.set_up()
    right = SECRETS[Purpose.ADMIN_PASSWORD]
    with pytest.raises(TemporaryError, match="refused"):
        site.ask(site.product.make_service_account(ACCOUNT), administrator="wrong")
    with pytest.raises(TemporaryError, match="refused"):
        site.ask(site.product.make_service_account(ACCOUNT), administrator="wrong")
    refused = refused_logins([(0.0, text) for text in site.notes])
    assert refused == 2
    with pytest.raises(ProductError, match="CAPTCHA"):
        site.ask(
            site.product.make_service_account(replace(ACCOUNT, refused_logins=refused)), administrator="wrong"
        )
    # Two refusals have raised none: the right password still works.
    assert site.ask(site.product.make_service_account(ACCOUNT), administrator=right)


@pytest.mark.parametrize("name", ["jira", "confluence", "bitbucket"])
def test_a_node_without_its_database_says_so(make_site: MakeSite, name: str, postgres: PostgreSQL) -> None:
    site = make_site(name)
    set_up(site)
    postgres.kill()
    try:
        lost = [check for check in eventually_checks(site) if check.concerns_database and not check.healthy]
        assert lost
        for flow in (site.product.membership, site.product.index_report)[: 1 if name == "bitbucket" else 2]:
            with pytest.raises(TemporaryError):
                site.ask(flow())
    finally:
        postgres.start()
    assert eventually(lambda: caught_up_again(site), what="the node has its database back")


def eventually_checks(site: Site) -> tuple[HealthReport, ...]:
    """The checks of a node, once one of them fails."""

    def failing() -> tuple[HealthReport, ...]:
        checks = site.ask(site.product.health_checks())
        return () if all(check.healthy for check in checks) else checks

    return eventually(failing, what="a failing check")


def caught_up_again(site: Site) -> bool:
    """Whether the node answers as if nothing had happened."""
    try:
        healthy = not any(
            check.concerns_database and not check.healthy for check in site.ask(site.product.health_checks())
        )
        return healthy and caught_up(site, 0)
    except TemporaryError:
        return False


@pytest.mark.parametrize(("name", "command"), [("jira", "index"), ("confluence", "break-index")])
def test_a_broken_index_is_told_from_a_lost_database(make_site: MakeSite, name: str, command: str) -> None:
    site = make_site(name)
    control = f"{site.addresses[0]}:{free_port(site.addresses[0])}"
    site.settings = {**site.settings, "UNDERSTUDY_CONTROL": control}
    set_up(site)
    if name == "confluence":
        site.ask(write_a_page())
        eventually(lambda: site.ask(find_the_page()), what="the page is found")
    httpx.post(f"http://{control}/{command}", json={}, trust_env=False).raise_for_status()

    def broken() -> bool:
        report = site.ask(site.product.index_report())
        return report is not None and not report.readable

    assert eventually(broken, what="the index is told to be broken", seconds=20)


def write_a_page() -> Flow[None]:
    """Give the index something to read."""
    for path, body in (
        ("/rest/api/space", {"key": "INDEX", "name": "Index"}),
        ("/rest/api/content", {"type": "page", "title": "Page", "space": {"key": "INDEX"}}),
    ):
        written = yield from ask(Request("POST", path, identity=Identity.SERVICE_ACCOUNT, json=body))
        assert written.status == 200, written


def find_the_page() -> Flow[bool]:
    """Whether a search finds it."""
    query = {"cql": 'title ~ "Page"'}
    found = yield from ask(
        Request("GET", "/rest/api/content/search", identity=Identity.SERVICE_ACCOUNT, query=query)
    )
    return bool(found.document().get("results"))


def test_a_frozen_node_is_unreachable_and_a_thawed_one_is_not(make_site: MakeSite) -> None:
    site = make_site("confluence")
    process = site.start(0)
    process.wait_for("FIRST_RUN")
    assert process.process is not None
    with site.probe() as probe:
        assert probe.phase() is Phase.FIRST_RUN
        process.process.send_signal(signal.SIGSTOP)
        eventually(lambda: probe.phase() is Phase.UNREACHABLE, what="silence")
        process.process.send_signal(signal.SIGCONT)
        eventually(lambda: probe.phase() is Phase.FIRST_RUN, what="answers again")
        process.kill()
        assert probe.phase() is Phase.UNREACHABLE
        site.start(0)
        eventually(lambda: probe.phase() is Phase.FIRST_RUN, what="answers after its restart")


def test_companions_run_with_what_the_engine_tells_them(make_site: MakeSite) -> None:
    for name in ("confluence", "bitbucket"):
        site = make_site(name)
        for companion in site.product.companions.values():
            run_companion(site, companion)


def run_companion(site: Site, companion: Companion) -> None:
    """Start one node of a companion and see it run."""
    ports = {port.name: port.number for port in companion.ports}
    node = replace(
        site.context(0, 1),
        member=f"{site.product.name}-{companion.name}-0",
        bind=site.addresses[2],
        ports=ports,
        local_home=str(site.folder / companion.name),
        peers=(),
    )
    site.run_companion(companion, node)
    endpoint = Endpoint(node.bind, ports["http"])
    with StatusProbe(companion, endpoint=endpoint, front=site.front) as probe:
        assert probe.phase() is not Phase.RUNNING
        assert eventually(lambda: probe.phase() is Phase.RUNNING, what=f"{companion.name} runs")


def test_bitbucket_searches_through_its_companion(make_site: MakeSite) -> None:
    site = make_site("bitbucket")
    companion = site.product.companions["opensearch"]
    run_companion(site, companion)
    link = Endpoint(site.addresses[2], companion.ports[0].number)
    site.companions = {"opensearch": [Peer("bitbucket-opensearch-0", {"http": link})]}
    set_up(site)
    assert eventually(lambda: site.ask(search()).status == 200, what="a search", seconds=15), site.processes[
        1
    ].tail()


def search() -> Exchange:
    """Search code as a script would."""
    body = {"query": "anything", "entities": {"code": {}}}
    return (
        yield from ask(
            Request("POST", "/rest/search/latest/search", identity=Identity.SERVICE_ACCOUNT, json=body)
        )
    )


@pytest.mark.parametrize("name", ["jira", "confluence", "bitbucket"])
def test_people_made_for_load_may_not_administrate_and_leave_again(make_site: MakeSite, name: str) -> None:
    site = make_site(name)
    set_up(site)
    writer = Writer("load-0", "tin-opener & co")

    def answer(path: str) -> int:
        login = (writer.username, writer.password)
        return httpx.get(site.processes[0].url + path, auth=login, timeout=30).status_code

    site.ask(site.product.enlist(writer))
    assert answer(site.product.whoami) == 200
    assert answer(ADMINISTRATION[name]) in {401, 403}
    with pytest.raises(ProductError):
        site.ask(site.product.enlist(writer))
    site.ask(site.product.dismiss(writer.username))
    assert answer(site.product.whoami) == 401
    site.ask(site.product.dismiss("nobody-0"))
