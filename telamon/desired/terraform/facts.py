"""What the ground tells once it stands: the outputs of the layers, typed, for the manifests and for people.

Each attribute has the name of an output. No password is among them, only where AWS keeps one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telamon.desired.terraform.data import MARK, LayerName
from telamon.errors import NotReadyError, PlatformError

Text = Annotated[str, Field(min_length=1)]


class Facts(BaseModel):
    """Base of what one layer tells."""

    # An output of a later release is no reason to know nothing.
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class StateFacts(Facts):
    """What the layer ``state`` tells: the bucket that keeps the states."""

    state_bucket: Text


class NetworkFacts(Facts):
    """What the layer ``network`` tells; lists are by zone."""

    vpc_id: Text
    private_subnet_ids: list[Text]
    public_subnet_ids: list[Text]
    data_subnet_ids: list[Text]
    route_table_ids: list[Text]
    logs_bucket: Text
    logs_key_arn: Text


class ClusterFacts(Facts):
    """What the layer ``cluster`` tells.

    Attributes:
        cluster_name: of EKS.
        cluster_endpoint: URL of its API.
        cluster_authority: certificate authority of its API, in base64.
        cluster_version: minor version of the control plane.
        machines_version: minor version of the machines.
        nodes_security_group_id: of the machines.
        cluster_key_arn: key of their disks.
        registries: repository of each component's image, by component.
    """

    cluster_name: Text
    cluster_endpoint: Text
    cluster_authority: Text
    cluster_version: Text
    machines_version: Text
    nodes_security_group_id: Text
    cluster_key_arn: Text
    registries: dict[str, Text]


class EfsHome(Facts):
    """A shared home on EFS."""

    kind: Literal["efs"]
    file_system: Text
    access_point: Text


class OpenZfsHome(Facts):
    """A shared home on FSx for OpenZFS."""

    kind: Literal["openzfs"]
    server: Text
    path: Text


class DataFacts(Facts):
    """What the layer ``data`` tells.

    Attributes:
        backup_bucket: for backups.
        database_host: of PostgreSQL; ``None`` where no database is made here.
        database_port: of PostgreSQL.
        database_secret_arn: where AWS keeps the password of the role for bootstrap.
        shared_homes: by product, those that are made here.
    """

    backup_bucket: Text
    database_host: Text | None = None
    database_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    database_secret_arn: Text | None = None
    shared_homes: dict[str, Annotated[EfsHome | OpenZfsHome, Field(discriminator="kind")]]


class EdgeFacts(Facts):
    """What the layer ``edge`` tells.

    Attributes:
        name_servers: to be named by the parent domain.
        certificate_arn: of the front door; ``None`` where it is not ended at the balancer.
        web_target_group_arn: where the gateway's pods register; ``None`` where a controller makes the balancer.
        tcp_target_group_arns: the same for other listeners, by name.
        cdn_urls: what each product is told as the base of its static files.
        cdn_distributions: to be invalidated after an upgrade, by product.
    """

    name_servers: list[Text]
    certificate_arn: Text | None = None
    web_target_group_arn: Text | None = None
    tcp_target_group_arns: dict[str, Text] = {}
    cdn_urls: dict[str, Text] = {}
    cdn_distributions: dict[str, Text] = {}


class OperationsFacts(Facts):
    """What the layer ``operations`` tells: the topic that pages people."""

    pager_topic_arn: Text


class GroundFacts(Facts):
    """Everything that the ground tells."""

    state: StateFacts
    network: NetworkFacts
    cluster: ClusterFacts
    data: DataFacts
    edge: EdgeFacts
    operations: OperationsFacts


TYPES: Final[Mapping[LayerName, type[Facts]]] = MappingProxyType(
    {
        LayerName.STATE: StateFacts,
        LayerName.NETWORK: NetworkFacts,
        LayerName.CLUSTER: ClusterFacts,
        LayerName.DATA: DataFacts,
        LayerName.EDGE: EdgeFacts,
        LayerName.OPERATIONS: OperationsFacts,
    }
)


def read_facts(layer: LayerName, outputs: Mapping[str, Any]) -> Facts:
    """What one layer tells, typed.

    Args:
        layer: which.
        outputs: of its state.

    Raises:
        NotReadyError: it was never applied to its end, or by a release that told less.
        PlatformError: it tells something that cannot be.
    """
    remedy = f"Apply it as it is rendered now: telamon infra plan DIR/{layer}."
    if MARK not in outputs:
        raise NotReadyError(f"the layer {layer} was not applied yet, or not to its end", remedy=remedy)
    try:
        return TYPES[layer].model_validate(
            {name: value for name, value in outputs.items() if name != MARK and value is not None}
        )
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "missing":
            raise NotReadyError(f"the layer {layer} does not tell {name}", remedy=remedy) from error
        raise PlatformError(f"the layer {layer} tells a {name} that cannot be: {first['msg']}") from error


def flat(facts: GroundFacts) -> dict[str, Any]:
    """Everything that the ground tells, by the name of the output: what manifests are rendered with.

    Args:
        facts: of all layers.
    """
    layers = (getattr(facts, name) for name in GroundFacts.model_fields)
    return {name: value for layer in layers for name, value in layer.model_dump(exclude_none=True).items()}


def read_ground(told: Mapping[LayerName, Mapping[str, Any]]) -> GroundFacts:
    """What all layers tell, typed.

    Args:
        told: outputs by layer.

    Raises:
        NotReadyError: a layer was not applied yet, or tells too little.
        PlatformError: one tells something that cannot be.
    """
    return GroundFacts.model_validate({str(layer): read_facts(layer, told.get(layer, {})) for layer in TYPES})
