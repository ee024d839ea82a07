"""``database``: where PostgreSQL comes from. Each product gets a database and a role of its own in it."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from telamon.model.base import Doc, Section
from telamon.model.common import Port, Resources, SecretRef
from telamon.model.text import Host, Matching, ObjectName, PropertyName, SecretKey
from telamon.units import Bytes, Within

Major = Literal["14", "15", "16", "17"]
DatabaseSize = Annotated[Bytes, Within("1Gi", "64Ti")]
Parameters = Annotated[
    Mapping[PropertyName, str],
    Doc("Settings of PostgreSQL, over Telamon's own.", why="Telamon sets what the products need."),
]


GROWS_BY: Final = 4
"""How many times its size the disk of an RDS instance may come to by itself."""


class RdsDatabase(Section):
    """Amazon RDS for PostgreSQL, in two zones, made by Telamon."""

    kind: Literal["rds"]
    version: Annotated[Major, Doc("Major version, quoted.", why="The newest that all products support.")] = (
        "17"
    )
    instance_class: Annotated[
        Annotated[str, Matching("an instance class", "db.m7g.large", r"db\.[a-z0-9-]+\.[a-z0-9]+", 40)],
        Doc(
            "Size of the two instances.",
            why="The smallest with memory for three products of a few hundred users.",
        ),
    ] = "db.m7g.large"
    storage: Annotated[
        DatabaseSize,
        Doc("Size of the disk.", unit="bytes", why="Room to grow; RDS grows it further by itself."),
    ] = Bytes.parse("100Gi")
    parameters: Parameters = Field(default_factory=dict)


class ExternalDatabase(Section):
    """A PostgreSQL that others keep up."""

    kind: Literal["external"]
    host: Annotated[Host, Doc("Name or address of the writer.")]
    port: Annotated[Port, Doc("Port.", unit="TCP port", why="PostgreSQL's own.")] = 5432
    admin: Annotated[
        SecretRef, Doc("A role that may make databases and roles: a secret with username and password.")
    ]
    tls: Annotated[
        Literal["verify-full", "require", "disable"],
        Doc(
            "How the connection is protected.", why="Anything less lets someone else answer as the database."
        ),
    ] = "verify-full"


class CloudNativePgDatabase(Section):
    """PostgreSQL in the cluster, kept up by the CloudNativePG operator."""

    kind: Literal["cloudnative-pg"]
    version: Annotated[Major, Doc("Major version, quoted.", why="The newest that all products support.")] = (
        "17"
    )
    instances: Annotated[
        Annotated[int, Field(ge=1, le=5)],
        Doc(
            "Primary and standbys.",
            unit="instances",
            why="A synchronous standby, and one more while one is away.",
        ),
    ] = 3
    storage: Annotated[
        DatabaseSize, Doc("Size of each instance's disk.", unit="bytes", why="Room to grow.")
    ] = Bytes.parse("100Gi")
    storage_class: Annotated[
        ObjectName | None, Doc("Storage class of the disks.", unset="The cluster's default.")
    ] = None
    resources: Annotated[
        Resources,
        Doc("What each instance may use; heap has no meaning here."),
    ] = Field(default_factory=Resources.model_construct)
    parameters: Parameters = Field(default_factory=dict)


DatabaseSpec = Annotated[RdsDatabase | ExternalDatabase | CloudNativePgDatabase, Field(discriminator="kind")]


class DatabaseCredentials(Section):
    """A secret with the name and the password of a database role."""

    secret: Annotated[ObjectName, Doc("Name of the secret.")]
    username_key: Annotated[SecretKey, Doc("Key of the role's name.", why="What most secrets call it.")] = (
        "username"
    )
    password_key: Annotated[
        SecretKey, Doc("Key of the role's password.", why="What most secrets call it.")
    ] = "password"  # noqa: S105 - the name of a key.


class ProductDatabase(Section):
    """A database of one product that exists already, with everything in it."""

    host: Annotated[Host, Doc("Name or address of the writer.")]
    port: Annotated[Port, Doc("Port.", unit="TCP port", why="PostgreSQL's own.")] = 5432
    name: Annotated[
        Annotated[str, Matching("the name of a database", "jiradb", r"[A-Za-z0-9_][A-Za-z0-9_.-]*", 63)],
        Doc("Name of the database."),
    ]
    credentials: Annotated[DatabaseCredentials, Doc("The role that owns it.")]
    tls: Annotated[
        Literal["verify-full", "require", "disable"],
        Doc(
            "How the connection is protected.", why="Anything less lets someone else answer as the database."
        ),
    ] = "verify-full"
