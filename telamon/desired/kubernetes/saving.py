"""Backups on a cluster: where they go, and the job that takes one, verifies one or puts one back.

The job runs in the operator's own image, as the product's own user, in the product's namespace. It reads the shared
home, and where a backup is put back it writes there; it logs in to the database as the role that owns the product's
own, and writes to the claim of the backups. It gets no token, and reaches nothing but the database and names
(:mod:`telamon.desired.kubernetes.flows`). Secrets are referred to, so whoever makes the job never reads them.

Sources: Kubernetes, "Jobs" (``podFailurePolicy``, ``podReplacementPolicy``, ``activeDeadlineSeconds``), "Determine the
Reason for Pod Failure" (``FallbackToLogsOnError``); PostgreSQL 17 documentation, 32.19 "SSL Support".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from telamon.desired.kubernetes.backups import SavingDesired
from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.hardening import contained
from telamon.desired.kubernetes.jobs import work_job, work_labels, work_pod
from telamon.errors import InternalError
from telamon.naming import BACKUP, LABEL_COMPONENT
from telamon.products.base import SecretValue

PROGRAM: Final = "telamon.platforms.kubernetes.saving"
GIVEN_UP: Final = 1
"""Exit code of a work that another try would not bring to a better end."""
_HOME: Final = "/home-of-product"
_BACKUPS: Final = "/backups"
_NO_HOME: Final = "without-home"
"""Folder of the claim, for products without a shared home."""
_MESSAGE: Final = "/dev/termination-log"
"""What a pod leaves behind. Source: Kubernetes, "Determine the Reason for Pod Failure" (the default path)."""
_AUTHORITIES: Final = "/authorities"
_TEMPORARY: Final = "/tmp"  # noqa: S108 - within the container.
_ENDS_WITHIN: Final = 86_400
"""Seconds; whoever has more data than can be saved in a day needs another way."""
_STACK: Final = "TELAMON_STACK_"
"""Begin of the names of the variables that hold the stack file, in pieces."""
_PIECE: Final = 96 * 1024
"""Bytes of one of them. Source: execve(2), "Limits on size of arguments and environment": 128 KiB for each string."""
LARGEST: Final = 1024 * 1024
"""Bytes of all of them: what else is in the job must have room beside. Source: etcd 3.5, "System limits": 1.5 MiB for
each request; execve(2) allows more in all, 2 MiB."""
_RESOURCES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "requests": {"cpu": "250m", "memory": "768Mi", "ephemeral-storage": "256Mi"},
        "limits": {"cpu": "1", "memory": "768Mi", "ephemeral-storage": "1Gi"},
    }
)
"""What the quota of a namespace leaves beyond its nodes has room for this, and for a little more."""


def saving_job(
    part: KubernetesComponent, work: Mapping[str, Any], *, job: str, image: str, writes: bool
) -> Object:
    """The job.

    Args:
        part: the component whose data are saved.
        work: what is to be done, as its document.
        job: name by which the planner knows the work.
        image: of the operator.
        writes: whether the work changes the shared home.

    Raises:
        InternalError: the stack file names no claim for them.
    """
    saving = part.saving
    if saving is None:
        raise InternalError(f"nobody has said where backups of {part.desired.name} go")
    labels = work_labels(part)
    # What was cut off, or met a server that is away, is done again; what is refused is told at once.
    refused = {"containerName": BACKUP, "operator": "In", "values": [GIVEN_UP]}
    spec = {
        "backoffLimit": 3,
        "activeDeadlineSeconds": _ENDS_WITHIN,
        "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": refused}]},
    }
    template = {
        # Its own component, to which the flows of a backup are open.
        "metadata": {"labels": labels | {LABEL_COMPONENT: BACKUP}},
        "spec": _pod(part, saving, work=work, image=image, writes=writes),
    }
    return work_job(part, job, labels=labels, template=template, spec=spec)


def _pod(
    part: KubernetesComponent, saving: SavingDesired, *, work: Mapping[str, Any], image: str, writes: bool
) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = [
        {"name": "backups", "persistentVolumeClaim": {"claimName": saving.claim}},
        {"name": "temporary", "emptyDir": {"sizeLimit": "256Mi"}},
    ]
    mounts: list[dict[str, Any]] = [
        {"name": "backups", "mountPath": _BACKUPS},
        {"name": "temporary", "mountPath": _TEMPORARY},
    ]
    if saving.shared is not None:
        claim = {"claimName": saving.shared, "readOnly": not writes}
        volumes.append({"name": "home", "persistentVolumeClaim": claim})
        mounts.append({"name": "home", "mountPath": _HOME, "readOnly": not writes})
    if saving.authorities is not None:
        items = [{"key": saving.authorities.key, "path": "authorities.pem"}]
        secret = {"secretName": saving.authorities.secret, "items": items, "defaultMode": 0o440}
        volumes.append({"name": "authorities", "secret": secret})
        mounts.append({"name": "authorities", "mountPath": _AUTHORITIES, "readOnly": True})
    container = contained(
        BACKUP,
        image=image,
        resources=_RESOURCES,
        command=["python", "-m", PROGRAM],
        env=_environment(part, saving, work=work),
        volumeMounts=mounts,
        terminationMessagePolicy="FallbackToLogsOnError",
    )
    return work_pod(part, container, volumes=volumes)


def _environment(
    part: KubernetesComponent, saving: SavingDesired, *, work: Mapping[str, Any]
) -> list[dict[str, Any]]:
    link = saving.database
    told = {
        "work": work,
        "product": part.desired.product,
        "release": part.desired.members[0].release,
        "server": {"host": link.endpoint.host, "port": link.endpoint.port, **_protection(saving)},
        "database": link.name,
        "keep": saving.keep,
        "disk": saving.disk,
    }
    plain = {
        # Whoever reads the job sees what it does; the order is that of the fields, so it is the same each time.
        "TELAMON_WORK": json.dumps(told),
        **_pieces(saving),
        # One that has no shared home is saved as if that were empty. What waits there must outlive the job.
        "TELAMON_HOME": f"{_BACKUPS}/{_NO_HOME}/{part.desired.name}" if saving.shared is None else _HOME,
        "TELAMON_BACKUPS": _BACKUPS,
        "TELAMON_MESSAGE": _MESSAGE,
    }
    secrets = {"TELAMON_PASSWORD": link.password, "TELAMON_VAULT": saving.vault}
    if isinstance(link.user, SecretValue):
        secrets["TELAMON_USER"] = link.user
    else:
        plain["TELAMON_USER"] = link.user
    return [{"name": name, "value": value} for name, value in plain.items()] + [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": value.secret, "key": value.key}}}
        for name, value in secrets.items()
    ]


def too_large(saving: SavingDesired) -> str:
    """Why a job cannot be told of the whole stack file; "" where it can.

    Args:
        saving: how the data of a product are saved.
    """
    size = len(_told(saving))
    if size <= LARGEST:
        return ""
    return (
        f"spec takes {size // 1024} KiB as a job is told of it, and at most {LARGEST // 1024} fit into one: put what is"
        " long in it (files, additional properties) into a ConfigMap of your own, and refer to that"
    )


def joined(environment: Mapping[str, str]) -> str:
    """The stack file that a job is told of, as JSON.

    Args:
        environment: of the job.

    Raises:
        KeyError: there is none in it.
    """
    pieces = [environment[f"{_STACK}0"]]
    while (piece := environment.get(f"{_STACK}{len(pieces)}")) is not None:
        pieces.append(piece)
    return "".join(pieces)


def _pieces(saving: SavingDesired) -> dict[str, str]:
    """The stack file, in as many pieces as there must be."""
    text = _told(saving)
    return {
        f"{_STACK}{number}": text[begin : begin + _PIECE]
        for number, begin in enumerate(range(0, len(text), _PIECE))
    }


def _told(saving: SavingDesired) -> str:
    """The stack file as a job is told of it: each character is one byte."""
    return json.dumps(saving.stack_file)


def _protection(saving: SavingDesired) -> dict[str, str]:
    """How connections to the database are protected, as parameters of libpq."""
    mode = saving.database.options.get("sslmode", "require")
    found = {"sslmode": mode}
    if saving.authorities is not None:
        found["sslrootcert"] = f"{_AUTHORITIES}/authorities.pem"
    elif mode == "verify-full":
        found["sslrootcert"] = "system"
    return found
