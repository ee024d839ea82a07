"""Where a product's data is: its homes and its database, as the chart found them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from telamon.errors import UsageError
from telamon.importer.values import Ledger, Values
from telamon.units import Bytes

Document = dict[str, Any]
_JDBC: Final = re.compile(
    r"jdbc:postgresql://(?P<host>[A-Za-z0-9.-]+)(:(?P<port>[0-9]+))?/(?P<name>[^?/]+)(\?(?P<options>.*))?"
)
_LOCAL: Final = "volumes.localHome"
_SHARED: Final = "volumes.sharedHome"
_CHART_LABEL: Final = "app.kubernetes.io/name"
_RELEASE_LABEL: Final = "app.kubernetes.io/instance"


@dataclass(frozen=True)
class Claim:
    """A claim of the cluster, as the API shows it.

    Attributes:
        name: of the claim.
        namespace: where it is.
        labels: by which the chart's own are found.
        volume: that it is bound to; "" where it is bound to none.
        storage_class: of the volume; "" for none.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]
    volume: str
    storage_class: str


def claims_of(document: Any) -> tuple[Claim, ...]:
    """Read a list of claims.

    Args:
        document: what ``kubectl get persistentvolumeclaims --output json`` prints.

    Raises:
        UsageError: it is none.
    """
    items = document.get("items") if isinstance(document, Mapping) else None
    if not isinstance(items, list):
        raise UsageError(
            "this is no list of claims", remedy="Write it with `kubectl get pvc --all-namespaces -o json`."
        )
    found = []
    for item in items:
        if not isinstance(item, Mapping) or item.get("kind") != "PersistentVolumeClaim":
            continue
        meta, spec = item.get("metadata") or {}, item.get("spec") or {}
        found.append(
            Claim(
                str(meta.get("name", "")),
                str(meta.get("namespace", "")),
                {str(key): str(value) for key, value in (meta.get("labels") or {}).items()},
                str(spec.get("volumeName") or ""),
                str(spec.get("storageClassName") or ""),
            )
        )
    return tuple(found)


def local_home(values: Values, ledger: Ledger, *, section: str, claims: Sequence[Claim]) -> Document:
    """``storage.localHome`` of a product.

    Args:
        values: of its chart.
        ledger: takes what became of each.
        section: name of the chart.
        claims: of the cluster; none where nobody looked.
    """
    base = f"{_LOCAL}.persistentVolumeClaim"
    if values.on(f"{_LOCAL}.customVolume"):
        ledger.lost(f"{_LOCAL}.customVolume", "one volume for all nodes is no home of a node's own")
    if not values.on(f"{base}.create"):
        return {}
    ledger.taken(f"{base}.create", "storage.localHome: every node has a volume of its own")
    found: Document = {}
    if size := _size(
        values, ledger, path=f"{base}.resources.requests.storage", where="storage.localHome.size"
    ):
        found["size"] = size
    if named := values.text(f"{base}.storageClassName"):
        found["storageClass"] = named
        ledger.taken(f"{base}.storageClassName", "storage.localHome.storageClass")
    own = sorted(
        (each for each in _claims_of_chart(claims, section, values) if _ordinal(each) is not None), key=_order
    )
    if own:
        found["volumes"] = [each.volume for each in own if each.volume]
        if own[0].storage_class:
            found["storageClass"] = own[0].storage_class
        ledger.taken(
            f"{base}.create", f"storage.localHome.volumes: {len(found['volumes'])} homes are taken over"
        )
    return found


def shared_home(values: Values, ledger: Ledger, *, section: str, claims: Sequence[Claim]) -> Document:
    """``storage.sharedHome`` of a product.

    Args:
        values: of its chart.
        ledger: takes what became of each.
        section: name of the chart.
        claims: of the cluster; none where nobody looked.
    """
    base = f"{_SHARED}.persistentVolumeClaim"
    found: Document = {}
    if values.on(f"{base}.create"):
        ledger.taken(f"{base}.create", "storage.sharedHome")
        for path in ("accessModes", "accessMode"):
            if values.on(f"{base}.{path}"):
                ledger.taken(f"{base}.{path}", "storage.sharedHome: all nodes write to it")
        where = "storage.sharedHome.size"
        if size := _size(values, ledger, path=f"{base}.resources.requests.storage", where=where):
            found["size"] = size
        volume = _claimed(values, ledger, section=section, claims=claims)
    else:
        volume = _custom(values, ledger, claims=claims)
    return found | ({"volume": volume} if volume else {})


def database(values: Values, ledger: Ledger) -> Document:
    """``database`` of a product; nothing where the chart's cannot be taken over.

    Args:
        values: of its chart.
        ledger: takes what became of each.
    """
    kind, url = values.text("database.type"), values.text("database.url")
    secret = values.text("database.credentials.secretName")
    if kind and not kind.startswith("postgres"):
        why = "Telamon knows PostgreSQL alone: move the data with the product's own export first"
        for path in ("database.type", "database.url", "database.credentials"):
            if values.on(path):
                ledger.lost(path, why)
        return {}
    if kind:
        ledger.taken("database.type", "database: PostgreSQL")
    if not url:
        if secret:
            ledger.lost("database.credentials", "no URL says which database it is for")
        return {}
    parts = _JDBC.fullmatch(url.strip())
    if parts is None or not secret:
        missing = "it names no single PostgreSQL" if parts is None else "no secret says with which role"
        ledger.lost("database.url", f"{missing}: write products.*.database by hand")
        return {}
    found: Document = {
        "host": parts["host"].lower(),
        "port": int(parts["port"] or 5432),
        "name": parts["name"],
    }
    credentials = {"secret": secret}
    for key, default in (("usernameKey", "username"), ("passwordKey", "password")):
        named = values.text(f"database.credentials.{key.removesuffix('Key')}SecretKey")
        if named and named != default:
            credentials[key] = named
    ledger.taken("database.credentials", "database.credentials")
    return found | {"credentials": credentials, "tls": _protection(parts["options"] or "", ledger)}


