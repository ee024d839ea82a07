"""``metadata``: what the stack is called."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from telamon import naming
from telamon.model.base import Doc, Section
from telamon.model.text import LabelKey, LabelValue, Name, Named

StackNameText = Annotated[naming.StackName, Named("the name of a stack", "acme", longest=naming.MAX_STACK)]


class Metadata(Section):
    """What the stack is called, and what other tools have written on it."""

    name: Annotated[
        StackNameText,
        Doc("Name of the stack; secrets, volumes and the lab's folder are named after it."),
    ]
    namespace: Annotated[
        Name | None,
        Doc(
            "Kubernetes namespace that holds the Stack object itself; every product gets one of its own.",
            unset="The namespace of the context in use; the lab has none.",
        ),
    ] = None
    labels: Annotated[
        Mapping[LabelKey, LabelValue],
        Doc("Labels of the Stack object, for selecting it.", why="Telamon needs none of its own here."),
    ] = Field(default_factory=dict)
    annotations: Annotated[
        Mapping[LabelKey, str],
        Doc("Annotations of the Stack object, for other tools.", why="Telamon needs none of its own here."),
    ] = Field(default_factory=dict)
