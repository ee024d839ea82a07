"""``products``: what runs, how many of it, and the ways out of our opinions."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from telamon import naming
from telamon.model.base import Doc, Items, Section
from telamon.model.common import Port, Resources, SecretRef
from telamon.model.database import ProductDatabase
from telamon.model.observed import Observed
from telamon.model.profile import Profile
from telamon.model.storage import CompanionStorage, ProductStorage
from telamon.model.text import (
    AbsolutePath,
    ContextPath,
    EnvironmentName,
    HttpUrl,
    ImageReference,
    JvmArgument,
    Matching,
    Name,
    Named,
    ObjectName,
    PropertyName,
    SecretKey,
    Version,
    Word,
)
from telamon.units import Bytes, Duration, Within

ProductKey = Annotated[naming.ProductName, Named("the name of a product", "wiki", longest=naming.MAX_PRODUCT)]
CompanionKey = Annotated[
    naming.CompanionName, Named("the name of a companion", "search", longest=naming.MAX_COMPANION)
]
AppKey = Annotated[naming.AppName, Named("the name of an app", "reports", longest=naming.MAX_COMPANION)]


class CompanionLogin(Section):
    """A secret with the name and the password that a product logs in to somebody else's companion with."""

    secret: Annotated[ObjectName, Doc("Name of the secret.")]
    username_key: Annotated[SecretKey, Doc("Key of the name.", why="What most secrets call it.")] = "username"
    password_key: Annotated[SecretKey, Doc("Key of the password.", why="What most secrets call it.")] = (
        "password"  # noqa: S105 - the name of a key.
    )


class ExternalCompanion(Section):
    """A companion that others keep up, or a service of the cloud: Telamon runs none, and connects the nodes to it."""

    url: Annotated[HttpUrl, Doc("Where the nodes reach it, e.g. https://search.acme.example:9200.")]
    credentials: Annotated[
        CompanionLogin | None, Doc("What the nodes log in with.", unset="It asks for no password.")
    ] = None


class CompanionSpec(Section):
    """A set of nodes that belongs to a product: a search cluster, a service for editing together."""

    version: Annotated[
        Version | None,
        Doc(
            "Version of the companion.",
            unit='quoted text, e.g. "2.19.1"',
            unset="The one tried with the product.",
        ),
    ] = None
    nodes: Annotated[
        Annotated[int, Field(ge=1, le=9)] | None,
        Doc(
            "How many nodes run.",
            unit="nodes",
            unset="As many as the companion needs to survive the loss of one.",
        ),
    ] = None
    resources: Annotated[Resources, Doc("What each node may use.")] = Field(
        default_factory=Resources.model_construct
    )
    storage: Annotated[CompanionStorage, Doc("The nodes' data.")] = Field(
        default_factory=CompanionStorage.model_construct
    )
    external: Annotated[
        ExternalCompanion | None,
        Doc(
            "One that others keep up in place of Telamon's own; nothing else is said of it then.",
            unset="Telamon runs it.",
        ),
    ] = None


class AppSpec(Section):
    """An app of the product that has a process in every node and a database; it is installed in the product itself."""

    heap: Annotated[
        Annotated[Bytes, Within("256Mi", "512Gi")] | None,
        Doc(
            "Largest heap of the app's own process; each node gets half as much again beside its own memory.",
            unit="bytes, e.g. 2Gi",
            unset="What the app's vendor starts it with, which is meant for small data.",
        ),
    ] = None
    port: Annotated[
        Port | None,
        Doc(
            "Port on which that process listens for other nodes.", unit="TCP port", unset="The vendor's own."
        ),
    ] = None
    database: Annotated[
        Literal["made", "none"],
        Doc(
            "Whether a database and a role are made for the app, or it keeps its data elsewhere.",
            why="An app that slows its own database down should not be asked for by every user of the product.",
        ),
    ] = "made"


class ExtraVolume(Section):
    """A volume of your own in every node of the product. Exactly one source is named."""

    name: Annotated[Name, Doc("Name of the volume, unique within the product.")]
    mount_path: Annotated[AbsolutePath, Doc("Where the nodes see it.")]
    read_only: Annotated[
        bool,
        Doc(
            "Whether the nodes may only read it.",
            why="Most extra files are drivers, certificates or settings.",
        ),
    ] = True
    secret: Annotated[
        ObjectName | None, Doc("Secret whose keys become files.", unset="Not from a secret.")
    ] = None
    config_map: Annotated[
        ObjectName | None, Doc("ConfigMap whose keys become files.", unset="Not from a ConfigMap.")
    ] = None
    claim: Annotated[ObjectName | None, Doc("PersistentVolumeClaim to mount.", unset="Not from a claim.")] = (
        None
    )


class Sidecar(Section):
    """A container of your own beside every node of the product."""

    name: Annotated[Name, Doc("Name of the container, unique within the product.")]
    image: Annotated[ImageReference, Doc("Image, with a tag or a digest.")]
    command: Annotated[Items[str], Doc("Command line.", why="Most images bring their own command.")] = ()
    env: Annotated[
        Mapping[EnvironmentName, str],
        Doc("Environment variables.", why="Nothing is assumed about the image."),
    ] = Field(default_factory=dict)
    ports: Annotated[
        Items[Port], Doc("Ports it listens on.", unit="TCP port", why="Most sidecars only send.")
    ] = ()
    resources: Annotated[Resources, Doc("What the container may use.")] = Field(
        default_factory=Resources.model_construct
    )


