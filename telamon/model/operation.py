"""An imperative act, as an object of its own: it is journalled, can be watched, and survives whoever asked for it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from telamon.model.base import Doc, Section
from telamon.model.text import Name, PropertyName, Word
from telamon.naming import API_VERSION, OPERATION_KIND


class Target(Section):
    """What an operation acts on."""

    stack: Annotated[Name, Doc("Name of the stack.")]
    component: Annotated[Name | None, Doc("Component.", unset="The whole stack.")] = None
    member: Annotated[Name | None, Doc("Member of the component.", unset="Every member.")] = None


class OperationMetadata(Section):
    """What the operation is called."""

    name: Annotated[Name, Doc("Verb, component and a number that counts up, e.g. restart-wiki-3.")]


class OperationSpec(Section):
    """What is asked for. It does not change after the operation was made."""

    verb: Annotated[Word, Doc("What to do, e.g. restart.")]
    target: Annotated[Target, Doc("What to act on.")]
    params: Annotated[
        Mapping[PropertyName, str], Doc("Particulars of the verb.", why="Most verbs go without.")
    ] = Field(default_factory=dict)
    generation: Annotated[
        Annotated[int, Field(ge=1)],
        Doc("Generation of the Stack that the asker saw; another one now is a conflict.", unit="generation"),
    ]


class OperationStatus(Section):
    """How far it is."""

    phase: Annotated[
        Literal["Pending", "Running", "Succeeded", "Failed", "Cancelled"],
        Doc("Where it stands.", why="Nobody has begun."),
    ] = "Pending"
    step: Annotated[str, Doc("Step in hand, or the last one.", why="Nobody has begun.")] = ""
    message: Annotated[str, Doc("What happened, for people.", why="Nobody has begun.")] = ""
    cancelled: Annotated[bool, Doc("Whether somebody has asked it to end early.", why="Nobody has.")] = False
    started: Annotated[AwareDatetime | None, Doc("When it began.", unit="RFC 3339", unset="It has not.")] = (
        None
    )
    finished: Annotated[AwareDatetime | None, Doc("When it ended.", unit="RFC 3339", unset="It has not.")] = (
        None
    )
    uid: Annotated[
        str,
        Doc(
            "What tells its calls and jobs from those of an earlier operation of its name.",
            why="Outside of a cluster no name comes back.",
        ),
    ] = ""


class Operation(Section):
    """An imperative act."""

    api_version: Annotated[Literal["telamon.dev/v1alpha1"], Doc("Version of this format.")]
    kind: Annotated[Literal["Operation"], Doc("What the document is.")]
    metadata: Annotated[OperationMetadata, Doc("What it is called.")]
    spec: Annotated[OperationSpec, Doc("What is asked for.")]
    status: Annotated[OperationStatus, Doc("How far it is; Telamon writes it.", why="Nobody has begun.")] = (
        Field(default_factory=OperationStatus.model_construct)
    )


def written(name: str, *, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Operation:
    """An operation as a store keeps it.

    Args:
        name: of the operation.
        spec: as data.
        status: as data.

    Raises:
        ValidationError: it is none.
    """
    document = {"apiVersion": API_VERSION, "kind": OPERATION_KIND, "metadata": {"name": name}}
    return Operation.model_validate({**document, "spec": dict(spec), "status": dict(status)}, strict=False)


def number_of(name: str) -> int:
    """The number that the names of operations end with, by which the oldest comes first; 0 where there is none."""
    last = name.rpartition("-")[2]
    return int(last) if last.isdigit() else 0
