"""The bucket that keeps the states of all layers, and its key: applied once, before everything else.

Source: HashiCorp, "Backend Type: s3": versioning, encryption, and locking by a lock file (``use_lockfile``, since
Terraform 1.10), which needs no table of DynamoDB.
"""

from __future__ import annotations

from telamon.desired.terraform.buckets import Bucket, bucket
from telamon.desired.terraform.data import Layer, LayerName, Output, Sheet
from telamon.desired.terraform.ground import Ground
from telamon.desired.terraform.policies import key


def state_bucket(ground: Ground) -> str:
    """Name of the bucket that keeps the states."""
    return ground.bucket("state")


def state(ground: Ground) -> Layer:
    """The layer ``state``.

    Args:
        ground: the stack.
    """
    made = key(ground, "state")
    wanted = Bucket("state", state_bucket(ground), expire_days=0, key_arn=made[0].ref("arn"), lasting=True)
    return Layer(
        LayerName.STATE,
        (Sheet("bucket", (*made, *bucket(ground, wanted))),),
        outputs=(Output("state_bucket", state_bucket(ground), "bucket of the states"),),
    )
