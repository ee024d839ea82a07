"""``platform``: what carries the stack."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from telamon.model.base import Doc, Section
from telamon.model.kubernetes import AS_OF, settled
from telamon.model.text import AbsolutePath, Cidr, Matching, Name
from telamon.units import Bytes, Within

LoopbackNetwork = Annotated[
    str,
    Matching(
        "a loopback network",
        "127.77.0.0/16",
        r"127\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.0\.0/16",
    ),
]


InstanceType = Annotated[str, Matching("an instance type", "m7i.2xlarge", r"[a-z][a-z0-9-]*\.[a-z0-9]+", 30)]
KubernetesVersion = Annotated[
    str, Matching("a minor version of Kubernetes", settled(AS_OF).version, r"1\.[2-9][0-9]", 4)
]


class LabPlatform(Section):
    """This machine: every node a process, every address on loopback."""

    kind: Literal["lab"]
    network: Annotated[
        LoopbackNetwork | None,
        Doc(
            "Loopback network from which each node gets an address of its own, e.g. 127.77.0.0/16.",
            unset="The next one that no other lab of this user has.",
        ),
    ] = None
    balancers: Annotated[
        Annotated[int, Field(ge=1, le=2)],
        Doc(
            "How many balancers share the front door's port.",
            unit="processes",
            why="One can then be lost or renewed.",
        ),
    ] = 2
    databases: Annotated[
        Annotated[int, Field(ge=1, le=2)],
        Doc(
            "How many database servers there are: a primary, and a standby that has every acknowledged write.",
            unit="processes",
            why="One can then be lost or renewed.",
        ),
    ] = 2
    database_programs: Annotated[
        AbsolutePath | None,
        Doc(
            "Folder of the program `postgres` that the database servers run, for another minor release than the one "
            "that Telamon brings. A newer one is brought in server by server; neither an older one nor another major "
            "release is.",
            unset="The release that Telamon brings.",
        ),
    ] = None
    disturbable: Annotated[
        bool,
        Doc(
            "Whether drills can disturb links: relays stand between all parts. Set it before the first start: a "
            "product that has kept the address of its database goes on using that.",
            why="Relays take processor time, and most stacks are not there to be disturbed.",
        ),
    ] = False
    movable_clocks: Annotated[
        bool,
        Doc(
            "Whether drills can move the clocks of nodes, which then run under libfaketime; it takes disturbable, and "
            "libfaketime 0.9.11 or newer on this machine.",
            why="Looking at such a clock takes processor time, and most stacks are not there to be disturbed.",
        ),
    ] = False
    clock_library: Annotated[
        AbsolutePath | None,
        Doc(
            "File libfaketimeMT.so.1 by which clocks are moved, where the distribution brings none that is fit.",
            unset="The distribution's.",
        ),
    ] = None
    home_size: Annotated[
        Annotated[Bytes, Within("64Mi", "1Ti")] | None,
        Doc(
            "Size of each node's own home, as a file system of its own, so that drills can fill one and not the "
            "machine's disk. Only root may mount one. Set it before the first start.",
            unset="Homes are folders of the state folder, as large as its disk.",
        ),
    ] = None


class KubernetesPlatform(Section):
    """A Kubernetes cluster that exists already."""

    kind: Literal["kubernetes"]
    context: Annotated[
        Annotated[str, Field(min_length=1, max_length=253)] | None,
        Doc("Context of the kubeconfig.", unset="The current one."),
    ] = None
    namespace_prefix: Annotated[
        Name | None, Doc("Begin of the names of the products' namespaces.", unset="The name of the stack.")
    ] = None
    network_policies: Annotated[
        Literal["standard", "calico"],
        Doc(
            "What enforces network policies: `standard` is anything that obeys those of Kubernetes; with `calico` "
            "everything that none of them allows is denied once more, for all namespaces of the stack together.",
            why="A GlobalNetworkPolicy is known to Calico alone, and takes its API server.",
        ),
    ] = "standard"


GroupName = Annotated[Name, Field(max_length=40)]


class NodeGroup(Section):
    """Machines on AWS that are alike, and are started and replaced as one managed node group of EKS."""

    purpose: Annotated[
        Literal["system", "products"] | None,
        Doc(
            "What runs on them: `products` keeps everything else away by a taint; `system` carries the rest, such as "
            "names, drivers, the gateway's controller and the operator.",
            unset="The one that the group is called by; else products.",
        ),
    ] = None
    type: Annotated[
        InstanceType | None,
        Doc(
            "Type of the machines.", unset="That of platform.machine for products; m7i.large for the system."
        ),
    ] = None
    count: Annotated[
        Annotated[int, Field(ge=1, le=100)] | None,
        Doc(
            "How many there are.",
            unit="machines",
            unset="Two for the system; for products one more than their nodes need, at least one for each zone.",
        ),
    ] = None
    surge: Annotated[
        Annotated[int, Field(ge=1, le=100)] | None,
        Doc(
            "How many more there may be, for an autoscaler or a person; an update of EKS takes its own room besides.",
            unit="machines",
            unset="One for each zone.",
        ),
    ] = None
    emptied_at_once: Annotated[
        Annotated[int, Field(ge=1, le=10)],
        Doc(
            "How many machines an update of EKS empties at the same time, behind disruption budgets.",
            unit="machines",
            why="A product lets one node go at a time, so a second machine would mostly wait.",
        ),
    ] = 1
    kubernetes: Annotated[
        KubernetesVersion | None,
        Doc("Minor version of these machines, quoted.", unset="That of platform.machinesKubernetes."),
    ] = None
    autoscaled: Annotated[
        bool,
        Doc(
            "Whether an autoscaler says how many there are: Terraform then leaves their number alone. EKS refuses a "
            "`count` above the number that there is.",
            why="Without an autoscaler nobody else would follow when products grow.",
        ),
    ] = False


def purpose_of(name: str, group: NodeGroup) -> Literal["system", "products"]:
    """What the machines of a group are for.

    Args:
        name: of the group.
        group: what the file says of it.
    """
    return group.purpose or ("system" if name == "system" else "products")


class AwsPlatform(Section):
    """AWS: Telamon also writes everything underneath, and it is applied after approval only."""

    kind: Literal["aws"]
    region: Annotated[
        Annotated[str, Matching("a region", "eu-central-1", r"[a-z]{2}(-[a-z]+)+-[0-9]", 30)],
        Doc("Region, e.g. eu-central-1."),
    ]
    account: Annotated[
        Annotated[str, Matching("an account", "123456789012", r"[0-9]{12}", 12)],
        Doc("Account, quoted, so that nothing is ever applied to another one.", unit="12 digits"),
    ]
    zones: Annotated[
        Annotated[int, Field(ge=2, le=4)],
        Doc("How many availability zones are used.", unit="zones", why="The loss of one leaves a majority."),
    ] = 3
    network: Annotated[
        Cidr, Doc("Private network of the stack.", why="Room for every zone; change it where it collides.")
    ] = "10.64.0.0/16"
    kubernetes: Annotated[
        KubernetesVersion,
        Doc(
            "Minor version of the control plane, quoted. It rises by one at a time, in a plan of its own.",
            why="In standard support of EKS, and old enough for every add-on to know it.",
        ),
    ] = settled(AS_OF).version
    machines_kubernetes: Annotated[
        KubernetesVersion | None,
        Doc(
            "Minor version of the machines, quoted: the one before, while the control plane is upgraded.",
            unset="That of the control plane.",
        ),
    ] = None
    machine: Annotated[
        InstanceType | None,
        Doc(
            "Type of the machines that carry the products.",
            unset="The smallest on which two of the largest nodes fit.",
        ),
    ] = None
    node_groups: Annotated[
        Mapping[GroupName, NodeGroup],
        Doc(
            "Groups of machines, by name. A purpose that none of them has gets a group that is called as it is. A "
            "second one beside takes over from the first, machine by machine: `telamon machines roll --group OLD "
            "--into NEW`.",
            why="Both purposes get one, as large as what it carries needs.",
        ),
    ] = Field(default_factory=dict)
    network_policies: Annotated[
        Literal["vpc-cni", "calico"],
        Doc(
            "What enforces network policies.",
            why="The VPC's own plug-in needs no further part; Calico is for clusters that know it already.",
        ),
    ] = "vpc-cni"
    public_api: Annotated[
        bool,
        Doc("Whether the cluster's API answers on the internet.", why="What is not there is not attacked."),
    ] = False


PlatformSpec = Annotated[LabPlatform | KubernetesPlatform | AwsPlatform, Field(discriminator="kind")]
