"""What the journal remembers, as the planner reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from telamon.desired.in_force import InForce
from telamon.model.stack import Stack
from telamon.naming import component_name
from telamon.plan.operation import Running
from telamon.plan.step import Decision, Forget, Record
from telamon.plan.view import LOGIN, RENEWED, REPLACED, Memory
from telamon.ports import Entry, Journal

NONE: Final[Mapping[str, Running]] = MappingProxyType({})


def learn(memory: Memory, entry: Entry) -> Memory:
    """The memory after one more line of the journal."""
    match entry.kind:
        case "fact":
            return memory.with_fact(entry.subject)
        case "forgotten":
            return memory.without_fact(entry.subject)
        case "ended":
            return memory.without_operation(entry.subject)
        case "failure":
            return memory.with_failure(entry.member, at=entry.at, reason=entry.detail)
        case "healed":
            return memory.without_failures([entry.member])
        case "retry":
            return replace(memory, retry=entry.at)
        case "purge":
            return Memory()
        case _:
            return memory


def recall(entries: Iterable[Entry]) -> Memory:
    """The memory that a component's journal adds up to."""
    memory = Memory()
    for entry in entries:
        memory = learn(memory, entry)
    return memory


def restarts(entries: Iterable[Entry]) -> dict[str, int]:
    """How often each member was restarted for being sick, ever."""
    counts: dict[str, int] = {}
    for entry in entries:
        if entry.kind == "failure":
            counts[entry.member] = counts.get(entry.member, 0) + 1
    return counts


def in_force(journal: Journal, stack: Stack, *, operations: Mapping[str, Running] = NONE) -> InForce:
    """What is in force in a stack's products beside what the stack file says.

    Args:
        journal: the record.
        stack: what the stack file says.
        operations: in progress, by component. An upgrade leads from and to the releases that it was begun with, to its
            very end and whatever the file says meanwhile: it must still know the way back.
    """
    found = {
        component_name(product): recall(journal.read(component_name(product)))
        for product in stack.spec.products
    }
    courses = {
        name: operation.course
        for name, operation in operations.items()
        if name in found and operation.course is not None
    }
    releases = {name: memory.release for name, memory in found.items() if memory.release is not None}
    return InForce(
        releases | {name: course.from_release for name, course in courses.items()},
        {name: memory.login for name, memory in found.items() if memory.login is not None},
        {name: course.to_release for name, course in courses.items()},
        frozenset(name for name, memory in found.items() if memory.knows(RENEWED)),
    )


def with_stand_ins(journal: Journal, stack: Stack) -> Stack:
    """The stack with one node more of a product for each that stands in for one in quarantine."""
    changed = {}
    for product, spec in stack.spec.products.items():
        facts = recall(journal.read(component_name(product))).facts
        more = sum(1 for fact in facts if fact.startswith(REPLACED))
        changed[product] = spec.model_copy(update={"nodes": spec.nodes + more}) if more else spec
    return stack.model_copy(update={"spec": stack.spec.model_copy(update={"products": changed})})


def changes_desired(decision: Decision) -> bool:
    """Whether a step has something else desired from now on: other nodes, another log-in or secret of theirs."""
    return isinstance(decision, Record | Forget) and decision.fact.startswith((REPLACED, LOGIN, RENEWED))
