"""``edge``: the front door, from the address users type to the nodes."""

from typing import Annotated, Literal

from pydantic import Field

from telamon.model.base import Doc, Section
from telamon.model.common import Port
from telamon.model.text import Matching, ObjectName, Word


class DisabledTls(Section):
    """Plain HTTP: for a laptop, or behind something that ends TLS itself."""

    kind: Literal["disabled"]


class LabTls(Section):
    """A certificate authority of the lab's own, which `telamon trust` prints."""

    kind: Literal["lab"]


class CertManagerTls(Section):
    """Certificates that cert-manager gets and renews."""

    kind: Literal["cert-manager"]
    issuer: Annotated[ObjectName, Doc("Name of the issuer.")]
    issuer_kind: Annotated[
        Literal["ClusterIssuer", "Issuer"],
        Doc("Kind of the issuer.", why="One issuer for all namespaces is the common set-up."),
    ] = "ClusterIssuer"


class AcmTls(Section):
    """A certificate of AWS Certificate Manager."""

    kind: Literal["acm"]
    certificate: Annotated[
        Annotated[
            str,
            Matching(
                "the ARN of a certificate",
                "arn:aws:acm:eu-central-1:123456789012:certificate/0f9c7a52",
                r"arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+",
            ),
        ]
        | None,
        Doc(
            "ARN of a certificate that exists already.",
            unset="Telamon asks for one and proves the domain by DNS.",
        ),
    ] = None


class SecretTls(Section):
    """A certificate that someone puts into a secret of type kubernetes.io/tls."""

    kind: Literal["secret"]
    secret: Annotated[ObjectName, Doc("Name of the secret.")]


TlsSpec = Annotated[DisabledTls | LabTls | CertManagerTls | AcmTls | SecretTls, Field(discriminator="kind")]


class SshSpec(Section):
    """The front door of git over SSH, where a product offers it."""

    port: Annotated[
        Port | None,
        Doc(
            "Port that users connect to.",
            unit="TCP port",
            unset="The product's own; in the lab the next free one.",
        ),
    ] = None


class CdnSpec(Section):
    """A content delivery network for static files; everything else passes through."""

    kind: Annotated[Literal["cloudfront"], Doc("Which network.")]
    price_class: Annotated[
        Literal["100", "200", "all"],
        Doc(
            "Which of its locations are paid for.", why="Europe and North America; a wider reach costs more."
        ),
    ] = "100"


class EdgeSpec(Section):
    """The front door."""

    driver: Annotated[
        Literal["gateway", "nginx", "alb"] | None,
        Doc(
            "What carries the traffic in a cluster.",
            unset="gateway (Gateway API on Envoy); the lab runs Envoy itself.",
        ),
    ] = None
    class_name: Annotated[
        Word | None,
        Doc("Ingress or gateway class that exists already.", unset="Telamon brings its own."),
    ] = None
    port: Annotated[
        Port | None,
        Doc(
            "Port that users connect to. Naming it pins it: where it is taken, starting fails and says so.",
            unit="TCP port",
            unset="443 with TLS and 80 without; in the lab 8080, or the next free one.",
        ),
    ] = None
    ssh: Annotated[SshSpec, Doc("The front door of git over SSH.")] = Field(
        default_factory=SshSpec.model_construct
    )
    tls: Annotated[
        TlsSpec | None,
        Doc("Where certificates come from.", unset="disabled in the lab, acm on aws, required elsewhere."),
    ] = None
    cdn: Annotated[CdnSpec | None, Doc("A network for static files.", unset="None.")] = None
