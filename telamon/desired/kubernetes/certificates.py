"""Certificates that only machines see: those of a companion that keeps data.

Sources: cert-manager documentation, "SelfSigned", "CA", "Certificate resource".
"""

from __future__ import annotations

from collections.abc import Iterator

from telamon.desired.kubernetes.data import Meta, Object, made
from telamon.desired.kubernetes.environment import service_host
from telamon.desired.kubernetes.mounts import certificate_secret
from telamon.desired.kubernetes.site import Part, Site
from telamon.model.edge import CertManagerTls

_API = "cert-manager.io/v1"


def certificates(part: Part, site: Site) -> Iterator[Object]:
    """An authority of a component's own and the certificate that it signs; nothing where somebody else brings one.

    Args:
        part: the component.
        site: the stack.
    """
    if not (part.container.certificate and isinstance(site.tls, CertManagerTls)):
        return
    authority = f"{part.name}-authority"
    yield _issuer(part, site, name=f"{part.name}-self", spec={"selfSigned": {}})
    yield _certificate(
        part,
        site,
        name=authority,
        spec={
            "isCA": True,
            "commonName": authority,
            "secretName": authority,
            "duration": "87600h",
            "privateKey": {"algorithm": "ECDSA", "size": 256},
            "issuerRef": _reference(f"{part.name}-self"),
        },
    )
    yield _issuer(part, site, name=authority, spec={"ca": {"secretName": authority}})
    yield _certificate(
        part,
        site,
        name=part.name,
        spec={
            # The nodes know one another by this name.
            "commonName": part.name,
            "dnsNames": [service_host(part), part.name, f"*.{part.peers}.{part.namespace}.svc"],
            "secretName": certificate_secret(part, site),
            "usages": ["server auth", "client auth"],
            "privateKey": {"algorithm": "RSA", "size": 3072, "encoding": "PKCS8"},
            "issuerRef": _reference(authority),
        },
    )


def _reference(name: str) -> dict[str, str]:
    return {"name": name, "kind": "Issuer", "group": "cert-manager.io"}


def _issuer(part: Part, site: Site, *, name: str, spec: object) -> Object:
    return made(_API, "Issuer", meta=Meta(name, part.namespace, site.part_labels(part)), spec=spec)


def _certificate(part: Part, site: Site, *, name: str, spec: object) -> Object:
    return made(_API, "Certificate", meta=Meta(name, part.namespace, site.part_labels(part)), spec=spec)
