"""The contract that the engine relies on, line by line, held against a real instance without changing anything.

Every line is a flow of requests that only read. A log-in that is refused is tried once: three refusals raise a CAPTCHA
that only a person can clear, so the lines behind it are left out.

Sources: those of the modules that rely on each line; RFC 9110 section 9.3.7 (OPTIONS changes nothing) and 15.5.5 (404).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from telamon.errors import ProductError, TemporaryError
from telamon.products.base import Flow, Identity, Product, Request, ask
from telamon.products.indexing import IndexKeeper
from telamon.products.rest import challenged, login_refused
from telamon.state.phase import Phase

_SHOWN: Final = 160
_ACT: Final = "approve"


class Standing(StrEnum):
    """How a line of the contract stands."""

    HOLDS = "holds"
    DIFFERS = "differs"
    UNSEEN = "unseen"
    """It could not be looked at; the words say why."""


@dataclass(frozen=True)
class Seen:
    """One line, looked at.

    Attributes:
        line: its name.
        assumed: what the engine relies on.
        standing: whether that is so.
        seen: what was seen.
        observed: what the engine should go by: fields of :class:`telamon.model.observed.Observed`.
    """

    line: str
    assumed: str
    standing: Standing
    seen: str
    observed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """One line of the contract.

    Attributes:
        name: stable, with dashes.
        assumed: what the engine relies on, as a sentence.
        look: looks at it; gives the standing, what was seen, and what the engine should go by.
        login: whether it needs a log-in.
    """

    name: str
    assumed: str
    look: Callable[[Product], Flow[tuple[Standing, str, Mapping[str, str]]]]
    login: bool = True


def examine(product: Product) -> Flow[tuple[Seen, ...]]:
    """Hold an instance against every line of its product's contract, as the service account.

    Args:
        product: what the instance is said to be.
    """
    found: list[Seen] = []
    refused = ""
    for line in lines(product):
        if line.login and refused:
            found.append(Seen(line.name, line.assumed, Standing.UNSEEN, refused))
            continue
        seen = yield from _looked(line, product)
        found.append(seen)
        if line.look is _login and seen.standing is not Standing.HOLDS:
            refused = "nobody is logged in"
    return tuple(found)


def lines(product: Product) -> Iterator[Line]:
    """The contract of a product, in the order in which it is looked at.

    Args:
        product: whose.
    """
    yield Line("status", "GET /status answers 200 with the word RUNNING in its body", _status, login=False)
    yield Line("log-in", "an account can log in to REST by token or password", _login)
    if product.clustered:
        yield Line("membership", "the registry lists every node by name, alive and active", _membership)
    yield Line("health-checks", "the product's own checks can be asked for", _checks)
    if product.index is IndexKeeper.NODE:
        yield Line(
            "index-report", "a node tells whether it can read its index, and how far it is behind", _index
        )
    if product.has_upgrade_mode:
        yield Line("upgrade-state", "the cluster tells where a rolling upgrade stands", _phase)
    if product.upgrade_bases:
        yield Line("upgrade-acts", f"a rolling upgrade is led below {product.upgrade_bases[0]}", _acts)
    if product.static_prefix is not None:
        yield Line("cdn-setting", "the setting for a content delivery network can be read", _cdn)
    yield Line("resources", "what every user asks for is there", _resources)


def _looked(line: Line, product: Product) -> Flow[Seen]:
    try:
        standing, seen, observed = yield from line.look(product)
    except (TemporaryError, ProductError) as error:
        return Seen(line.name, line.assumed, Standing.DIFFERS, error.message[:_SHOWN])
    return Seen(line.name, line.assumed, standing, seen[:_SHOWN], observed)


def _judged(holds: bool, seen: str) -> tuple[Standing, str, Mapping[str, str]]:
    return (Standing.HOLDS if holds else Standing.DIFFERS), seen, {}


def _status(product: Product) -> Flow[tuple[Standing, str, Mapping[str, str]]]:
    response = yield from ask(Request("GET", product.health.path))
    if not response.answered:
        return Standing.UNSEEN, response.error or "no answer", {}
    state = response.document().get("state")
    phase = product.read_status(response)
    return _judged(phase is Phase.RUNNING, f"HTTP {response.status}, state {state}")


def _login(product: Product) -> Flow[tuple[Standing, str, Mapping[str, str]]]:
    request = Request("GET", product.whoami, identity=Identity.SERVICE_ACCOUNT, timeout=15.0)
    response = yield from ask(request)
    if challenged(response):
        return _judged(False, "a CAPTCHA stands before the account: log in once at its login page")
    if not response.answered or response.status in {401, 403} or login_refused(response):
        return _judged(
            False, f"HTTP {response.status}" if response.answered else response.error or "no answer"
        )
    return _judged(response.status == 200, f"HTTP {response.status} from {product.whoami}")


def _membership(product: Product) -> Flow[tuple[Standing, str, Mapping[str, str]]]:
    nodes = yield from product.membership()
    if nodes is None:
        return _judged(False, "it says that it is not clustered")
    told = ", ".join(f"{node.node_id or '?'}{'' if node.active else ' (not active)'}" for node in nodes)
    standing, seen, _ = _judged(bool(nodes) and all(node.node_id for node in nodes), told or "no node")
    releases = {node.release for node in nodes}
    release = next(iter(releases)) if len(releases) == 1 else None
    return standing, seen, {"release": release} if release else {}


def _checks(product: Product) -> Flow[tuple[Standing, str, Mapping[str, str]]]:
    checks = yield from product.health_checks()
    ill = [check.name for check in checks if not check.healthy]
    told = f"; ill: {', '.join(ill)}" if ill else ""
    return _judged(bool(checks), f"{len(checks)} checks{told}")


def _index(product: Product) -> Flow[tuple[Standing, str, Mapping[str, str]]]:
    report = yield from product.index_report()
    if report is None:
        return _judged(False, "it does not tell")
    return _judged(report.readable, report.detail or f"behind by {report.behind}")


def _phase(product: Product) -> Flow[tuple[Standing, str, Mapping[str, str]]]:
    phase = yield from product.upgrade_phase()
    return _judged(phase is not None, "it does not tell" if phase is None else phase.value)


def _acts(product: Product) -> Flow[tuple[Standing, str, Mapping[str, str]]]:
    """Where the acts are: a place that is there answers OPTIONS otherwise than with 404. None is carried out."""
    there = []
    for base in product.upgrade_bases:
        request = Request("OPTIONS", f"{base}/{_ACT}", identity=Identity.SERVICE_ACCOUNT)
        response = yield from ask(request)
        if response.answered and response.status < 500 and response.status != 404:
            there.append(base)
    if not there:
        return _judged(False, f"nothing is below {' or '.join(product.upgrade_bases)}")
    standing = Standing.HOLDS if there[0] == product.upgrade_bases[0] else Standing.DIFFERS
    return standing, f"they are below {there[0]}", {"upgradeBase": there[0]}


def _cdn(product: Product) -> Flow[tuple[Standing, str, Mapping[str, str]]]:
    used = yield from product.cdn_in_use()
    told = {None: "the instance does not tell", True: "it is on", False: "it is off"}
    return _judged(used is not None, told[used])


def _resources(product: Product) -> Flow[tuple[Standing, str, Mapping[str, str]]]:
    wrong = yield from product.smoke()
    return _judged(not wrong, wrong or "all of them answer")