def _protection(options: str, ledger: Ledger) -> str:
    asked = parse_qs(options)
    mode = (asked.pop("sslmode", None) or ["prefer"])[0]
    more = f"; {', '.join(sorted(asked))} of its options are left out" if asked else ""
    if mode in {"verify-full", "verify-ca"}:
        ledger.taken("database.url", f"database{more}")
        return "verify-full"
    if mode in {"require", "disable"}:
        ledger.taken("database.url", f"database{more}")
        return mode
    ledger.taken(
        "database.url",
        f"database; tls: require, because nothing said so: write disable where the server has none{more}",
    )
    return "require"


def _claimed(values: Values, ledger: Ledger, *, section: str, claims: Sequence[Claim]) -> Document:
    base = f"{_SHARED}.persistentVolumeClaim"
    own = [each for each in _claims_of_chart(claims, section, values) if each.name.endswith("-shared-home")]
    named = values.text(f"{base}.storageClassName")
    if len(own) == 1 and own[0].volume:
        ledger.taken(f"{base}.create", "storage.sharedHome.volume: the volume is taken over")
        if named:
            ledger.taken(f"{base}.storageClassName", "storage.sharedHome.volume.storageClass")
        return _existing(own[0].volume, own[0].storage_class)
    if volume := values.text(f"{base}.volumeName"):
        ledger.taken(f"{base}.volumeName", "storage.sharedHome.volume: the volume is taken over")
        if named:
            ledger.taken(f"{base}.storageClassName", "storage.sharedHome.volume.storageClass")
        return _existing(volume, named)
    nfs = f"{_SHARED}.persistentVolume.nfs"
    if values.on(f"{_SHARED}.persistentVolume.create") and values.on(f"{nfs}.server"):
        ledger.taken(
            f"{_SHARED}.persistentVolume", "storage.sharedHome.volume: the same directory of the same server"
        )
        if named:
            ledger.taken(f"{base}.storageClassName", "storage.sharedHome.volume: a directory has no class")
        return _nfs(
            values,
            server=f"{nfs}.server",
            path=f"{nfs}.path",
            options=f"{_SHARED}.persistentVolume.mountOptions",
        )
    if named:
        ledger.taken(
            f"{base}.storageClassName", "storage.sharedHome.volume: a new and empty one; see --claims"
        )
        return {"kind": "csi", "storageClass": named}
    return {}


def _custom(values: Values, ledger: Ledger, *, claims: Sequence[Claim]) -> Document:
    path = f"{_SHARED}.customVolume"
    if not values.on(path):
        return {}
    if claim := values.text(f"{path}.persistentVolumeClaim.claimName"):
        for each in claims:
            if each.name == claim and each.volume:
                ledger.taken(path, "storage.sharedHome.volume: the volume is taken over")
                return _existing(each.volume, each.storage_class)
        ledger.taken(path, "storage.sharedHome.volume: the claim has to be in the product's new namespace")
        return {"kind": "existing", "claim": claim}
    if values.on(f"{path}.nfs.server"):
        ledger.taken(path, "storage.sharedHome.volume: the same directory of the same server")
        return _nfs(values, server=f"{path}.nfs.server", path=f"{path}.nfs.path")
    ledger.lost(path, "a volume of this kind is no shared home: make a PersistentVolume of it, and name that")
    return {}


def _existing(volume: str, storage_class: str) -> Document:
    return {"kind": "existing", "volume": volume} | ({"storageClass": storage_class} if storage_class else {})


def _nfs(values: Values, *, server: str, path: str, options: str = "") -> Document:
    found: Document = {"kind": "nfs", "server": values.text(server), "path": values.text(path) or "/"}
    given = values.at(options) if options else None
    return found | (
        {"mountOptions": [str(each) for each in given]} if isinstance(given, list) and given else {}
    )


def _size(values: Values, ledger: Ledger, *, path: str, where: str) -> str:
    given = values.text(path)
    if not given:
        return ""
    try:
        size = Bytes.parse(given)
    except UsageError:
        ledger.lost(path, f"{given} is no size that can be read")
        return ""
    smallest = Bytes.parse("1Gi")
    ledger.taken(path, where if size >= smallest else f"{where}: 1Gi is the least")
    return str(max(size, smallest))


def _claims_of_chart(claims: Sequence[Claim], section: str, values: Values) -> list[Claim]:
    """Claims that the chart made; a StatefulSet puts its selector's labels on those of its nodes."""
    return [
        each
        for each in claims
        if each.labels.get(_CHART_LABEL) == section
        and (not values.name or each.labels.get(_RELEASE_LABEL) == values.name)
    ]


def _ordinal(claim: Claim) -> int | None:
    """Which node's home a claim is; ``None`` for any other claim."""
    found = re.fullmatch(r"local-home-.+-([0-9]+)", claim.name)
    return int(found[1]) if found else None


def _order(claim: Claim) -> int:
    return _ordinal(claim) or 0
