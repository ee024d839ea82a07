"""The stack file as a whole."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from telamon.model.base import Doc, Section
from telamon.model.care import BackupSpec, DrillsSpec, MaintenanceSpec, MonitoringSpec, PagingSpec
from telamon.model.clone import CloneSpec
from telamon.model.cluster import AccessSpec, ImagesSpec, PlacementSpec, SecuritySpec
from telamon.model.database import DatabaseSpec
from telamon.model.edge import EdgeSpec
from telamon.model.metadata import Metadata
from telamon.model.platform import LabPlatform, PlatformSpec
from telamon.model.products import ProductKey, ProductSpec
from telamon.model.status import StackStatus
from telamon.model.storage import StorageSpec
from telamon.model.text import Domain
from telamon.units import Duration, Within


def _this_machine() -> LabPlatform:
    return LabPlatform.model_construct(kind="lab")


class StackSpec(Section):
    """What is wanted."""

    environment: Annotated[
        Literal["dev", "staging", "production"],
        Doc(
            "How careful Telamon is: destructive drills refuse on production.",
            why="A file that does not say must be treated with the most care.",
        ),
    ] = "production"
    soak: Annotated[
        Annotated[Duration, Within("10s", "90d")] | None,
        Doc(
            "How long this environment must have been as it should be, without a break, before `telamon promote` takes "
            "its digests to the next one.",
            unit="a length of time",
            unset="An hour in dev, a day in staging and production.",
        ),
    ] = None
    domain: Annotated[
        Domain,
        Doc("Domain under which each product has a host of its own name."),
    ]
    products: Annotated[
        Annotated[Mapping[ProductKey, ProductSpec], Field(min_length=1, max_length=20)],
        Doc("What runs, by name."),
    ]
    platform: Annotated[
        PlatformSpec,
        Doc("What carries the stack.", why="A file can then be tried on any machine before it is trusted."),
    ] = Field(default_factory=_this_machine)
    database: Annotated[
        DatabaseSpec | None,
        Doc(
            "Where PostgreSQL comes from.",
            unset="The lab runs its own; cloudnative-pg on kubernetes, rds on aws.",
        ),
    ] = None
    storage: Annotated[StorageSpec, Doc("Where homes are kept.")] = Field(
        default_factory=StorageSpec.model_construct
    )
    edge: Annotated[EdgeSpec, Doc("The front door.")] = Field(default_factory=EdgeSpec.model_construct)
    placement: Annotated[PlacementSpec, Doc("Where nodes run in a cluster.")] = Field(
        default_factory=PlacementSpec.model_construct
    )
    security: Annotated[SecuritySpec, Doc("What the products may reach.")] = Field(
        default_factory=SecuritySpec.model_construct
    )
    images: Annotated[ImagesSpec, Doc("Where images come from.")] = Field(
        default_factory=ImagesSpec.model_construct
    )
    monitoring: Annotated[MonitoringSpec, Doc("What is measured.")] = Field(
        default_factory=MonitoringSpec.model_construct
    )
    paging: Annotated[PagingSpec | None, Doc("Who is called when it breaks.", unset="Nobody.")] = None
    backup: Annotated[BackupSpec, Doc("What there is to come back to.")] = Field(
        default_factory=BackupSpec.model_construct
    )
    maintenance: Annotated[MaintenanceSpec, Doc("When what can wait is done.")] = Field(
        default_factory=MaintenanceSpec.model_construct
    )
    drills: Annotated[DrillsSpec, Doc("What may be tried out on the stack itself.")] = Field(
        default_factory=DrillsSpec.model_construct
    )
    clone: Annotated[
        CloneSpec | None,
        Doc("Which stack this one is a copy of.", unset="It is no copy: it may send mail and call others."),
    ] = None
    access: Annotated[
        AccessSpec, Doc("Who may do what.", why="Nobody has rights that the file does not give.")
    ] = Field(default_factory=AccessSpec.model_construct)


class Stack(Section):
    """A stack: what is wanted, and, where Telamon answers, how it stands."""

    api_version: Annotated[Literal["telamon.dev/v1alpha1"], Doc("Version of this format.")]
    kind: Annotated[Literal["Stack"], Doc("What the document is.")]
    metadata: Annotated[Metadata, Doc("What the stack is called.")]
    spec: Annotated[StackSpec, Doc("What is wanted.")]
    status: Annotated[
        StackStatus | None,
        Doc("How it stands; Telamon writes it.", unset="Always, in a file that people write."),
    ] = None
