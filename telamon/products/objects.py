"""What products keep in S3 instead of their shared home, and how their nodes log in there.

Sources: AWS SDK for Java 2.x, "Default credentials provider chain"; Amazon EKS, "IAM roles for service accounts" (the
annotation, ``AWS_WEB_IDENTITY_TOKEN_FILE``) and "EKS Pod Identity" (``AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE``);
atlassian/data-center-helm-charts, container documentation, ``ATL_ALLOWLIST_SENSITIVE_ENV_VARS``: the images take away
every variable with PASS, SECRET or TOKEN in its name before the product starts, unless it begins with a name there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from telamon.products.node import EnvironmentValue, NodeContext, SecretValue

if TYPE_CHECKING:
    from telamon.model.products import ProductSpec
    from telamon.model.storage import ObjectStorage, ObjectStore

_ALLOWED: Final = "ATL_ALLOWLIST_SENSITIVE_ENV_VARS"


def stores_of(spec: ProductSpec) -> Mapping[str, ObjectStore]:
    """Which kinds of files a product is told to keep in S3, and where.

    Args:
        spec: its section of the stack file.
    """
    given = spec.storage.s3
    if given is None:
        return {}
    found = {"attachments": given.attachments, "avatars": given.avatars, "backups": given.backups}
    return {kind: store for kind, store in found.items() if store is not None}


def login(node: NodeContext) -> dict[str, EnvironmentValue]:
    """What a node logs in to S3 with; nothing where it keeps nothing there."""
    given = node.spec.storage.s3
    if given is None or not stores_of(node.spec):
        return {}
    kept = [name for name in (node.spec.env.get(_ALLOWED, ""), _kept(given)) if name]
    found: dict[str, EnvironmentValue] = {_ALLOWED: ",".join(kept)}
    if given.credentials is not None:
        secret = given.credentials.secret
        found["AWS_ACCESS_KEY_ID"] = SecretValue(secret, given.credentials.access_key_id_key)
        found["AWS_SECRET_ACCESS_KEY"] = SecretValue(secret, given.credentials.secret_access_key_key)
    return found


def overlaid(given: Mapping[str, EnvironmentValue], node: NodeContext) -> dict[str, EnvironmentValue]:
    """The variables of a node with those of the stack file, which win; what the image must not take away is joined.

    Args:
        given: Telamon's own, with what :func:`login` says.
        node: the node.
    """
    joined = {_ALLOWED: given[_ALLOWED]} if _ALLOWED in given else {}
    return dict(given) | dict(node.spec.env) | joined


def _kept(given: ObjectStorage) -> str:
    """The variable that the image must not take away."""
    if given.credentials is not None:
        return "AWS_SECRET_ACCESS_KEY"
    return (
        "AWS_WEB_IDENTITY_TOKEN_FILE" if given.role is not None else "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
    )


def values(store: ObjectStore) -> Iterator[tuple[str, str]]:
    """What a product is told of a bucket: field of the stack file, and its value.

    Args:
        store: the bucket.
    """
    yield "bucket", store.bucket
    yield "region", store.region
    if store.endpoint is not None:
        yield "endpoint", store.endpoint
