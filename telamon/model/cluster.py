"""``placement``, ``security``, ``images`` and ``access``: how the stack lives in a cluster that others use too."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field

from telamon.model.base import Doc, Items, Section
from telamon.model.common import Port, SecretRef
from telamon.model.lock import Digest
from telamon.model.products import ProductKey
from telamon.model.text import Cidr, Domain, HttpUrl, ImageReference, LabelKey, LabelValue, Name, ObjectName
from telamon.units import Bytes, Cpu, Within


class Toleration(Section):
    """A taint that the nodes of the products may live with."""

    name: Annotated[Name, Doc("Name, so that an overlay can replace it.")]
    key: Annotated[LabelKey, Doc("Key of the taint.")]
    value: Annotated[LabelValue | None, Doc("Value of the taint.", unset="Any value.")] = None
    effect: Annotated[
        Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None,
        Doc("Effect of the taint.", unset="Every effect."),
    ] = None


class Reserved(Section):
    """What a machine holds back from pods."""

    cpu: Annotated[
        Cpu | None, Doc("Cores held back on each machine.", unit='cores, e.g. "200m"', unset="None.")
    ] = None
    memory: Annotated[
        Bytes | None, Doc("Memory held back on each machine.", unit="bytes, e.g. 2Gi", unset="None.")
    ] = None


class MachineGroup(Section):
    """Machines of the cluster that are alike, for `telamon validate` to see whether there is room."""

    name: Annotated[Name, Doc("Name of the group.")]
    count: Annotated[Annotated[int, Field(ge=1, le=500)], Doc("How many there are.", unit="machines")]
    cpu: Annotated[
        Annotated[Cpu, Within("500m", "1024")], Doc("Cores of each machine.", unit="cores, e.g. 8")
    ]
    memory: Annotated[
        Annotated[Bytes, Within("1Gi", "32Ti")], Doc("Memory of each machine.", unit="bytes, e.g. 32Gi")
    ]
    reserved: Annotated[
        Reserved | None,
        Doc(
            "What the system, the kubelet and daemons of other people hold back.",
            unset="As much as large distributions hold back: about a tenth of a machine of 32 GiB.",
        ),
    ] = None
    labels: Annotated[
        Mapping[LabelKey, LabelValue],
        Doc("Labels of the machines, as placement.nodeSelector asks for them.", why="Most need none."),
    ] = Field(default_factory=dict)


class PlacementSpec(Section):
    """Where the nodes of the products run."""

    apart: Annotated[
        Literal["required", "preferred"],
        Doc(
            "Whether two nodes of a product may share a machine when there is no other room.",
            why="Two nodes on one machine are lost together, which is what the second one is for.",
        ),
    ] = "required"
    node_selector: Annotated[
        Mapping[LabelKey, LabelValue],
        Doc("Labels that a machine must carry.", why="Any machine with room will do."),
    ] = Field(default_factory=dict)
    tolerations: Annotated[
        Items[Toleration], Doc("Taints to live with.", why="A taint keeps others away on purpose.")
    ] = ()
    priority_class: Annotated[
        ObjectName | None, Doc("Priority class of the nodes.", unset="Telamon makes one per environment.")
    ] = None
    machines: Annotated[
        Items[MachineGroup],
        Doc(
            "Machines that carry the stack; `telamon validate` says whether every pod has room on them.",
            why="What a cluster has is its owner's to say; without it nothing is checked.",
        ),
    ] = ()


EgressPreset = Literal[
    "smtp", "ldap", "idp", "application-links", "marketplace", "webhooks", "s3", "kube-api"
]
EGRESS_PORTS: Final[Mapping[EgressPreset, tuple[int, ...]]] = MappingProxyType(
    {
        "smtp": (25, 465, 587),
        "ldap": (389, 636, 3268, 3269),
        "idp": (443,),
        "marketplace": (443,),
        "webhooks": (80, 443),
        "s3": (443,),
        "kube-api": (443, 6443),
    }
)
"""TCP ports that each preset opens; those of ``application-links`` depend on the front door.

Sources of the assigned ports: RFC 5321 and 8314 (25, 465, 587), 4511 (389, 636), Microsoft (3268, 3269).
"""
BY_PROXY: Final[frozenset[EgressPreset]] = frozenset({"marketplace", "webhooks", "idp"})
"""Presets that lead to the proxy where there is one."""
INTERNET_ALONE: Final[frozenset[EgressPreset]] = frozenset({"marketplace", "s3"})
"""Presets that lead to no private network."""


class EgressRule(Section):
    """A flow out of the stack that is allowed besides the presets."""

    name: Annotated[Name, Doc("Name of the rule.")]
    cidr: Annotated[Cidr, Doc("Where to.")]
    port: Annotated[Port, Doc("Port.", unit="TCP port")]


class HttpProxy(Section):
    """The proxy through which the products reach the internet."""

    url: Annotated[HttpUrl, Doc("URL of the proxy.")]
    credentials: Annotated[
        SecretRef | None, Doc("A secret with username and password.", unset="The proxy asks for none.")
    ] = None
    bypass: Annotated[
        Items[Domain], Doc("Domains that are reached directly.", why="The stack's own domain always is.")
    ] = ()


class SecuritySpec(Section):
    """What the products may reach, and whom they trust."""

    egress: Annotated[
        Items[EgressPreset],
        Doc(
            "Flows out of the stack, by name.",
            why="The products of a stack link to one another; everything else is a decision.",
        ),
    ] = ("application-links",)
    allow: Annotated[
        Items[EgressRule],
        Doc("Further flows out of the stack.", why="The presets cover what the products need."),
    ] = ()
    proxy: Annotated[HttpProxy | None, Doc("Proxy to the internet.", unset="Directly.")] = None
    authorities: Annotated[
        SecretRef | None,
        Doc("Certificates of further authorities to trust, as PEM.", unset="Those of the images."),
    ] = None


class ImagesSpec(Section):
    """Where images come from."""

    mirror: Annotated[
        ImageReference | None,
        Doc(
            "Registry, with a path where it has one, that holds copies of all images.",
            unset="The images' own registries.",
        ),
    ] = None
    pull_secret: Annotated[
        ObjectName | None,
        Doc("Secret of type kubernetes.io/dockerconfigjson.", unset="Pulling needs no login."),
    ] = None
    digests: Annotated[
        Mapping[ImageReference, Digest],
        Doc(
            "Digest of an image, by the name that it is pulled by; it wins over stack.lock.yaml.",
            why="`telamon build` fills it in from stack.lock.yaml, because a cluster sees no file beside this one.",
        ),
    ] = Field(default_factory=dict)


Groups = Annotated[
    Items[Annotated[str, Field(min_length=1, max_length=253)]],
    Doc("Groups of the cluster's users.", why="Nobody has rights that the file does not give."),
]


class ProductAccess(Section):
    """Who may do what with one product."""

    administrators: Groups = ()


class AccessSpec(Section):
    """Who may do what with the stack, by groups of the cluster's users."""

    administrators: Groups = ()
    viewers: Groups = ()
    products: Annotated[
        Mapping[ProductKey, ProductAccess],
        Doc("Rights in one product's namespace alone.", why="Nobody has rights that the file does not give."),
    ] = Field(default_factory=dict)
