"""The pod of a component: one template for all its nodes.

Sources: Kubernetes, "Pod Security Standards", "Configure Liveness, Readiness and Startup Probes", "Projected Volumes"
(a token that ends by itself), "Sidecar Containers".
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from telamon.desired.kubernetes.asking import asked_of
from telamon.desired.kubernetes.data import digest, port_name, without_nothing
from telamon.desired.kubernetes.database import Database
from telamon.desired.kubernetes.environment import TRUST_FOLDER, context, filled, trusts, variables
from telamon.desired.kubernetes.hardening import contained, pod_context
from telamon.desired.kubernetes.mounts import mounts, volumes
from telamon.desired.kubernetes.placement import placement
from telamon.desired.kubernetes.scripts import COPY_FOLDER, LOOK_INTO_BODY, SETTLE_LOGIN, TRUST_AUTHORITIES
from telamon.desired.kubernetes.site import SIDECAR_CPU, SIDECAR_MEMORY, Part, Site, database_of
from telamon.desired.kubernetes.storage import LOCAL_HOME
from telamon.model.products import Sidecar
from telamon.naming import ANNOTATION_ASKED, ANNOTATION_RELEASE, ANNOTATION_REVISION, LABEL_SERVING
from telamon.products.base import NodeContext
from telamon.products.login import LoginFile
from telamon.units import Bytes, Cpu

MAIN: Final = "main"
"""Name of the container that runs the product; the component's name would read better and break `kubectl logs` scripts
that serve several products."""
BURST: Final = 4
"""How many times what it asks for of the processor a node may use."""
PROBED_EVERY: Final = 5
_GIVES_UP: Final = 5
"""Seconds between the wish to stop and the stop, in which balancers learn that a node is about to go."""
_SMALL: Final[Mapping[str, Any]] = {
    "requests": {"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "64Mi"},
    "limits": {"cpu": "1", "memory": "256Mi", "ephemeral-storage": "256Mi"},
}


def template(part: Part, site: Site, *, database: Database) -> dict[str, Any]:
    """The template of a component's pods.

    Args:
        part: the component.
        site: the stack.
        database: where the database is.
    """
    node = context(part, site, database=database)
    files = part.workload.files(node)
    labels = site.part_labels(part)
    if part.outline.rotates:
        # It stands in the template, so that a node serves also while no operator runs.
        labels[LABEL_SERVING] = "true"
    spec = _spec(part, site, node=node, files=files)
    # An application of somebody's own may come to another version under the same image.
    version = [part.outline.release] if part.spec.profile is not None else []
    revision = digest([spec, dict(files), *version])
    annotations = {
        ANNOTATION_ASKED: asked_of(part, site),
        ANNOTATION_RELEASE: part.outline.release,
        ANNOTATION_REVISION: revision,
    }
    return {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}


def _spec(part: Part, site: Site, *, node: NodeContext, files: Mapping[str, str]) -> dict[str, Any]:
    pull = site.spec.images.pull_secret
    grace = part.spec.stop_grace if part.is_product else None
    return without_nothing(
        serviceAccountName=part.name,
        # A node that asks the cluster's API gets a token that ends by itself, and no other node gets one.
        automountServiceAccountToken=False,
        # A service called as the product would set variables that its image takes for its own.
        enableServiceLinks=False,
        securityContext=pod_context(part.container.user),
        terminationGracePeriodSeconds=math.ceil(part.workload.stop_grace if grace is None else grace.seconds),
        imagePullSecrets=[{"name": pull}] if pull else [],
        initContainers=[*_preparing(part, site), *_sidecars(part, site)],
        containers=[_main(part, site, node=node, files=files)],
        volumes=volumes(part, site, files=files),
        **placement(part, site),
    )


def _main(part: Part, site: Site, *, node: NodeContext, files: Mapping[str, str]) -> dict[str, Any]:
    workload = part.workload
    command = workload.container_command(node) or ()
    return contained(
        MAIN,
        image=part.image,
        resources=_resources(part.cpu, part.memory),
        command=[filled(word) for word in command],
        workingDir=part.container.works_in,
        env=variables(workload.environment(node), command=command),
        ports=[
            {"name": port_name(port.name), "containerPort": port.number, "protocol": "TCP"}
            for port in part.ports
        ],
        volumeMounts=mounts(part, site, files=files),
        startupProbe=_startup(part),
        readinessProbe=_readiness(part, site),
        livenessProbe=_liveness(part),
        lifecycle={"preStop": _stop(part)},
    )


def _resources(cpu: Cpu, memory: Bytes) -> dict[str, Any]:
    """Memory is asked for as much as may be used, so that a node is never evicted for using what it was promised.

    The processor may be used beyond what is asked for: a collection of garbage that is held up is a pause that users
    feel. So the limit is far away, and only keeps a node that runs wild from its neighbours.
    """
    asked = {"cpu": str(cpu), "memory": str(memory), "ephemeral-storage": "512Mi"}
    most = Cpu(cpu.millicores * BURST)
    return {"requests": asked, "limits": asked | {"cpu": str(most), "ephemeral-storage": "8Gi"}}


def _startup(part: Part) -> dict[str, Any]:
    """Until this succeeds nothing else is asked; what is stuck beyond it is started again."""
    given = part.spec.start_timeout if part.is_product else None
    patience = part.workload.start_timeout if given is None else given.seconds
    return {
        "tcpSocket": {"port": "http"},
        "periodSeconds": PROBED_EVERY,
        "timeoutSeconds": 3,
        "failureThreshold": math.ceil(patience / PROBED_EVERY),
    }


def _liveness(part: Part) -> dict[str, Any]:
    """The last resort for a node that accepts no connection at all, while no operator is there to see it.

    Nothing is asked of the product: one that upgrades itself or rebuilds its index answers late, or says that it is in
    maintenance, and must not be killed for it. What hangs is started again by the operator, much sooner.
    """
    # Where being ready is no more than a connection either, the other port is looked at.
    port = "http" if part.outline.rotates else port_name(part.workload.ports[-1].name)
    return {"tcpSocket": {"port": port}, "periodSeconds": 30, "timeoutSeconds": 5, "failureThreshold": 20}


def _readiness(part: Part, site: Site) -> dict[str, Any]:
    """The answer's code where a balancer reads the body itself, the body as well where it cannot."""
    timing = {"periodSeconds": PROBED_EVERY, "timeoutSeconds": 4, "failureThreshold": 3}
    health, port = part.workload.health, part.workload.ports
    if not part.outline.rotates:
        return {"tcpSocket": {"port": "http"}, **timing}
    path = f"{part.outline.context_path}{health.path}"
    if site.driver != "gateway" and health.contains and part.container.python:
        number = next(each.number for each in port if each.name == "http")
        url = f"http://127.0.0.1:{number}{path}"
        return {"exec": {"command": ["python3", "-c", LOOK_INTO_BODY, url, health.contains]}, **timing}
    return {"httpGet": {"path": path, "port": "http"}, **timing}


