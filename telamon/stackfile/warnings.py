"""What is allowed and still worth a word. Warnings are rules like any other; they only never refuse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from telamon.model.care import OpsgeniePager
from telamon.model.kubernetes import minor_of, offered, settled
from telamon.model.platform import AwsPlatform
from telamon.products.objects import stores_of
from telamon.products.support import AS_OF, END_OF_DATA_CENTER, ENDING, lasting_longest, support_of
from telamon.stackfile.egress import links_are_closed, named_address_is_closed, proxy_is_closed
from telamon.stackfile.findings import Finding, Rule, Subject
from telamon.stackfile.rules.products import PRODUCTS

SOON: Final = timedelta(days=180)
"""An upgrade of a large installation is planned about half a year ahead."""

LEAVING: Final = timedelta(days=365)
"""To leave a product takes longer than to upgrade it."""

KUBERNETES_SOON: Final = timedelta(days=90)
"""One minor version takes days and no test of the products' data. AWS announces the end 60 days ahead."""

_OPSGENIE_ENDS: Final = date(2027, 4, 5)
"""Source: Atlassian support, "What happens when Opsgenie is turned off"."""


def support_ends_soon(subject: Subject) -> Iterator[Finding]:
    """A release whose vendor support is over, or will be within half a year."""
    if subject.today is None:
        return
    for name, product in subject.spec.products.items():
        known = support_of(name, product.version or "")
        if known is not None and known.ends - subject.today <= SOON:
            over = known.ends < subject.today
            yield Finding(
                (*PRODUCTS, name, "version"),
                f"vendor support for {name} {known.series} {'ended' if over else 'ends'} on {known.ends}",
                "Plan the upgrade to a series that is supported for longer.",
            )


def series_is_not_long_term(subject: Subject) -> Iterator[Finding]:
    """A release of which nobody here can say how long the vendor supports it."""
    if subject.today is None:
        return
    for name, product in subject.spec.products.items():
        longest = lasting_longest(name)
        if longest is not None and support_of(name, product.version or "") is None:
            yield Finding(
                (*PRODUCTS, name, "version"),
                f"{name} {product.version} is of no long-term series that was known on {AS_OF}, so how long the "
                "vendor supports it is not known here",
                f"Look it up, or choose {longest.series}, which is supported until {longest.ends}.",
            )


def data_center_ends_soon(subject: Subject) -> Iterator[Finding]:
    """Products that can be read and no longer changed, from a day on that is near."""
    if subject.today is None or END_OF_DATA_CENTER - subject.today > LEAVING:
        return
    end = "ended" if subject.today > END_OF_DATA_CENTER else "end"
    for name in subject.spec.products:
        if name in ENDING:
            yield Finding(
                (*PRODUCTS, name),
                f"licences of {name} Data Center {end} on {END_OF_DATA_CENTER}, and it is read-only from then on",
                "Plan what users move to.",
            )


def pager_ends_soon(subject: Subject) -> Iterator[Finding]:
    """A pager that will stop calling."""
    soon = subject.today is not None and _OPSGENIE_ENDS - subject.today <= SOON
    if soon and isinstance(subject.spec.paging, OpsgeniePager):
        yield Finding(
            ("spec", "paging", "kind"),
            f"Opsgenie's API ends on {_OPSGENIE_ENDS}, and nobody would be called after that",
            "Move to service-operations or a webhook.",
        )


