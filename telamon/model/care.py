"""``monitoring``, ``paging``, ``backup`` and ``drills``: who looks, who is called, what there is to come back to."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from telamon.model.base import Doc, Items, Section
from telamon.model.common import SecretRef
from telamon.model.products import ProductKey
from telamon.model.text import AbsolutePath, BucketName, HttpUrl, Matching, Name, Version
from telamon.units import Duration, Within


class MonitoringSpec(Section):
    """What is measured."""

    enabled: Annotated[
        bool,
        Doc("Whether the products' metrics are offered to Prometheus.", why="Unseen trouble lasts longer."),
    ] = True
    interval: Annotated[
        Annotated[Duration, Within("5s", "10m")],
        Doc("Time between two readings.", unit="a length of time", why="The default of most installations."),
    ] = Duration.parse("30s")


class OpsgeniePager(Section):
    """Opsgenie. Its API ends on 5 April 2027; choose another one for a new stack."""

    kind: Literal["opsgenie"]
    region: Annotated[Literal["us", "eu"], Doc("Where the account lives.", why="Opsgenie's own default.")] = (
        "us"
    )
    key: Annotated[SecretRef, Doc("API key of an integration.")]


class OperationsPager(Section):
    """The operations API of the vendor's service desk in the cloud, which follows Opsgenie."""

    kind: Literal["service-operations"]
    url: Annotated[HttpUrl, Doc("URL of the integration.")]
    key: Annotated[SecretRef, Doc("API key of the integration.")]


class WebhookPager(Section):
    """Any receiver of JSON."""

    kind: Literal["webhook"]
    url: Annotated[HttpUrl, Doc("Where alerts are posted.")]
    token: Annotated[
        SecretRef | None, Doc("Bearer token to send along.", unset="The receiver asks for none.")
    ] = None


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


PagingSpec = Annotated[OpsgeniePager | OperationsPager | WebhookPager, Field(discriminator="kind")]


class FolderDestination(Section):
    """A folder on the machine that runs the controller."""

    kind: Literal["folder"]
    path: Annotated[AbsolutePath, Doc("The folder; it should lie on another disk than the stack.")]


class S3Destination(Section):
    """A bucket."""

    kind: Literal["s3"]
    bucket: Annotated[BucketName, Doc("Name of the bucket.")]
    prefix: Annotated[
        Annotated[str, Matching("a prefix", "stack/", r"([A-Za-z0-9!_.*'()-]+/)*", 512)],
        Doc("Begin of every key, ending with a slash.", why="A bucket of its own needs none."),
    ] = ""


class ClaimDestination(Section):
    """A volume of the cluster."""

    kind: Literal["claim"]
    claim: Annotated[
        Name,
        Doc(
            "Name of the PersistentVolumeClaim, in the namespace of each product; somebody makes it there. It should"
            " lie on other disks than the shared homes."
        ),
    ]


class BackupSpec(Section):
    """What there is to come back to."""

    every: Annotated[
        Annotated[Duration, Within("15m", "30d")],
        Doc(
            "Time between two backups of a product; the first comes as long after it was set up.",
            unit="a length of time",
            why="A day is what most recovery plans promise.",
        ),
    ] = Duration.parse("1d")
    keep: Annotated[
        Annotated[Duration, Within("1d", "3650d")],
        Doc(
            "How long a backup is kept.",
            unit="a length of time",
            why="Most losses are noticed within a month.",
        ),
    ] = Duration.parse("30d")
    continuous: Annotated[
        bool,
        Doc(
            "Whether what the database writes is kept as it is written, so that a product can be put back to any"
            " instant of the last two days; in the lab, where it takes room for two copies of all data and the log.",
            why="It is new; backups alone are what most recovery plans promise.",
        ),
    ] = False
    before_upgrade: Annotated[
        Literal["take", "skip"] | None,
        Doc(
            "Whether a rolling upgrade takes a backup before it touches anything, or is refused where it cannot. From "
            "an approved upgrade nothing but a restore leads back, so `skip` accepts that risk; the journal says so.",
            unset="Taken where a destination is named; in a lab without one it is skipped, as a lab is the rehearsal.",
        ),
    ] = None
    recent: Annotated[
        Annotated[Duration, Within("1m", "7d")],
        Doc(
            "How long ago the newest backup may have been asked for when a rolling upgrade begins, for that upgrade to "
            "verify it and take no other.",
            unit="a length of time",
            why="Whoever has to restore loses an hour's work at most.",
        ),
    ] = Duration.parse("1h")
    destination: Annotated[
        Annotated[FolderDestination | S3Destination | ClaimDestination, Field(discriminator="kind")] | None,
        Doc(
            "Where backups go.",
            unset="A folder beside the stack in the lab, a bucket of the stack's own on aws.",
        ),
    ] = None


