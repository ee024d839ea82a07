"""Logging in to a cluster of EKS as whoever has credentials of AWS, without a program of AWS on the machine.

The token is a URL of STS that is signed and never asked here: the cluster asks it, and so learns who signed it. The
signature covers the name of the cluster, so that no other one can use it.

Sources: kubernetes-sigs/aws-iam-authenticator, README, "API Authorization from Outside a Cluster" (``k8s-aws-v1.``, the
header ``x-k8s-aws-id``, tokens are good for 15 minutes); Kubernetes, "Authenticating", client-go credential plugins
(``ExecCredential``); AWS STS API Reference, ``GetCallerIdentity``.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from telamon.errors import MachineError
from telamon.platforms.terraform.failures import translate

BEGIN: Final = "k8s-aws-v1."
SIGNED_FOR: Final = 60
"""Seconds that the URL itself says it is good for; the cluster accepts no other number."""
GOOD_FOR: Final = timedelta(minutes=14)
"""A minute less than the cluster takes a token for."""
EXEC: Final = "client.authentication.k8s.io/v1"
ASKED: Final = "?Action=GetCallerIdentity&Version=2011-06-15"


def credential(cluster: str, *, region: str, now: float) -> dict[str, Any]:
    """What a program that logs in prints for ``kubectl`` and others.

    Args:
        cluster: name of the cluster.
        region: that it is in.
        now: seconds since the epoch.

    Raises:
        MachineError: botocore is not installed, or there are no credentials.
    """
    ends = datetime.fromtimestamp(now, UTC) + GOOD_FOR
    return {
        "apiVersion": EXEC,
        "kind": "ExecCredential",
        "spec": {},
        "status": {
            "expirationTimestamp": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "token": BEGIN + base64.urlsafe_b64encode(_signed(cluster, region).encode()).decode().rstrip("="),
        },
    }


def kubeconfig(
    cluster: str, *, region: str, endpoint: str, authority: str, program: list[str]
) -> dict[str, Any]:
    """A kubeconfig by which this program logs in; it holds no secret.

    Args:
        cluster: name of the cluster.
        region: that it is in.
        endpoint: URL of its API.
        authority: certificate authority of its API, in base64.
        program: how this program is called, in words.
    """
    words = [*program[1:], "infra", "token", cluster, "--region", region]
    login = {"apiVersion": EXEC, "command": program[0], "args": words, "interactiveMode": "Never"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": cluster, "cluster": {"server": endpoint, "certificate-authority-data": authority}}
        ],
        "users": [{"name": cluster, "user": {"exec": login}}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
        "current-context": cluster,
    }


def _signed(cluster: str, region: str) -> str:
    try:
        # It takes a third of a second, and only this needs it.
        from botocore.session import get_session  # noqa: PLC0415
        from botocore.signers import RequestSigner  # noqa: PLC0415
    except ImportError as error:
        raise MachineError(
            "the library that signs requests to AWS is not installed", remedy="pip install 'telamon[aws]'"
        ) from error
    session = get_session()
    credentials = session.get_credentials()
    if credentials is None:
        raise translate("Error: No valid credential sources found", doing=f"logging in to {cluster}")
    client = session.create_client("sts", region_name=region)
    signer = RequestSigner(
        client.meta.service_model.service_id,
        region,
        "sts",
        "v4",
        credentials,
        session.get_component("event_emitter"),
    )
    request = {
        "method": "GET",
        "url": f"{client.meta.endpoint_url.rstrip('/')}/{ASKED}",
        "body": {},
        "headers": {"x-k8s-aws-id": cluster},
        "context": {},
    }
    return str(
        signer.generate_presigned_url(request, operation_name="", expires_in=SIGNED_FOR, region_name=region)
    )