def kubernetes_support_ends_soon(subject: Subject) -> Iterator[Finding]:
    """A version of Kubernetes that EKS no longer supports at the usual price, or will not in three months."""
    platform, today = subject.spec.platform, subject.today
    if today is None or not isinstance(platform, AwsPlatform):
        return
    known = offered(minor_of(platform.kubernetes))
    if known is None or known.standard - today > KUBERNETES_SOON:
        return
    if known.extended < today:
        told = f"EKS offers Kubernetes {known.version} no longer, since {known.extended}"
    elif known.standard < today:
        told = f"standard support of EKS for Kubernetes {known.version} ended on {known.standard}"
    else:
        told = f"standard support of EKS for Kubernetes {known.version} ends on {known.standard}"
    newer = settled(today)
    aim = newer.version if newer.minor > known.minor else "a newer one"
    yield Finding(
        ("spec", "platform", "kubernetes"),
        f"{told}; AWS upgrades a control plane by itself after that",
        f"Plan the upgrade to {aim}, one minor version at a time.",
    )


def one_node_is_not_available(subject: Subject) -> Iterator[Finding]:
    """In production, a product of one node is away whenever that node is."""
    if subject.spec.environment != "production":
        return
    for name, product in subject.spec.products.items():
        if product.nodes == 1:
            yield Finding(
                (*PRODUCTS, name, "nodes"),
                f"{name} has one node, so it is away whenever that node is",
                "Write nodes: 2, or an environment other than production.",
            )


def driver_is_retired(subject: Subject) -> Iterator[Finding]:
    """A driver without fixes for what is found in it."""
    if subject.spec.edge.driver == "nginx":
        yield Finding(
            ("spec", "edge", "driver"),
            "ingress-nginx was retired in March 2026 and gets no security fixes",
            "Plan the move to driver gateway.",
        )


def env_holds_a_secret(subject: Subject) -> Iterator[Finding]:
    """A stack file lies in Git; whoever reads it reads its secrets."""
    for name, product in subject.spec.products.items():
        for variable, value in product.env.items():
            if value and variable.endswith(("PASSWORD", "SECRET", "TOKEN")):
                yield Finding(
                    (*PRODUCTS, name, "env", variable),
                    f"{variable} looks like a secret, and everybody who sees this file sees it",
                    "Mount a secret as a volume, and point the variable at its file.",
                )


def bucket_is_not_written_to(subject: Subject) -> Iterator[Finding]:
    """A bucket for backups that nothing is put into by Telamon, by the clock or before an upgrade."""
    backup = subject.spec.backup
    if backup.destination is None or backup.destination.kind != "s3":
        return
    asked = backup.before_upgrade != "skip"
    upgrades = ", and rolling upgrades are refused for want of one" if asked else ""
    yield Finding(
        ("spec", "backup", "destination", "kind"),
        f"no backup of the products is put into a bucket yet{upgrades}",
        "Write kind: claim, with a PersistentVolumeClaim in the namespace of each product.",
    )


def objects_are_in_no_backup(subject: Subject) -> Iterator[Finding]:
    """Backups hold the database and the shared home; what lies in S3 is kept by whoever owns the bucket."""
    if subject.spec.backup.destination is None and subject.spec.platform.kind != "aws":
        return
    for name, product in subject.spec.products.items():
        kept = [kind for kind in stores_of(product) if kind != "backups"]
        if kept:
            yield Finding(
                (*PRODUCTS, name, "storage", "s3"),
                f"backups of {name} hold no {' and no '.join(kept)}, which lie in S3: a restore brings back rows "
                "whose files may be gone by then",
                "Turn on versioning of the bucket, and keep what is deleted for as long as backups (backup.keep).",
            )


def status_is_not_read(subject: Subject) -> Iterator[Finding]:
    """A status in a file changes nothing."""
    if subject.stack.status is not None:
        yield Finding(("status",), "the status in this file is not read; Telamon writes it", "Remove it.")


WARNINGS: Final[tuple[Rule, ...]] = (
    support_ends_soon,
    series_is_not_long_term,
    data_center_ends_soon,
    pager_ends_soon,
    kubernetes_support_ends_soon,
    one_node_is_not_available,
    driver_is_retired,
    env_holds_a_secret,
    bucket_is_not_written_to,
    objects_are_in_no_backup,
    links_are_closed,
    proxy_is_closed,
    named_address_is_closed,
    status_is_not_read,
)