class BrokenReleases(Section):
    """Releases of a product that are no good, to be asked for on purpose."""

    never_starts: Annotated[
        Version | None,
        Doc("Version whose nodes end while they start.", unset="The drill for it is skipped."),
    ] = None
    errs: Annotated[
        Version | None,
        Doc("Version whose nodes start and answer with errors.", unset="The drill for it is skipped."),
    ] = None
    major_never_starts: Annotated[
        Version | None,
        Doc(
            "Version that no rolling upgrade leads to, and whose nodes end while they start.",
            unset="The drill for it is skipped.",
        ),
    ] = None


class LaterReleases(Section):
    """Releases of a product that it may be brought to for good: no product goes back to an earlier one."""

    rolling: Annotated[
        Version | None,
        Doc("Version that a rolling upgrade leads to.", unset="The drill for it is skipped."),
    ] = None
    downtime: Annotated[
        Version | None,
        Doc("Version that takes an interruption to come to.", unset="The drill for it is skipped."),
    ] = None


class WindowSpec(Section):
    """A time that comes round, in which what can wait is done."""

    days: Annotated[
        Annotated[Items[Day], Field(min_length=1)],
        Doc("Days of the week on which it opens.", why="Who names no day means every day."),
    ] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    start: Annotated[
        Annotated[str, Matching("a time of day", "02:00", r"([01][0-9]|2[0-3]):[0-5][0-9]", 5)],
        Doc(
            "When it opens. Where clocks are put forward over that time, it opens as much later; where they are put "
            "back over it, the first time counts.",
            unit="hours and minutes on the wall clock",
        ),
    ]
    duration: Annotated[
        Annotated[Duration, Within("15m", "1d")],
        Doc("How long it stays open, whatever clocks are put to meanwhile.", unit="a length of time"),
    ]
    timezone: Annotated[
        Annotated[str, Matching("a time zone", "Europe/Berlin", r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", 64)],
        Doc("Where the wall clock hangs, as IANA names it.", why="It is the same everywhere."),
    ] = "UTC"


class MaintenanceSpec(Section):
    """When members may be restarted for what can wait."""

    windows: Annotated[
        Items[WindowSpec],
        Doc(
            "Times in which changed settings, new releases of companions and new indexes are brought into force. "
            "Healing never waits, and an operation that somebody asks for waits with --in-window alone.",
            why="Without any, what can wait does not: members are restarted one by one while the others serve.",
        ),
    ] = ()


class DrillsSpec(Section):
    """What may be tried out on the stack itself."""

    allow: Annotated[
        Items[Name],
        Doc(
            "Drills that may be run although the environment is production, by name.",
            why="A drill breaks things on purpose, so on production each one has to be named.",
        ),
    ] = ()
    broken_releases: Annotated[
        Mapping[ProductKey, BrokenReleases],
        Doc(
            "Releases that are known to be no good, by product: the drills broken-release-* ask for them.",
            why="Nobody should be given a broken release by accident.",
        ),
    ] = Field(default_factory=dict)
    later_releases: Annotated[
        Mapping[ProductKey, LaterReleases],
        Doc(
            "Releases that drills bring products to, by product. They stay there, and another run skips these drills.",
            why="A drill should not change for good what nobody has named.",
        ),
    ] = Field(default_factory=dict)
