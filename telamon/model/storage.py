"""``storage``: where homes are kept, for the stack and for one product."""

from typing import Annotated, Literal

from pydantic import Field

from telamon.model.base import Doc, Items, Section
from telamon.model.text import AbsolutePath, BucketName, Host, HttpUrl, Matching, ObjectName, SecretKey
from telamon.units import Bytes, Within

HomeSize = Annotated[Bytes, Within("1Gi", "64Ti")]


class EfsVolume(Section):
    """Amazon Elastic File System."""

    kind: Literal["efs"]
    file_system: Annotated[
        Annotated[str, Matching("the id of a file system", "fs-0123456789abcdef0", r"fs-[0-9a-f]{8,17}", 20)]
        | None,
        Doc("Id of a file system that exists already.", unset="Telamon makes one; needs platform aws."),
    ] = None


class NfsVolume(Section):
    """A directory of an NFS server."""

    kind: Literal["nfs"]
    server: Annotated[Host, Doc("Name or address of the server.")]
    path: Annotated[AbsolutePath, Doc("Exported directory.")]
    mount_options: Annotated[
        Items[str],
        Doc(
            "Mount options.",
            why="NFS 4.1, hard mounts and large blocks are what the vendors of shared homes ask for.",
        ),
    ] = ("nfsvers=4.1", "hard", "rsize=1048576", "wsize=1048576")


class OpenZfsVolume(Section):
    """Amazon FSx for OpenZFS: NFS with the latency that repositories need."""

    kind: Literal["openzfs"]
    throughput: Annotated[
        Literal[64, 128, 256, 512, 1024, 2048, 3072, 4096],
        Doc("Throughput that is paid for.", unit="MB/s", why="The step that serves a few hundred users."),
    ] = 128


class CsiVolume(Section):
    """A volume of any storage class that several nodes can mount for writing."""

    kind: Literal["csi"]
    storage_class: Annotated[ObjectName, Doc("Storage class; it must offer ReadWriteMany.")]


class ExistingVolume(Section):
    """A volume that exists already and is taken over with what is on it. Either the volume or a claim is named."""

    kind: Literal["existing"]
    volume: Annotated[
        ObjectName | None,
        Doc("PersistentVolume; a claim is made that is bound to it.", unset="A claim is named."),
    ] = None
    claim: Annotated[
        ObjectName | None,
        Doc("Claim in the product's namespace that is used as it is.", unset="A volume is named."),
    ] = None
    storage_class: Annotated[
        ObjectName | None,
        Doc("Storage class that the volume carries; a claim has to say the same.", unset="It carries none."),
    ] = None


SharedVolume = Annotated[
    EfsVolume | NfsVolume | OpenZfsVolume | CsiVolume | ExistingVolume, Field(discriminator="kind")
]


class LocalStorage(Section):
    """The disk under each node's own home: index, caches, logs."""

    storage_class: Annotated[
        ObjectName | None,
        Doc(
            "Storage class of the nodes' own homes.",
            unset="The cluster's default; gp3 on aws; a folder in the lab.",
        ),
    ] = None


class StorageSpec(Section):
    """Where homes are kept, unless a product says otherwise."""

    local: Annotated[LocalStorage, Doc("The nodes' own homes.")] = Field(
        default_factory=LocalStorage.model_construct
    )
    shared: Annotated[
        SharedVolume | None,
        Doc(
            "The home that a product's nodes share.",
            unset="A folder in the lab, efs on aws; required elsewhere.",
        ),
    ] = None


class LocalHome(Section):
    """The home of one node."""

    size: Annotated[
        HomeSize | None,
        Doc(
            "Size of each node's own home. It can grow without a restart; it cannot shrink.",
            unit="bytes, e.g. 50Gi",
            unset="The product's minimum. The lab does not limit it.",
        ),
    ] = None
    storage_class: Annotated[
        ObjectName | None,
        Doc("Storage class of this product's own homes.", unset="As storage.local of the stack says."),
    ] = None
    volumes: Annotated[
        Items[ObjectName],
        Doc(
            "PersistentVolumes that exist already, in the order of the nodes; each is taken over with what is on it.",
            why="A new node starts with an empty home, and builds or copies its index.",
        ),
    ] = ()


