"""How a stack stands: what ``telamon status -o json`` prints below ``status``, and ``kubectl`` shows."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field

from telamon.model.base import Doc, Items, Section


class StatusCondition(Section):
    """One thing that is so, is not so, or is not known, as Kubernetes writes conditions."""

    type: Annotated[str, Doc("What is spoken of: Ready, SetupRequired, UpgradeFailed and others.")]
    status: Annotated[Literal["True", "False", "Unknown"], Doc("Whether it is so.")]
    reason: Annotated[str, Doc("Why, as one word; the name of the guard or invariant where one decided.")]
    message: Annotated[str, Doc("Why, for people.", why="Not every reason needs a sentence.")] = ""
    last_transition_time: Annotated[AwareDatetime, Doc("When status changed last.", unit="RFC 3339")]
    observed_generation: Annotated[
        int | None, Doc("Generation of the spec it speaks of.", unset="It does not depend on the spec.")
    ] = None


class IndexStatus(Section):
    """The search index that a member keeps."""

    readable: Annotated[bool, Doc("Whether the member can read it.")]
    behind: Annotated[
        int | None, Doc("Changes that it lacks.", unit="operations", unset="The product does not tell.")
    ] = None


class MemberStatus(Section):
    """One member as it stands."""

    name: Annotated[str, Doc("Name of the member.")]
    component: Annotated[str, Doc("Component it belongs to.")]
    version: Annotated[str | None, Doc("Version it runs.", unset="It does not run.")] = None
    state: Annotated[str, Doc("Its condition, e.g. Serving, Starting, Quarantined.")]
    serving: Annotated[bool, Doc("Whether it is in rotation.")]
    restarts: Annotated[
        Annotated[int, Field(ge=0)],
        Doc("Restarts that nobody asked for.", unit="restarts", why="A new member."),
    ] = 0
    since: Annotated[
        AwareDatetime | None, Doc("When it came into this state.", unit="RFC 3339", unset="Not known.")
    ] = None
    message: Annotated[
        str, Doc("Why it is in this state, for people.", why="A good state needs no reason.")
    ] = ""
    address: Annotated[str, Doc("Where it listens.", why="Not every member listens.")] = ""
    role: Annotated[
        Literal["primary", "standby"] | None,
        Doc("Part that a database server plays.", unset="It is no database server, or has no data yet."),
    ] = None
    in_sync: Annotated[
        bool | None,
        Doc(
            "Whether a standby has every acknowledged write.",
            unset="It is no standby, or its primary cannot be asked.",
        ),
    ] = None
    lag: Annotated[
        Annotated[int, Field(ge=0)] | None,
        Doc(
            "What a standby lacks of the log.",
            unit="bytes",
            unset="It is no standby, or its primary has not heard of it.",
        ),
    ] = None
    index: Annotated[
        IndexStatus | None,
        Doc("Its search index.", unset="It keeps none, or was not asked yet."),
    ] = None


class ComponentStatus(Section):
    """One component as it stands."""

    name: Annotated[str, Doc("Name of the component.")]
    kind: Annotated[str, Doc("Its sort: product, companion, database or edge.")]
    product: Annotated[str, Doc("Product it belongs to.", why="Database and edge belong to none.")] = ""
    ready: Annotated[bool, Doc("Whether enough of its members serve.")]
    done: Annotated[bool, Doc("Whether nothing is left to do.")]
    reason: Annotated[str, Doc("What it is doing or waiting for, as one word.")]
    message: Annotated[str, Doc("The same for people.", why="Done needs no sentence.")] = ""
    remedy: Annotated[str, Doc("What would help.", why="Waiting is often all there is to do.")] = ""
    url: Annotated[str, Doc("Where a person would go on.", why="Mostly nobody has to.")] = ""


GREEN: Final = (("Ready", "True"), ("Degraded", "False"), ("UpgradeFailed", "False"))
"""Conditions that hold while everything is as it should be."""


class GreenStatus(Section):
    """A stretch of time in which the stack was ready, whole, and of one spec at every look."""

    generation: Annotated[int, Doc("Generation of the spec that was in force.", unit="changes of the spec")]
    since: Annotated[AwareDatetime, Doc("First look of the stretch.", unit="RFC 3339")]
    seen: Annotated[AwareDatetime, Doc("Last look of it, to half a minute.", unit="RFC 3339")]


class StackStatus(Section):
    """How the stack stands."""

    observed_generation: Annotated[
        int | None, Doc("Generation of the spec that was looked at last.", unset="None yet.")
    ] = None
    conditions: Annotated[
        Items[StatusCondition],
        Doc("What is so and what is not, each type once.", why="Nothing is known at first."),
    ] = ()
    components: Annotated[
        Items[ComponentStatus], Doc("Every component.", why="Nothing is known at first.")
    ] = ()
    members: Annotated[Items[MemberStatus], Doc("Every member.", why="Nothing is known at first.")] = ()
    urls: Annotated[
        Mapping[str, str],
        Doc("Where to go, by product, and by product-ssh for git.", why="Nothing answers at first."),
    ] = Field(default_factory=dict)
    green: Annotated[
        GreenStatus | None,
        Doc("Since when it has been as it should be; `telamon promote` reads it.", unset="It is not so now."),
    ] = None

    def condition(self, type_: str) -> StatusCondition | None:
        """The condition of that type, if there is one."""
        return next((condition for condition in self.conditions if condition.type == type_), None)