class PatchOperation(Section):
    """One operation of a JSON patch (RFC 6902)."""

    op: Annotated[Literal["add", "replace", "remove"], Doc("What to do.")]
    path: Annotated[
        Annotated[str, Matching("a JSON pointer", "/spec/template", r"(/[^/]*)+", 1024)],
        Doc("Where, as a JSON pointer (RFC 6901), e.g. /spec/template/spec/dnsPolicy."),
    ]
    value: Annotated[
        JsonValue, Doc("The new value, for add and replace.", unset="Right for remove only.")
    ] = None


class Patch(Section):
    """A change to a rendered object, for what no other field can say. It is applied last."""

    name: Annotated[Name, Doc("Name of the patch, so that an overlay can replace it.")]
    kind: Annotated[Word, Doc("Kind of the objects it applies to, e.g. StatefulSet.")]
    operations: Annotated[
        Annotated[Items[PatchOperation], Field(min_length=1)], Doc("What to change, in this order.")
    ]


class ProductSpec(Section):
    """One product of the stack."""

    version: Annotated[
        Version | None,
        Doc(
            "Version to run.",
            unit='text, e.g. "11.3.1"',
            unset="Allowed only for an application with a profile.",
        ),
    ] = None
    edition: Annotated[
        Word | None,
        Doc(
            "Which edition of the product the licence is for, where it has several.",
            unset="The product's first.",
        ),
    ] = None
    profile: Annotated[
        Profile | None,
        Doc(
            "Describes an application of your own: written here, or the relative path of a file with it.",
            unset="The name of the product is one that Telamon knows.",
        ),
    ] = None
    observed: Annotated[
        Observed | None,
        Doc(
            "What was seen of the real instance: written here, or the relative path of the file that "
            "`telamon doctor --live` wrote.",
            unset="The engine tries what public sources say.",
        ),
    ] = None
    nodes: Annotated[
        Annotated[int, Field(ge=1, le=20)],
        Doc("How many nodes run.", unit="nodes", why="Two are the fewest that survive the loss of one."),
    ] = 2
    paused: Annotated[
        bool,
        Doc(
            "Whether Telamon only looks at the product and its companions, and neither heals nor changes anything.",
            why="A stack that nobody heals is not highly available.",
        ),
    ] = False
    base_url: Annotated[
        HttpUrl | None,
        Doc(
            "The URL that users type, with the context path.",
            unset="The name of the product before the stack's domain, by https where the edge has TLS.",
        ),
    ] = None
    context_path: Annotated[
        ContextPath, Doc("Path under which the product answers.", why="A host of its own needs no path.")
    ] = ""
    license: Annotated[
        SecretRef | None,
        Doc("The product's licence.", unset="A secret named stack-product-license; generated in the lab."),
    ] = None
    admin: Annotated[
        SecretRef | None,
        Doc(
            "The first administrator: a secret with username, password and email, used for the set-up alone.",
            unset="A secret named stack-product-admin; generated in the lab.",
        ),
    ] = None
    service_account: Annotated[
        SecretRef | None,
        Doc(
            "The account that Telamon acts as: a secret with username and password.",
            unset="A secret named stack-product-service-account; generated in the lab.",
        ),
    ] = None
    companions: Annotated[
        Mapping[CompanionKey, CompanionSpec],
        Doc("Companions by name.", why="Those that a cluster of the product needs run without being named."),
    ] = Field(default_factory=dict)
    apps: Annotated[
        Mapping[AppKey, AppSpec],
        Doc(
            "Apps with a process of their own, by name, on a cluster.",
            why="An app without one needs nothing but the product.",
        ),
    ] = Field(default_factory=dict)
    resources: Annotated[Resources, Doc("What each node may use.")] = Field(
        default_factory=Resources.model_construct
    )
    storage: Annotated[ProductStorage, Doc("The product's homes.")] = Field(
        default_factory=ProductStorage.model_construct
    )
    database: Annotated[
        ProductDatabase | None,
        Doc(
            "A database that the product has already; Telamon makes and changes none for it.",
            unset="One is made where spec.database says.",
        ),
    ] = None
    start_timeout: Annotated[
        Annotated[Duration, Within("5s", "1d")] | None,
        Doc(
            "How long a node may take from start to running before it counts as stuck.",
            unit='a length of time, e.g. "15m"',
            unset="The product's own, which allows for rebuilding an index.",
        ),
    ] = None
    stop_grace: Annotated[
        Annotated[Duration, Within("1s", "1h")] | None,
        Doc(
            "How long a node may take to stop before it is killed.",
            unit='a length of time, e.g. "2m"',
            unset="The product's own, which allows for leaving the cluster in order.",
        ),
    ] = None
    env: Annotated[
        Mapping[EnvironmentName, str],
        Doc(
            "Environment variables for the nodes; they win over Telamon's own.",
            why="The product needs none of yours.",
        ),
    ] = Field(default_factory=dict)
    jvm_args: Annotated[
        Items[JvmArgument],
        Doc(
            "Options for the Java virtual machine, after Telamon's own.",
            why="The product needs none of yours.",
        ),
    ] = ()
    properties: Annotated[
        Mapping[PropertyName, str],
        Doc("Lines for the product's own file of properties.", why="The product needs none of yours."),
    ] = Field(default_factory=dict)
    volumes: Annotated[
        Items[ExtraVolume], Doc("Further volumes in every node.", why="The product needs none of yours.")
    ] = ()
    sidecars: Annotated[
        Items[Sidecar], Doc("Further containers beside every node.", why="The product needs none of yours.")
    ] = ()
    patches: Annotated[
        Items[Patch], Doc("Changes to rendered objects, applied last.", why="A way out, not a way.")
    ] = ()