class SharedHome(Section):
    """The home that a product's nodes share."""

    size: Annotated[
        HomeSize | None,
        Doc(
            "Size of the shared home, where the volume has one.",
            unit="bytes, e.g. 200Gi",
            unset="The product's minimum. The lab does not limit it.",
        ),
    ] = None
    volume: Annotated[
        SharedVolume | None,
        Doc("Where this product's shared home is kept.", unset="Where storage.shared of the stack says."),
    ] = None


class ObjectStore(Section):
    """A bucket that a product keeps files of one kind in. It belongs to this product alone."""

    bucket: Annotated[BucketName, Doc("Name of the bucket; somebody has made it.")]
    region: Annotated[
        Annotated[str, Matching("a region", "eu-central-1", r"[a-z0-9]+(-[a-z0-9]+)*", 63)],
        Doc("Region that the bucket lies in."),
    ]
    endpoint: Annotated[
        HttpUrl | None,
        Doc(
            "Where S3 is asked instead: a dual-stack endpoint, or a store that speaks the same protocol.",
            unset="The region's own endpoint.",
        ),
    ] = None


class ObjectCredentials(Section):
    """A secret with a key of AWS. Who can gives the nodes a role instead, for a key never ends."""

    secret: Annotated[ObjectName, Doc("Name of the secret.")]
    access_key_id_key: Annotated[SecretKey, Doc("Key of the id.", why="What most secrets call it.")] = (
        "access-key-id"
    )
    secret_access_key_key: Annotated[
        SecretKey, Doc("Key of the secret access key.", why="What most secrets call it.")
    ] = "secret-access-key"  # noqa: S105 - the name of a key.


class ObjectStorage(Section):
    """What a product keeps in S3 instead of its shared home. Backups of Telamon do not hold it."""

    attachments: Annotated[ObjectStore | None, Doc("Where attachments are.", unset="In the shared home.")] = (
        None
    )
    avatars: Annotated[ObjectStore | None, Doc("Where avatars are.", unset="In the shared home.")] = None
    backups: Annotated[
        ObjectStore | None,
        Doc(
            "Where the product puts the exports that it makes itself; Telamon's own backups are spec.backup.",
            unset="In the shared home.",
        ),
    ] = None
    role: Annotated[
        Annotated[
            str,
            Matching(
                "the ARN of a role",
                "arn:aws:iam::123456789012:role/files",
                r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+",
                2048,
            ),
        ]
        | None,
        Doc(
            "Role of AWS that the nodes take, by the annotation of their service account (IRSA).",
            unset="The one that EKS Pod Identity gives the service account.",
        ),
    ] = None
    credentials: Annotated[
        ObjectCredentials | None, Doc("What the nodes log in with.", unset="They have a role.")
    ] = None


class ProductStorage(Section):
    """The homes of one product, and what is kept beside them."""

    local_home: Annotated[LocalHome, Doc("Each node's own home.")] = Field(
        default_factory=LocalHome.model_construct
    )
    shared_home: Annotated[SharedHome, Doc("The home that the nodes share.")] = Field(
        default_factory=SharedHome.model_construct
    )
    s3: Annotated[
        ObjectStorage | None,
        Doc("What lies in S3 instead of the shared home; not in the lab.", unset="Nothing."),
    ] = None


class CompanionStorage(Section):
    """The data of a companion's nodes."""

    size: Annotated[
        HomeSize | None,
        Doc("Size of each node's data volume.", unit="bytes, e.g. 20Gi", unset="The companion's minimum."),
    ] = None
    storage_class: Annotated[
        ObjectName | None,
        Doc("Storage class of the data volumes.", unset="As storage.local of the stack says."),
    ] = None
