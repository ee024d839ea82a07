"""A certificate authority of the lab's own, and the front door's certificate signed by it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from telamon.desired.lab.facts import TlsFiles
from telamon.errors import NotReadyError, PlatformError
from telamon.platforms.files import located, make_folder, write

AUTHORITY_LASTS = timedelta(days=3650)
CERTIFICATE_LASTS = timedelta(days=397)
"""Browsers refuse server certificates that last longer than 398 days."""
RENEWED_BEFORE = timedelta(days=30)


def authority(folder: Path) -> str:
    """The authority's certificate (PEM), for people to trust.

    Raises:
        NotReadyError: there is none, because the lab never ran with TLS.
    """
    path = folder / "authority.pem"
    if not path.exists():
        raise NotReadyError(
            "the lab has no certificate authority yet",
            remedy="Set spec.edge.tls.kind to lab in the stack file and run `telamon up`.",
        )
    with located(path):
        return path.read_text(encoding="ascii")


def ensure(folder: Path, *, hosts: Sequence[str], addresses: Sequence[str], now: datetime) -> TlsFiles:
    """See that the front door has a certificate for its names that lasts a while.

    Args:
        folder: where authority and certificates are kept.
        hosts: names it is for.
        addresses: addresses it is for.
        now: instant, with a time zone.

    Returns:
        The files of the certificate; a renewed one has other names, so that the balancers notice.

    Raises:
        MachineError: the disk is full or read-only.
        PlatformError: the authority's files are damaged.
    """
    make_folder(folder)
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    wanted = x509.SubjectAlternativeName(names)
    for path in sorted(folder.glob("front-*.pem")):
        if path.with_suffix(".key").exists() and _serves(path, wanted, now):
            return TlsFiles(str(path), str(path.with_suffix(".key")))
    key, certificate = _authority(folder, now)
    return _issue(folder, wanted, authority_key=key, authority_certificate=certificate, now=now)


def _serves(path: Path, wanted: x509.SubjectAlternativeName, now: datetime) -> bool:
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    return names == wanted and found.not_valid_after_utc - now > RENEWED_BEFORE


def _authority(folder: Path, now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key_path, path = folder / "authority.key", folder / "authority.pem"
    if key_path.exists() and path.exists():
        try:
            key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
        except ValueError as error:
            raise PlatformError(
                f"the certificate authority in {folder} cannot be read", remedy=f"Remove {folder}."
            ) from error
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key, certificate
    made = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Telamon lab authority")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(made.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(made.public_key()), critical=False)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(made, hashes.SHA256())
    )
    write(key_path, _key_text(made))
    write(path, _certificate_text(certificate), mode=0o644)
    return made, certificate


def _issue(
    folder: Path,
    names: x509.SubjectAlternativeName,
    *,
    authority_key: ec.EllipticCurvePrivateKey,
    authority_certificate: x509.Certificate,
    now: datetime,
) -> TlsFiles:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Telamon lab front door")]))
        .issuer_name(authority_certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + CERTIFICATE_LASTS)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .add_extension(_usage(signs_certificates=False), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    path = folder / f"front-{certificate.fingerprint(hashes.SHA256()).hex()[:12]}.pem"
    write(path.with_suffix(".key"), _key_text(key))
    write(path, _certificate_text(certificate), mode=0o644)
    return TlsFiles(str(path), str(path.with_suffix(".key")))


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _key_text(key: ec.EllipticCurvePrivateKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode("ascii")


def _certificate_text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