def _stop(part: Part) -> dict[str, Any]:
    if not part.container.stop:
        return {"sleep": {"seconds": _GIVES_UP}}
    return {"exec": {"command": ["sh", "-c", f"sleep {_GIVES_UP}; exec {' '.join(part.container.stop)}"]}}


def _preparing(part: Part, site: Site) -> Iterator[dict[str, Any]]:
    """What is done before the product starts, by its own image and its own user."""
    for number, folder in enumerate(part.container.filled):
        yield contained(
            f"fill-{number}",
            image=part.image,
            resources=_SMALL,
            command=["sh", "-c", COPY_FOLDER, "sh", folder, "/filled"],
            volumeMounts=[{"name": f"filled-{number}", "mountPath": "/filled"}],
        )
    if part.workload.login_file is not None and part.secrets.login != database_of(part):
        yield _logging_in(part, part.workload.login_file)
    if trusts(part, site):
        yield contained(
            "trust",
            image=part.image,
            resources=_SMALL,
            command=["sh", "-c", TRUST_AUTHORITIES, "sh", TRUST_FOLDER, "/authorities"],
            volumeMounts=[
                {"name": "trust", "mountPath": TRUST_FOLDER},
                {"name": "authorities", "mountPath": "/authorities", "readOnly": True},
                {"name": "empty-tmp", "mountPath": "/tmp"},  # noqa: S108 - within the container.
            ],
        )


def _logging_in(part: Part, file: LoginFile) -> dict[str, Any]:
    """What writes the log-in that was changed into the file that a node took it into at its first start."""
    places = {file.user: "TELAMON_USER", file.password: "TELAMON_PASSWORD", file.cipher: None}
    password = part.secrets.database
    return contained(
        "log-in",
        image=part.image,
        resources=_SMALL,
        command=["python3", "-c", SETTLE_LOGIN],
        env=[
            {"name": "TELAMON_FILE", "value": f"{part.container.home}/{file.path}"},
            {"name": "TELAMON_PLACES", "value": json.dumps(places)},
            {"name": "TELAMON_USER", "value": part.secrets.login},
            {
                "name": "TELAMON_PASSWORD",
                "valueFrom": {"secretKeyRef": {"name": password.secret, "key": password.key}},
            },
        ],
        volumeMounts=[{"name": LOCAL_HOME, "mountPath": part.container.home}],
    )


def _sidecars(part: Part, site: Site) -> Iterator[dict[str, Any]]:
    """Containers of somebody's own: they start before the product and end after it, so its last line is shipped."""
    if not part.is_product:
        return
    for sidecar in part.spec.sidecars:
        yield contained(
            sidecar.name,
            image=site.images.name(sidecar.image),
            restartPolicy="Always",
            resources=_sidecar_resources(sidecar),
            command=list(sidecar.command),
            env=[{"name": name, "value": value} for name, value in sorted(sidecar.env.items())],
            ports=[{"containerPort": port, "protocol": "TCP"} for port in sidecar.ports],
        )


def _sidecar_resources(sidecar: Sidecar) -> dict[str, Any]:
    asked = sidecar.resources
    cpu, memory = asked.cpu or SIDECAR_CPU, str(asked.memory or SIDECAR_MEMORY)
    return {
        "requests": {"cpu": str(cpu), "memory": memory, "ephemeral-storage": "64Mi"},
        "limits": {"cpu": str(Cpu(cpu.millicores * BURST)), "memory": memory, "ephemeral-storage": "1Gi"},
    }
