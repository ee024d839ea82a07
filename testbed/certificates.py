"""Certificates of a control plane: one authority, one for the server, one for each client.

Source: Kubernetes, "PKI certificates and requirements": the common name of a client's certificate is its user, the
organisations are its groups, and ``system:masters`` may do everything.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LASTS: Final = timedelta(days=7)
"""A control plane of a test lives for minutes; one that somebody keeps is made anew every few days."""


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files.

    Attributes:
        certificate: PEM.
        key: PEM, readable for its owner alone.
    """

    certificate: Path
    key: Path


class Authority:
    """An authority that lives as long as its folder.

    Args:
        folder: for its certificate and all that it signs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "telamon testbed")])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        signed = _unsigned(self._name, self._name, self._key.public_key()).add_extension(
            constraints, critical=True
        )
        self.certificate = folder / "ca.crt"
        self.certificate.write_bytes(_pem(signed.sign(self._key, hashes.SHA256())))

    def server(self, name: str, *, addresses: Sequence[str], names: Sequence[str]) -> Pair:
        """A certificate for whoever answers there.

        Args:
            name: of the files.
            addresses: IP addresses.
            names: DNS names.
        """
        alternatives: list[x509.GeneralName] = [x509.DNSName(each) for each in names]
        alternatives += [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]
        return self._sign(name, (name, ()), alternatives=alternatives)

    def client(self, user: str, *, groups: Sequence[str] = ()) -> Pair:
        """A certificate by which a client is known.

        Args:
            user: its name.
            groups: that it is in.
        """
        # One user may be known by several certificates, each with other groups.
        file = "-".join((user, *groups)).replace(":", "-")
        return self._sign(file, (user, groups), alternatives=())

    def _sign(
        self, file: str, subject: tuple[str, Sequence[str]], *, alternatives: Sequence[x509.GeneralName]
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        user, groups = subject
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, user),
                *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups),
            ]
        )
        usage = ExtendedKeyUsageOID.SERVER_AUTH if alternatives else ExtendedKeyUsageOID.CLIENT_AUTH
        unsigned = _unsigned(name, self._name, key.public_key()).add_extension(
            x509.ExtendedKeyUsage([usage]), critical=False
        )
        if alternatives:
            unsigned = unsigned.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        pair = Pair(self._folder / f"{file}.crt", self._folder / f"{file}.key")
        pair.certificate.write_bytes(_pem(unsigned.sign(self._key, hashes.SHA256())))
        write_key(pair.key, key)
        return pair


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a key, for its owner alone.

    Args:
        path: of the file.
        key: to be written.
    """
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def write_service_key(folder: Path) -> Pair:
    """The pair by which the API server signs tokens of service accounts, and knows them again.

    Args:
        folder: where it goes.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    pair = Pair(folder / "service.pub", folder / "service.key")
    write_key(pair.key, key)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    pair.certificate.write_bytes(public)
    return pair


def _unsigned(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        # Clocks of one machine agree, but one that was just set back must not end the test.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LASTS)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
