"""The certificates with which the operator answers for admission: made by it, kept in a Secret, renewed in two turns.

A certificate is trusted by itself: the configuration of the webhook lists the very certificates that may answer, so
there is no authority whose key would have to be kept. A new one is listed before any pod answers with it, and an old
one stays listed until it ends, so that it does not matter in which order pods and API servers hear of a turn.

Whoever leads makes and turns them; every other pod reads them.

Sources: Kubernetes, "Dynamic Admission Control" (``caBundle``); RFC 5280, section 4.2.1.12 (``serverAuth``).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from telamon.desired.kubernetes.admission import CONFIGURATION, HOST, SECRET
from telamon.desired.kubernetes.data import Object
from telamon.errors import ConflictError, NotReadyError
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.ports import Clock

LASTS: Final = timedelta(days=90)
TURNS_BEFORE: Final = timedelta(days=30)
"""What is left of a certificate when the next one is made."""
SKEW: Final = timedelta(hours=1)
"""By which clocks may differ."""
KIND: Final = Kind("v1", "Secret")
WEBHOOKS: Final = Kind("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")


@dataclass(frozen=True)
class Pair:
    """A certificate and its key.

    Attributes:
        certificate: PEM.
        key: PEM; never shown.
        begins: instant from which on it holds.
        ends: instant until which it does.
    """

    certificate: bytes
    key: bytes
    begins: datetime
    ends: datetime

    def __repr__(self) -> str:
        """Without the key."""
        return f"Pair({self.begins:%Y-%m-%d} to {self.ends:%Y-%m-%d})"

    @classmethod
    def made(cls, now: datetime) -> Self:
        """A new one.

        Args:
            now: instant of its making.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
        begins, ends = now.replace(microsecond=0) - SKEW, now.replace(microsecond=0) + LASTS
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        written = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return cls(certificate.public_bytes(serialization.Encoding.PEM), written, begins, ends)

    @classmethod
    def read(cls, certificate: bytes, key: bytes) -> Self | None:
        """One that was kept; ``None`` where it is none, or the two do not belong together."""
        try:
            known = x509.load_pem_x509_certificate(certificate)
            private = serialization.load_pem_private_key(key, password=None)
        except (ValueError, TypeError):
            return None
        form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        if private.public_key().public_bytes(*form) != known.public_key().public_bytes(*form):
            return None
        return cls(certificate, key, known.not_valid_before_utc, known.not_valid_after_utc)


@dataclass(frozen=True)
class Pairs:
    """What the Secret holds.

    Attributes:
        serving: with which pods answer.
        coming: with which they will, once API servers know it.
        previous: certificate with which they did; b"" for none.
    """

    serving: Pair | None = None
    coming: Pair | None = None
    previous: bytes = b""

    @property
    def trusted(self) -> bytes:
        """Every certificate with which a pod may answer now, or may do soon, or did not long ago."""
        pairs = [pair.certificate for pair in (self.serving, self.coming) if pair is not None]
        return b"".join(dict.fromkeys((*pairs, *([self.previous] if self.previous else ()))))


def turned(held: Pairs, *, listed: bytes, now: datetime) -> Pairs:
    """What is to be held next.

    Args:
        held: so far.
        listed: certificates that the API server has been told of.
        now: instant of the decision.
    """
    serving, coming = held.serving, held.coming
    if serving is None or not serving.begins <= now < serving.ends:
        return Pairs(Pair.made(now))
    if coming is None:
        return replace(held, coming=Pair.made(now)) if serving.ends - now <= TURNS_BEFORE else held
    if coming.certificate in listed:
        return Pairs(coming, None, serving.certificate)
    return held


class ServingPairs:
    """The certificates on the cluster.

    Args:
        api: the API server.
        namespace: of the operator.
        clock: injected time.
    """

    def __init__(self, api: Api, namespace: str, clock: Clock) -> None:
        self._api = api
        self._namespace = namespace
        self._clock = clock

    def pair(self) -> Pair | None:
        """With which to answer now; ``None`` while nobody has made one."""
        found = self._api.get(KIND, SECRET, namespace=self._namespace)
        return None if found is None else _pairs(found).serving

    def keep(self) -> None:
        """See to it that there is one that holds, and that the API server knows it. What is so is not written.

        Raises:
            NotReadyError: admission is not installed here.
        """
        found = self._api.get(KIND, SECRET, namespace=self._namespace)
        asked = self._api.get(WEBHOOKS, CONFIGURATION)
        if found is None or asked is None:
            raise NotReadyError("admission is not installed", remedy="`telamon install` installs it.")
        held = _pairs(found)
        wanted = turned(held, listed=_listed(asked), now=datetime.fromtimestamp(self._clock.now(), UTC))
        try:
            if wanted != held:
                self._api.change(found, {"data": _data(wanted)})
            if _listed(asked) != wanted.trusted:
                self._api.change(asked, {"webhooks": _telling(asked, wanted.trusted)})
        except ConflictError:
            # Somebody was faster; the next look sees what came of it.
            return


def _pairs(found: Object) -> Pairs:
    data = found.get("data") or {}
    return Pairs(
        Pair.read(_bytes(data, "tls.crt"), _bytes(data, "tls.key")),
        Pair.read(_bytes(data, "next.crt"), _bytes(data, "next.key")),
        _bytes(data, "previous.crt"),
    )


def _data(pairs: Pairs) -> dict[str, str | None]:
    """As a merge patch: what is not held goes."""
    held = {
        "tls.crt": pairs.serving.certificate if pairs.serving else b"",
        "tls.key": pairs.serving.key if pairs.serving else b"",
        "next.crt": pairs.coming.certificate if pairs.coming else b"",
        "next.key": pairs.coming.key if pairs.coming else b"",
        "previous.crt": pairs.previous,
    }
    return {key: base64.b64encode(value).decode() if value else None for key, value in held.items()}


def _bytes(data: Mapping[str, str], key: str) -> bytes:
    try:
        return base64.b64decode(data.get(key) or "", validate=True)
    except (binascii.Error, ValueError):
        return b""


def _listed(asked: Object) -> bytes:
    """What every webhook of the configuration is told; b"" where they differ."""
    found = {str(each["clientConfig"].get("caBundle") or "") for each in asked.get("webhooks") or ()}
    return _bytes({"caBundle": found.pop()}, "caBundle") if len(found) == 1 else b""


def _telling(asked: Object, trusted: bytes) -> list[Object]:
    told = {"caBundle": base64.b64encode(trusted).decode()}
    return [{**each, "clientConfig": {**each["clientConfig"], **told}} for each in asked["webhooks"]]
