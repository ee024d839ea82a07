"""Small parts that several sections are made of."""

from typing import Annotated

from pydantic import Field

from telamon.model.base import Doc, Section
from telamon.model.text import ObjectName, SecretKey
from telamon.units import Bytes, Cpu, Within

Port = Annotated[int, Field(ge=1, le=65535)]


class SecretRef(Section):
    """Where a secret is. The value itself never stands in a stack file."""

    secret: Annotated[ObjectName, Doc("Name of the secret.")]
    key: Annotated[
        SecretKey | None,
        Doc(
            "Key within the secret, where the secret holds one value.",
            unset="The key is called like the field that refers to the secret.",
        ),
    ] = None


class Resources(Section):
    """What one node may use."""

    cpu: Annotated[
        Annotated[Cpu, Within("100m", "128")] | None,
        Doc(
            "CPU asked for, for each node.",
            unit='cores, e.g. 2 or "500m"',
            unset="The product's own recommendation for a small instance.",
        ),
    ] = None
    memory: Annotated[
        Annotated[Bytes, Within("128Mi", "2Ti")] | None,
        Doc(
            "Memory of each node: asked for, and the limit too, so that a node is never evicted for using it.",
            unit="bytes, e.g. 4Gi",
            unset="The product's own recommendation for a small instance.",
        ),
    ] = None
    heap: Annotated[
        Annotated[Bytes, Within("64Mi", "1Ti")] | None,
        Doc(
            "Largest heap of the Java virtual machine; it has to leave room in the memory for everything else.",
            unit="bytes, e.g. 2Gi",
            unset="The product's own share of the memory.",
        ),
    ] = None
