r"""Where the database is, and what prepares it: a cluster of CloudNativePG, or a job that makes databases and roles.

The job runs again only where what it is to do has changed, and does nothing where all is as it should be. A password
reaches the server as the proof that SCRAM keeps of it, never as itself, so it is in no log of the server.

Sources: PostgreSQL 17 documentation, "psql" (``\gexec``, ``\getenv``, ``\password``); CloudNativePG 1.27, "PostgreSQL
Database Management", "PostgreSQL Role Management", "Networking" (ports 5432 and 8000); Docker Official Image
"postgres" ("Arbitrary --user Notes").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from telamon.desired.kubernetes.data import Meta, Object, Sheet, digest, made, without_nothing
from telamon.desired.kubernetes.hardening import contained, pod_context
from telamon.desired.kubernetes.images import DATABASE_CLIENT, server_image
from telamon.desired.kubernetes.placement import machines
from telamon.desired.kubernetes.site import Part, Site, database_of, database_spec
from telamon.desired.product_secrets import login_secret
from telamon.errors import UsageError
from telamon.model.database import CloudNativePgDatabase, ExternalDatabase, ProductDatabase
from telamon.naming import DATABASE, app_database_name, component_name, secret_name
from telamon.products.base import Endpoint, SecretValue
from telamon.products.container import NOBODYS_USER
from telamon.units import Bytes, Cpu

CLUSTER: Final = DATABASE
"""Name of the cluster of CloudNativePG."""
PREPARED: Final = "prepare-database"
"""Component label of the pods that make databases."""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_AUTHORITIES: Final = "/var/lib/telamon/authorities"
_PORT: Final = 5432

SCRIPT: Final = r"""\set ON_ERROR_STOP on
SET client_min_messages = warning;
\getenv role TELAMON_ROLE
\getenv collation TELAMON_COLLATION
SELECT format('CREATE ROLE %I LOGIN', :'role')
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
\password :role
SELECT format('GRANT %I TO CURRENT_USER', :'role') \gexec
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L',
    :'role', :'role', 'UTF8', :'collation', :'collation')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'role') \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'role') \gexec
"""
"""Makes a role and a database of the same name; the password is read from standard input, twice."""
COMMAND: Final = (
    r'printf "%s\n%s\n" "$TELAMON_PASSWORD" "$TELAMON_PASSWORD"'
    " | psql --no-psqlrc --quiet --file /script/prepare.sql"
)
"""printf is the shell's own, so the password is on no command line."""


@dataclass(frozen=True)
class Database:
    """Where the writer answers.

    Attributes:
        endpoint: host and port.
        options: parameters of the JDBC driver.
    """

    endpoint: Endpoint
    options: Mapping[str, str] = field(default_factory=dict)


def database(site: Site) -> Database:
    """Where the products find the database.

    Raises:
        UsageError: it is made by Terraform, and nobody has said where.
    """
    chosen = database_spec(site.spec)
    if isinstance(chosen, CloudNativePgDatabase):
        return Database(
            Endpoint(f"{CLUSTER}-rw.{site.database_namespace}.svc", _PORT), {"sslmode": "require"}
        )
    if isinstance(chosen, ExternalDatabase):
        return Database(Endpoint(chosen.host, chosen.port), _protection(chosen.tls))
    if not site.facts.database_host:
        raise UsageError(
            "nobody has said where the database is that Terraform makes",
            remedy="Give what `terraform output -json` prints in the folder data, with --facts.",
        )
    # The authorities of RDS are in no image; who gives them gets the stricter check.
    mode = "verify-full" if site.spec.security.authorities is not None else "require"
    return Database(Endpoint(site.facts.database_host, site.facts.database_port), _protection(mode))


def database_of_product(own: ProductDatabase) -> Database:
    """Where a product finds a database that it has already.

    Args:
        own: its section of the stack file.
    """
    return Database(Endpoint(own.host, own.port), _protection(own.tls))


def _protection(mode: str) -> dict[str, str]:
    found = {"sslmode": mode}
    if mode == "verify-full":
        # The driver's own factory wants a file in the user's home; this one asks the authorities that Java trusts.
        found["sslfactory"] = "org.postgresql.ssl.DefaultJavaSSLFactory"
    return found


@dataclass(frozen=True)
class _Prepared:
    """A database that is made, and the role of the same name that owns it."""

    part: Part
    object: str
    role: str
    password: SecretValue


