"""Databases, shared homes and backups.

Sources: AWS documentation of Amazon RDS, "Multi-AZ DB instance deployments", "Password management with Secrets
Manager", "Using Blue/Green Deployments" (needs logical replication); Amazon EFS, "Access points"; FSx for OpenZFS,
"Deployment types" and "Throughput"; AWS Backup, "Assigning resources".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from telamon.desired.terraform.buckets import Bucket, bucket
from telamon.desired.terraform.cluster import NODES_GROUP, backup_bucket
from telamon.desired.terraform.data import Layer, LayerName, Output, Resource, Sheet, snake
from telamon.desired.terraform.ground import (
    GIBIBYTE,
    Ground,
    Tenant,
    efs_tenants,
    openzfs_tenants,
)
from telamon.desired.terraform.network import (
    DATA_SUBNETS,
    LOGS_BUCKET,
    LOGS_KEY,
    ROUTE_TABLES,
    VPC_ID,
    rule_in,
    rule_out,
    security_group,
)
from telamon.desired.terraform.policies import allow, document, key, log_group, role, usable_by
from telamon.model.database import GROWS_BY, RdsDatabase
from telamon.model.storage import OpenZfsVolume

POSTGRES: Final = 5432
NFS: Final = 2049
ZFS_PORTS: Final = (111, 2049, 20001, 20002, 20003)
"""NFS of FSx: the port mapper, the server, and its mount, status and lock services."""
MULTI_ZONE_STEPS: Final = (160, 320, 640, 1280, 2560, 3840, 5120, 7680, 10240)
"""MB/s that MULTI_AZ_1 can be bought with; the file speaks in the steps of one zone."""
MILLISECONDS_A_DAY: Final = 86_400_000
MOST_BACKUP_DAYS: Final = 35
"""RDS keeps its own backups no longer."""


def data(ground: Ground) -> Layer:
    """The layer ``data``.

    Args:
        ground: the stack.
    """
    made = key(
        ground, "data", usable_by(ground, "backup", sid="Backups"), usable_by(ground, "rds", sid="Databases")
    )
    sheets = [Sheet("key", made)]
    outputs = [Output("backup_bucket", "${aws_s3_bucket.backup.bucket}", "bucket for backups")]
    if ground.database is not None:
        sheets.append(Sheet("database", tuple(_database(ground, ground.database, made[0]))))
        outputs += _database_outputs()
    if efs_tenants(ground):
        sheets.append(Sheet("efs", tuple(_efs(ground, made[0]))))
    if openzfs_tenants(ground):
        sheets.append(Sheet("openzfs", tuple(_openzfs(ground, made[0]))))
    outputs.append(Output("shared_homes", _homes(ground), "shared home of each product"))
    sheets.append(Sheet("backups", tuple(_backups(ground, made[0]))))
    inputs = (VPC_ID, DATA_SUBNETS, ROUTE_TABLES, LOGS_BUCKET, LOGS_KEY, NODES_GROUP)
    return Layer(LayerName.DATA, tuple(sheets), inputs, tuple(outputs))


# ------------------------------------------------------------------------------------------------- database


def _database(ground: Ground, wanted: RdsDatabase, made: Resource) -> Iterator[Resource]:
    subnets = Resource("aws_db_subnet_group", "main", {"name": ground.prefix, "subnet_ids": DATA_SUBNETS.ref})
    settings = {
        "rds.force_ssl": "1",
        "rds.logical_replication": "1",
        "log_connections": "1",
        "log_disconnections": "1",
        "log_statement": "ddl",
        "log_min_duration_statement": "5000",
    } | dict(wanted.parameters)
    parameters = Resource(
        "aws_db_parameter_group",
        "main",
        {
            "name": f"{ground.prefix}-{wanted.version}",
            "family": f"postgres{wanted.version}",
            "parameter": [
                {"name": name, "value": value, "apply_method": "pending-reboot"}
                for name, value in sorted(settings.items())
            ],
            # Two majors live side by side during an upgrade.
            "lifecycle": {"create_before_destroy": True},
        },
    )
    group = security_group(ground, "database", what="the database", vpc_id=VPC_ID.ref)
    watcher = role(
        ground,
        "database-monitoring",
        service="monitoring.rds",
        managed=("service-role/AmazonRDSEnhancedMonitoringRole",),
    )
    logs = [
        log_group(f"database_{kind}", f"/aws/rds/instance/{ground.prefix}/{kind}", key_arn=LOGS_KEY.ref)
        for kind in ("postgresql", "upgrade")
    ]
    yield from (subnets, parameters, group, *watcher, *logs)
    yield rule_in(group, "postgres_from_nodes", port=POSTGRES, referenced_security_group_id=NODES_GROUP.ref)
    body = _instance(ground, wanted) | {
        "db_subnet_group_name": subnets.ref("name"),
        "parameter_group_name": parameters.ref("name"),
        "vpc_security_group_ids": [group.ref()],
        "monitoring_role_arn": watcher[0].ref("arn"),
        "kms_key_id": made.ref("arn"),
        "performance_insights_kms_key_id": made.ref("arn"),
        "master_user_secret_kms_key_id": made.ref("arn"),
        "depends_on": [group.address for group in logs],
    }
    yield Resource("aws_db_instance", "main", body)


def _instance(ground: Ground, wanted: RdsDatabase) -> dict[str, Any]:
    size = -(-wanted.storage.count // GIBIBYTE)
    return {
        "identifier": ground.prefix,
        "engine": "postgres",
        "engine_version": wanted.version,
        "instance_class": wanted.instance_class,
        "storage_type": "gp3",
        "storage_encrypted": True,
        "allocated_storage": size,
        "max_allocated_storage": size * GROWS_BY,
        "multi_az": ground.production,
        "publicly_accessible": False,
        # For bootstrap alone: each product has a role of its own, and nobody keeps this password.
        "username": "telamon",
        "manage_master_user_password": True,
        "iam_database_authentication_enabled": True,
        "backup_retention_period": min(_keep_days(ground), MOST_BACKUP_DAYS),
        "copy_tags_to_snapshot": True,
        "deletion_protection": ground.production,
        "skip_final_snapshot": not ground.production,
        "final_snapshot_identifier": f"{ground.prefix}-final",
        "performance_insights_enabled": True,
        "performance_insights_retention_period": 7,
        "monitoring_interval": 60,
        "enabled_cloudwatch_logs_exports": ["postgresql", "upgrade"],
        "auto_minor_version_upgrade": True,
        "apply_immediately": False,
        # A change of the major version, class or parameters is prepared beside the running one, then switched to.
        "blue_green_update": {"enabled": True},
    }


def _keep_days(ground: Ground) -> int:
    return max(1, ground.spec.backup.keep.milliseconds // MILLISECONDS_A_DAY)


def _database_outputs() -> list[Output]:
    return [
        Output("database_host", "${aws_db_instance.main.address}", "host of the database"),
        Output("database_port", "${aws_db_instance.main.port}", "port of the database"),
        Output(
            "database_secret_arn",
            "${one(aws_db_instance.main.master_user_secret[*].secret_arn)}",
            "where RDS keeps the password of the bootstrap role; not the password",
        ),
    ]


# ------------------------------------------------------------------------------------------------- shared homes


def _efs(ground: Ground, made: Resource) -> Iterator[Resource]:
    group = security_group(ground, "efs", what="the shared homes", vpc_id=VPC_ID.ref)
    yield group
    yield rule_in(group, "nfs_from_nodes", port=NFS, referenced_security_group_id=NODES_GROUP.ref)
    for tenant in efs_tenants(ground):
        name = snake(tenant.name)
        system = Resource(
            "aws_efs_file_system",
            name,
            {
                "creation_token": f"{ground.prefix}-{tenant.name}",
                "encrypted": True,
                "kms_key_id": made.ref("arn"),
                "throughput_mode": "elastic",
                "lifecycle_policy": [{"transition_to_ia": "AFTER_60_DAYS"}],
                "tags": {"Name": f"{ground.prefix}-{tenant.name}"},
            },
        )
        yield system
        yield Resource(
            "aws_efs_backup_policy",
            name,
            {"file_system_id": system.ref(), "backup_policy": {"status": "ENABLED"}},
        )
        yield Resource("aws_efs_file_system_policy", name, _sealed(system))
        for index, zone in enumerate(ground.zones):
            target = {
                "file_system_id": system.ref(),
                "subnet_id": DATA_SUBNETS.item(index),
                "security_groups": [group.ref()],
            }
            yield Resource("aws_efs_mount_target", f"{name}_{zone.letter}", target)
        yield _access_point(tenant, system)


def _sealed(system: Resource) -> dict[str, Any]:
    mount = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    through = {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}}
    statements = (
        allow("ByMountTarget", mount, on=[system.ref("arn")], Principal={"AWS": "*"}, Condition=through),
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "*",
            "Resource": system.ref("arn"),
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )
    return {"file_system_id": system.ref(), "policy": document(*statements)}


def _access_point(tenant: Tenant, system: Resource) -> Resource:
    user = 1000 if tenant.owner is None else tenant.owner
    body = {
        "file_system_id": system.ref(),
        "posix_user": {"uid": user, "gid": user},
        "root_directory": {
            "path": f"/{tenant.name}",
            "creation_info": {"owner_uid": user, "owner_gid": user, "permissions": "0750"},
        },
        "tags": {"Name": tenant.name},
    }
    return Resource("aws_efs_access_point", snake(tenant.name), body)


def _openzfs(ground: Ground, made: Resource) -> Iterator[Resource]:
    group = security_group(ground, "openzfs", what="the homes of repositories", vpc_id=VPC_ID.ref)
    yield group
    for port in ZFS_PORTS:
        yield rule_in(
            group, f"nfs_{port}_from_nodes", port=port, referenced_security_group_id=NODES_GROUP.ref
        )
    yield rule_out(group, "inside", port=None, cidr_ipv4=ground.platform.network)
    for tenant, volume in openzfs_tenants(ground):
        export = {
            "clients": ground.platform.network,
            "options": ["rw", "crossmnt", "no_root_squash", "sync"],
        }
        body = _zfs_type(ground, volume) | {
            "storage_type": "SSD",
            "storage_capacity": -(-tenant.shared_size.count // GIBIBYTE),
            "kms_key_id": made.ref("arn"),
            "security_group_ids": [group.ref()],
            "automatic_backup_retention_days": min(_keep_days(ground), 90),
            "copy_tags_to_backups": True,
            "copy_tags_to_volumes": True,
            "skip_final_backup": not ground.production,
            "root_volume_configuration": {
                "data_compression_type": "LZ4",
                "nfs_exports": {"client_configurations": [export]},
            },
            "tags": {"Name": f"{ground.prefix}-{tenant.name}"},
        }
        yield Resource("aws_fsx_openzfs_file_system", snake(tenant.name), body)


def zfs_throughput(ground: Ground, volume: OpenZfsVolume) -> int:
    """MB/s that are bought: as the file says in one zone, the next step up in two."""
    if not ground.production:
        return volume.throughput
    return next(step for step in MULTI_ZONE_STEPS if step >= volume.throughput)


def _zfs_type(ground: Ground, volume: OpenZfsVolume) -> dict[str, Any]:
    first = DATA_SUBNETS.item(0)
    bought = {"throughput_capacity": zfs_throughput(ground, volume)}
    if not ground.production:
        return bought | {"deployment_type": "SINGLE_AZ_HA_1", "subnet_ids": [first]}
    return bought | {
        "deployment_type": "MULTI_AZ_1",
        "subnet_ids": [first, DATA_SUBNETS.item(1)],
        "preferred_subnet_id": first,
        "route_table_ids": ROUTE_TABLES.ref,
    }


def _homes(ground: Ground) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for tenant in efs_tenants(ground):
        name = snake(tenant.name)
        found[tenant.name] = {
            "kind": "efs",
            "file_system": f"${{aws_efs_file_system.{name}.id}}",
            "access_point": f"${{aws_efs_access_point.{name}.id}}",
        }
    for tenant, _ in openzfs_tenants(ground):
        name = snake(tenant.name)
        found[tenant.name] = {
            "kind": "openzfs",
            "server": f"${{aws_fsx_openzfs_file_system.{name}.dns_name}}",
            "path": "/fsx",
        }
    return found


# ------------------------------------------------------------------------------------------------- backups


def _backups(ground: Ground, made: Resource) -> Iterator[Resource]:
    lock = _keep_days(ground)
    wanted = Bucket(
        "backup",
        backup_bucket(ground),
        expire_days=lock + 30,
        key_arn=made.ref("arn"),
        lock_days=lock,
        log_bucket=LOGS_BUCKET.ref,
        lasting=ground.production,
    )
    yield from bucket(ground, wanted)
    vault = Resource("aws_backup_vault", "main", {"name": ground.prefix, "kms_key_arn": made.ref("arn")})
    yield vault
    rule = {
        "rule_name": "daily",
        "target_vault_name": vault.ref("name"),
        "schedule": "cron(0 2 * * ? *)",
        "lifecycle": {"delete_after": lock},
    }
    plan = Resource("aws_backup_plan", "main", {"name": ground.prefix, "rule": [rule]})
    yield plan
    keeper = role(
        ground,
        "backup",
        service="backup",
        managed=(
            "service-role/AWSBackupServiceRolePolicyForBackup",
            "service-role/AWSBackupServiceRolePolicyForRestores",
        ),
    )
    yield from keeper
    systems = [f"${{aws_efs_file_system.{snake(tenant.name)}.arn}}" for tenant in efs_tenants(ground)]
    systems += [
        f"${{aws_fsx_openzfs_file_system.{snake(tenant.name)}.arn}}" for tenant, _ in openzfs_tenants(ground)
    ]
    if systems:
        selection = {
            "name": "shared-homes",
            "plan_id": plan.ref(),
            "iam_role_arn": keeper[0].ref("arn"),
            "resources": systems,
        }
        yield Resource("aws_backup_selection", "shared_homes", selection)
