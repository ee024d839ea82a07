"""A bucket with everything that a bucket needs to be safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from telamon.desired.terraform.data import Resource, snake
from telamon.desired.terraform.ground import Ground
from telamon.desired.terraform.policies import Statement, document


@dataclass(frozen=True)
class Bucket:
    """What differs between buckets.

    Attributes:
        purpose: names it.
        name: of AWS.
        expire_days: age at which objects go; 0 keeps the current ones for ever.
        key_arn: of the key that encrypts it; ``None``: the one of S3, for writers that can use no other.
        lock_days: days for which nobody can delete or change an object.
        log_bucket: where accesses are written.
        statements: who besides the account's own roles may use it.
        lasting: whether Terraform refuses to destroy it.
    """

    purpose: str
    name: str
    expire_days: int
    key_arn: str | None = None
    lock_days: int = 0
    log_bucket: str | None = None
    statements: Sequence[Statement] = ()
    lasting: bool = False


def bucket(ground: Ground, wanted: Bucket) -> tuple[Resource, ...]:
    """A private, versioned, encrypted bucket that speaks TLS only.

    Args:
        ground: the stack.
        wanted: which one.
    """
    name = snake(wanted.purpose)
    body: dict[str, Any] = {"bucket": wanted.name, "object_lock_enabled": bool(wanted.lock_days)}
    if wanted.lasting:
        body["lifecycle"] = {"prevent_destroy": True}
    made = Resource("aws_s3_bucket", name, body)
    versioning = Resource(
        "aws_s3_bucket_versioning",
        name,
        {"bucket": made.ref(), "versioning_configuration": {"status": "Enabled"}},
    )
    found = [
        made,
        versioning,
        _closed(name, made),
        _owned(name, made),
        _encrypted(name, made, wanted.key_arn),
    ]
    found += [_expiring(name, made, wanted.expire_days), _policy(ground, name, made=made, wanted=wanted)]
    # Rules can then watch what happens to objects, without the bucket being changed again.
    found.append(Resource("aws_s3_bucket_notification", name, {"bucket": made.ref(), "eventbridge": True}))
    if wanted.lock_days:
        found.append(_locked(name, made, wanted.lock_days))
    if wanted.log_bucket is not None:
        target = {
            "bucket": made.ref(),
            "target_bucket": wanted.log_bucket,
            "target_prefix": f"s3/{wanted.purpose}/",
        }
        found.append(Resource("aws_s3_bucket_logging", name, target))
    return tuple(found)


def _closed(name: str, made: Resource) -> Resource:
    switches = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    body = {"bucket": made.ref()} | dict.fromkeys(switches, True)
    return Resource("aws_s3_bucket_public_access_block", name, body)


def _owned(name: str, made: Resource) -> Resource:
    body = {"bucket": made.ref(), "rule": {"object_ownership": "BucketOwnerEnforced"}}
    return Resource("aws_s3_bucket_ownership_controls", name, body)


def _encrypted(name: str, made: Resource, key_arn: str | None) -> Resource:
    default = {"sse_algorithm": "AES256"}
    if key_arn is not None:
        default = {"sse_algorithm": "aws:kms", "kms_master_key_id": key_arn}
    rule = {"apply_server_side_encryption_by_default": default, "bucket_key_enabled": key_arn is not None}
    return Resource(
        "aws_s3_bucket_server_side_encryption_configuration", name, {"bucket": made.ref(), "rule": rule}
    )


def _expiring(name: str, made: Resource, days: int) -> Resource:
    rule: dict[str, Any] = {
        "id": "expire",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
        "noncurrent_version_expiration": {"noncurrent_days": 90},
    }
    if days:
        rule["expiration"] = {"days": days}
    return Resource(
        "aws_s3_bucket_lifecycle_configuration",
        name,
        {
            "bucket": made.ref(),
            "rule": [rule],
            "depends_on": [f"aws_s3_bucket_versioning.{name}"],
        },
    )


def _policy(ground: Ground, name: str, *, made: Resource, wanted: Bucket) -> Resource:
    arn = f"arn:{ground.partition}:s3:::{wanted.name}"
    sealed = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    body = {
        "bucket": made.ref(),
        "policy": document(sealed, *wanted.statements),
        # A policy that is set while public access is being blocked is refused by S3 now and then.
        "depends_on": [f"aws_s3_bucket_public_access_block.{name}"],
    }
    return Resource("aws_s3_bucket_policy", name, body)


def _locked(name: str, made: Resource, days: int) -> Resource:
    body = {
        "bucket": made.ref(),
        "rule": {"default_retention": {"mode": "GOVERNANCE", "days": days}},
        "depends_on": [f"aws_s3_bucket_versioning.{name}"],
    }
    return Resource("aws_s3_bucket_object_lock_configuration", name, body)