def _prepared(site: Site, needing: Sequence[Part]) -> Iterator[_Prepared]:
    """The databases of products, each before those of its apps."""
    for part in needing:
        name, product = database_of(part), part.outline.product_name
        # The owner's password, whoever nodes log in as by now.
        yield _Prepared(part, part.name, name, login_secret(site.stack, product, role=name))
        for each in part.apps:
            if each.makes_database:
                beside = component_name(product, each.app.name)
                password = SecretValue(secret_name(site.stack, beside, purpose="database"), "password")
                yield _Prepared(part, beside, app_database_name(product, each.app.name), password)


def database_sheets(site: Site) -> tuple[Sheet, ...]:
    """What goes into the namespace of the database."""
    chosen = database_spec(site.spec)
    needing = tuple(
        part for part in site.products if part.workload.needs_database and part.spec.database is None
    )
    if not needing:
        return ()
    if isinstance(chosen, CloudNativePgDatabase):
        made_here = tuple(_prepared(site, needing))
        objects = (_cluster(site, chosen, made_here), *(_database(site, each) for each in made_here))
        return (Sheet("cloudnative-pg", objects),)
    jobs = tuple(_job(site, each) for each in _prepared(site, needing))
    return (Sheet("prepare", (_script(site), *jobs)),)


def admin_secret(site: Site) -> str:
    """Name of the secret of the role that may make databases."""
    chosen = database_spec(site.spec)
    if isinstance(chosen, ExternalDatabase):
        return chosen.admin.secret
    return secret_name(site.stack, DATABASE, purpose="admin")


# ------------------------------------------------------------------------------------------------------- CloudNativePG


