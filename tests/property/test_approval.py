"""Laws of approvals over generated plans, logs and approvals; no signature is made, so no program is needed."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from telamon.errors import RefusedError
from telamon.infra.approvers import Approvers, Attested
from telamon.infra.canonical import Digest, canonical_plan, digest, read_object
from telamon.infra.evidence import Evidence, Statement
from telamon.infra.ledger import START, Ledger, read_ledger
from telamon.infra.verdict import Case, judge
from telamon.infra.words import scrub

AT = 1_000_000
PEOPLE = ("ada", "bob", "cyd", "dot")

plain = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(), inner, max_size=4),
    max_leaves=12,
)
plans = some.fixed_dictionaries(
    {"timestamp": some.text(), "relevant_attributes": some.lists(plain, max_size=5), "rest": plain}
)


def plan_digest(document: Any, indent: int | None = None) -> Digest:
    return digest(canonical_plan(read_object(json.dumps(document, indent=indent).encode(), what="a plan")))


@given(plans, some.randoms(use_true_random=False), some.text())
def test_identical_plans_have_one_digest(document: dict[str, Any], random: Any, time: str) -> None:
    other = {**document, "timestamp": time, "relevant_attributes": list(document["relevant_attributes"])}
    random.shuffle(other["relevant_attributes"])
    shuffled = list(other.items())
    random.shuffle(shuffled)
    assert plan_digest(document) == plan_digest(dict(shuffled), indent=2)


@given(plans, plain)
def test_plans_that_differ_have_two(document: dict[str, Any], value: Any) -> None:
    other = {**document, "rest": value}
    same = json.dumps(value, sort_keys=True) == json.dumps(document["rest"], sort_keys=True)
    assert (plan_digest(document) == plan_digest(other)) == same


NOTHING = digest(b"")
EVIDENCE = Evidence(
    stack="acme",
    part="network",
    plan_id="0123456789abcdef",
    planner="bob",
    authors=("eve",),
    planned_at=AT,
    plan=NOTHING,
    plan_file=NOTHING,
    lock=NOTHING,
    tree=NOTHING,
    inputs=NOTHING,
    verdicts=NOTHING,
    lineage="a-b",
    serial=3,
    approvers=NOTHING,
    ledger=START,
    destructive=("a.b", "a.c"),
)
APPROVERS = Approvers(
    sequence=1,
    previous="",
    digest=NOTHING,
    threshold=2,
    max_age=3600,
    owners={f"key of {name}": name for name in PEOPLE},
    approving=frozenset(PEOPLE),
    revoked=frozenset(),
)


def statement(approver: str, **changed: Any) -> Statement:
    plain_one = Statement(
        stack="acme",
        part="network",
        evidence=EVIDENCE.digest(),
        approver=approver,
        issued_at=AT,
        expires_at=AT + 600,
        names=EVIDENCE.destructive,
    )
    return replace(plain_one, **changed)


def case(*approvals: Statement, **changed: Any) -> Case:
    plain_one = Case(
        then=EVIDENCE,
        now=EVIDENCE,
        planned=Attested(EVIDENCE.content(), "bob"),
        approvals=tuple(Attested(given.content(), given.approver) for given in approvals),
        approvers=APPROVERS,
        ledger=Ledger(),
        policies=(),
        stand_ins=(),
        at=AT,
    )
    return replace(plain_one, **changed)


def test_the_plain_case_is_allowed() -> None:
    assert judge(case(statement("ada"), statement("cyd"))).refusals == ()


@given(some.sampled_from(fields(Evidence)), some.text(min_size=1))
def test_whatever_is_no_longer_as_it_was_refuses(field: Any, text: str) -> None:
    before = getattr(EVIDENCE, field.name)
    after: Any = {int: 7_000_000, tuple: (*EVIDENCE.destructive, text)}.get(type(before), f"{before}{text}")
    now = replace(EVIDENCE, **{field.name: after})
    assert judge(case(statement("ada"), statement("cyd"), now=now)).refusals


CHANGES = some.fixed_dictionaries(
    {},
    optional={
        "stack": some.sampled_from(["acme", "other"]),
        "part": some.sampled_from(["network", "data"]),
        "evidence": some.sampled_from([EVIDENCE.digest(), START]),
        "issued_at": some.integers(AT - 200, AT + 200),
        "expires_at": some.integers(AT - 100, AT + 9000),
        "names": some.lists(some.sampled_from(["a.b", "a.c", "a.d"]), unique=True).map(tuple),
    },
)


@given(some.lists(some.tuples(some.sampled_from(PEOPLE), CHANGES), max_size=6))
def test_only_enough_distinct_others_who_name_everything_allow(
    given_: list[tuple[str, dict[str, Any]]],
) -> None:
    approvals = [statement(name, **changed) for name, changed in given_]
    good = {
        found.approver
        for found in approvals
        if found.approver != "bob"
        and (found.stack, found.part, found.evidence) == ("acme", "network", EVIDENCE.digest())
        and abs(found.issued_at - AT) <= 60
        and AT < found.expires_at <= found.issued_at + 3600
        and set(found.names) <= set(EVIDENCE.destructive)
    }
    verdict = judge(case(*approvals))
    assert {found.approver for found in verdict.accepted} == good
    assert len(verdict.accepted) == len(good)
    naming = [
        sum(address in found.names for found in verdict.accepted) >= APPROVERS.threshold
        for address in EVIDENCE.destructive
    ]
    assert (not verdict.refusals) == (len(good) >= APPROVERS.threshold and all(naming))


@given(some.integers(1, 6), some.integers(min_value=0), some.integers(1, 255))
def test_no_byte_of_a_log_can_be_changed(lines: int, place: int, bits: int) -> None:
    ledger = Ledger()
    for number in range(lines):
        line = ledger.next_line("planned", at=AT + number, subject=NOTHING, plan_id=str(number))
        ledger = Ledger((*ledger.lines, line))
    content = bytearray(b"".join(line.content() for line in ledger.lines))
    content[place % len(content)] ^= bits
    try:
        found = read_ledger(bytes(content))
    except RefusedError:
        return
    # What may be changed unseen is the last line, and that shows in its digest, which every later plan carries.
    assert found.lines[:-1] == ledger.lines[:-1]
    assert not found.holds(ledger.head)


@given(some.sets(some.text(min_size=4), min_size=1), some.text())
def test_no_secret_is_left_after_scrubbing(secrets: set[str], text: str) -> None:
    hidden = {secret for secret in secrets if secret not in "(sensitive)"}
    whole = text.join(sorted(hidden))
    left = scrub(whole, hidden)
    assert not [secret for secret in hidden if secret in left.replace("(sensitive)", "\x00")]