def _cluster(site: Site, chosen: CloudNativePgDatabase, prepared: tuple[_Prepared, ...]) -> Object:
    where = machines(site)
    priority = where.pop("priorityClassName")
    settings = {"max_connections": str(100 + 150 * sum(each.part.nodes for each in prepared))}
    spec: dict[str, Any] = {
        "instances": chosen.instances,
        "imageName": site.images.name(server_image(chosen)),
        "primaryUpdateStrategy": "unsupervised",
        "primaryUpdateMethod": "switchover",
        "storage": without_nothing(size=str(chosen.storage), storageClass=chosen.storage_class),
        "postgresql": {"parameters": settings | dict(chosen.parameters)},
        "managed": {"roles": [_role(each) for each in prepared]},
        "affinity": {"enablePodAntiAffinity": True, "podAntiAffinityType": "required", **where},
        "priorityClassName": priority,
        "enablePDB": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if chosen.instances > 1:
        # While no standby is there, writing goes on: the standbys' loss must not stop the products.
        spec["postgresql"]["synchronous"] = {"method": "any", "number": 1, "dataDurability": "preferred"}
    if site.spec.images.pull_secret:
        spec["imagePullSecrets"] = [{"name": site.spec.images.pull_secret}]
    cpu, memory = (str(each) for each in server_resources(chosen))
    spec["resources"] = {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}
    meta = Meta(CLUSTER, site.database_namespace, site.labels(DATABASE))
    return made("postgresql.cnpg.io/v1", "Cluster", meta=meta, spec=spec)


def server_resources(chosen: CloudNativePgDatabase) -> tuple[Cpu, Bytes]:
    """What each server asks for: of the processor, and of memory."""
    asked = chosen.resources
    return asked.cpu or Cpu.parse("1"), asked.memory or Bytes.parse("4Gi")


def _role(each: _Prepared) -> dict[str, Any]:
    return {
        "name": each.role,
        "ensure": "present",
        "login": True,
        "passwordSecret": {"name": each.password.secret},
    }


def _database(site: Site, each: _Prepared) -> Object:
    part = each.part
    collation = part.outline.product.database_collation
    spec = {
        "cluster": {"name": CLUSTER},
        "name": each.role,
        "owner": each.role,
        "template": "template0",
        "encoding": "UTF8",
        "localeCollate": collation,
        "localeCType": collation,
        "databaseReclaimPolicy": "retain",
    }
    meta = Meta(
        each.object, site.database_namespace, site.labels(DATABASE, product=part.outline.product_name)
    )
    return made("postgresql.cnpg.io/v1", "Database", meta=meta, spec=spec)


# ----------------------------------------------------------------------------------------------------------------- job


def _script(site: Site) -> Object:
    meta = Meta("prepare-database", site.database_namespace, site.labels(DATABASE))
    return made("v1", "ConfigMap", meta=meta, data={"prepare.sql": SCRIPT})


def _job(site: Site, each: _Prepared) -> Object:
    part = each.part
    template = {
        "metadata": {"labels": {**site.labels(PREPARED, product=part.outline.product_name)}},
        "spec": _preparing_pod(site, each),
    }
    spec = {"backoffLimit": 10, "ttlSecondsAfterFinished": 86_400, "template": template}
    mark = digest([spec, SCRIPT])[:8]
    name = f"{each.object}-database-{mark}"
    meta = Meta(name, site.database_namespace, site.labels(DATABASE, product=part.outline.product_name))
    return made("batch/v1", "Job", meta=meta, spec=spec)


def _preparing_pod(site: Site, each: _Prepared) -> dict[str, Any]:
    return client_pod(
        site,
        plain={
            "TELAMON_ROLE": each.role,
            "TELAMON_COLLATION": each.part.outline.product.database_collation,
        },
        referred={"TELAMON_PASSWORD": (each.password.secret, each.password.key)},
        volumes=[{"name": "script", "configMap": {"name": "prepare-database"}}],
        mounts=[{"name": "script", "mountPath": "/script", "readOnly": True}],
        command=["bash", "-euo", "pipefail", "-c", COMMAND],
    )


def client_pod(
    site: Site,
    *,
    plain: Mapping[str, str] = _NOTHING,
    referred: Mapping[str, tuple[str, str]] = _NOTHING,
    volumes: Sequence[Mapping[str, Any]] = (),
    mounts: Sequence[Mapping[str, Any]] = (),
    command: Sequence[str] = (),
) -> dict[str, Any]:
    """The pod of a job that speaks to the server as the role that may make databases.

    Args:
        site: the stack.
        plain: further variables.
        referred: further variables that are taken from secrets: name and key of each.
        volumes: further volumes.
        mounts: where they are.
        command: what it does.
    """
    security = site.spec.security
    mode = database(site).options.get("sslmode", "require")
    volumes, mounts = [*volumes], [*mounts]
    environment = _environment(site, mode=mode, plain=plain, referred=referred)
    if security.authorities is not None:
        key = security.authorities.key or "authorities"
        secret = {
            "secretName": security.authorities.secret,
            "items": [{"key": key, "path": "authorities.pem"}],
        }
        volumes.append({"name": "authorities", "secret": secret})
        mounts.append({"name": "authorities", "mountPath": _AUTHORITIES, "readOnly": True})
        environment.append({"name": "PGSSLROOTCERT", "value": f"{_AUTHORITIES}/authorities.pem"})
    elif mode == "verify-full":
        environment.append({"name": "PGSSLROOTCERT", "value": "system"})
    container = contained(
        "prepare",
        image=site.images.name(DATABASE_CLIENT),
        resources={
            "requests": {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
            "limits": {"cpu": "500m", "memory": "64Mi", "ephemeral-storage": "64Mi"},
        },
        command=list(command),
        env=environment,
        volumeMounts=mounts,
    )
    return {
        "serviceAccountName": DATABASE,
        "automountServiceAccountToken": False,
        "restartPolicy": "OnFailure",
        "securityContext": pod_context(NOBODYS_USER),
        "containers": [container],
        "volumes": volumes,
    } | (
        {"imagePullSecrets": [{"name": site.spec.images.pull_secret}]} if site.spec.images.pull_secret else {}
    )


def _environment(
    site: Site, *, mode: str, plain: Mapping[str, str], referred: Mapping[str, tuple[str, str]]
) -> list[dict[str, Any]]:
    endpoint, admin = database(site).endpoint, admin_secret(site)
    values = {
        "PGHOST": endpoint.host,
        "PGPORT": str(endpoint.port),
        "PGDATABASE": "postgres",
        "PGSSLMODE": mode,
        **plain,
    }
    references = {"PGUSER": (admin, "username"), "PGPASSWORD": (admin, "password"), **referred}
    return [{"name": name, "value": value} for name, value in values.items()] + [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": where, "key": key}}}
        for name, (where, key) in references.items()
    ]
