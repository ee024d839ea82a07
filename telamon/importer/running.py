"""How a product's nodes run: memory, variables, options, containers and volumes of somebody's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from telamon.errors import UsageError
from telamon.importer.values import Ledger, Values, is_secret
from telamon.products.chart import Chart, ChartCompanion
from telamon.units import Bytes, Cpu

Document = dict[str, Any]
_JAVA: Final = re.compile(r"([0-9]+)([kKmMgG]?)")
_JAVA_UNITS: Final = (("", 1), ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30))
_MEBIBYTE: Final = 1 << 20
_HEAP: Final = ("-Xmx", "-Xms", "-XX:MaxHeapSize", "-XX:MaxRAMPercentage")
_SIDECAR: Final = frozenset(
    {"name", "image", "command", "args", "env", "ports", "resources", "imagePullPolicy"}
)


def resources(values: Values, ledger: Ledger, *, chart: Chart) -> Document:
    """``resources`` of a product.

    Memory that is asked for is the limit too here, so what the chart leaves open above it is added: the vendor's rule
    is one and a half times heap and code cache.

    Args:
        values: of its chart.
        ledger: takes what became of each.
        chart: what the chart calls things.
    """
    own = f"{chart.section}.resources"
    heap = _java(values, ledger, path=f"{own}.jvm.maxHeap", where="resources.heap")
    cache = _java_size(values.text(chart.code_cache)) if chart.code_cache else None
    found = _asked(values, ledger, path=f"{own}.container.requests", where="resources")
    limit = _quantity(values.text(f"{own}.container.limits.memory"))
    for each in ("cpu", "memory"):
        if values.on(f"{own}.container.limits.{each}"):
            ledger.taken(
                f"{own}.container.limits.{each}", "resources: what is asked for in memory is the limit"
            )
    if limit is not None:
        found["memory"] = str(limit)
    if heap is None:
        return found
    needed = -(-(heap.count + (cache.count if cache else 0)) * 3 // 2 // _MEBIBYTE) * _MEBIBYTE
    asked = _quantity(str(found.get("memory", "")))
    if asked is not None and limit is None and asked.count < needed:
        found["memory"] = str(Bytes(needed))
        why = f"resources.memory: raised to {Bytes(needed)}, because it is the limit here and holds more than the heap"
        ledger.taken(f"{own}.container.requests.memory", why)
    return found | {"heap": str(heap)}


def companion(values: Values, ledger: Ledger, *, given: ChartCompanion) -> Document | None:
    """A companion's section; ``None`` where the chart does not run it.

    Args:
        values: of the chart.
        ledger: takes what became of each.
        given: what the chart calls things.
    """
    where = f"companions.{given.name}"
    if not values.on(given.switch):
        return _external(values, ledger, given=given, where=f"{where}.external")
    ledger.taken(given.switch, where)
    found: Document = {}
    nodes = values.text(given.nodes) if given.nodes else ""
    if nodes.isdigit():
        found["nodes"] = max(1, int(nodes))
        ledger.taken(given.nodes, f"{where}.nodes")
    wanted = _asked(values, ledger, path=given.requests, where=f"{where}.resources")
    heap = _java(values, ledger, path=given.heap, where=f"{where}.resources.heap") if given.heap else None
    if heap is not None:
        wanted["heap"] = str(heap)
    if wanted:
        found["resources"] = wanted
    size = _quantity(values.text(given.size)) if given.size else None
    if size is not None:
        found["storage"] = {"size": str(max(size, Bytes.parse("1Gi")))}
        ledger.taken(given.size, f"{where}.storage.size")
    return found


def _external(values: Values, ledger: Ledger, *, given: ChartCompanion, where: str) -> Document | None:
    """One that others keep up: the first that the chart's templates would take."""
    for path, login in given.external.items():
        url = values.text(path).rstrip("/")
        if not url:
            continue
        ledger.taken(path, f"{where}.url")
        found: Document = {"url": url}
        secret = values.text(f"{login}.secretName")
        if secret:
            found["credentials"] = {"secret": secret}
            ledger.taken(f"{login}.secretName", f"{where}.credentials.secret")
            for key in ("username", "password"):
                named = f"{login}.{key}SecretKey"
                if values.text(named):
                    ledger.taken(named, f"{where}.credentials.{key}Key")
                    found["credentials"] |= (
                        {f"{key}Key": values.text(named)} if values.text(named) != key else {}
                    )
        return {"external": found}
    return None


def variables(values: Values, ledger: Ledger, *, chart: Chart) -> dict[str, str]:
    """``env`` of a product: what the chart has a value for, and what somebody added.

    Args:
        values: of its chart.
        ledger: takes what became of each.
        chart: what the chart calls things.
    """
    found: dict[str, str] = {}
    for path, name in chart.variables.items():
        if values.text(path):
            found[name] = values.text(path)
            ledger.taken(path, f"env.{name}")
    path = f"{chart.section}.additionalEnvironmentVariables"
    for item in values.items(path):
        _variable(item, found, ledger=ledger, path=path, where="env")
    if values.on(path):
        ledger.taken(path, "env")
    return found


def arguments(values: Values, ledger: Ledger, *, chart: Chart) -> list[str]:
    """``jvmArgs`` of a product.

    Args:
        values: of its chart.
        ledger: takes what became of each.
        chart: what the chart calls things.
    """
    found = []
    path = f"{chart.section}.additionalJvmArgs"
    given = values.at(path)
    for word in given if isinstance(given, list) else ():
        text = str(word).strip()
        name = text.partition("=")[0]
        if text.startswith(_HEAP):
            ledger.lost(f"{path}[{name}]", "the size of the heap is resources.heap")
        elif is_secret(name, text) and "=" in text:
            ledger.lost(
                f"{path}[{name}]", "a secret in plain text is not carried over; its value is not shown either"
            )
        elif not text.startswith("-") or any(sign.isspace() for sign in text.split("=", 1)[0]):
            ledger.lost(f"{path}[{name}]", "it is no option of the virtual machine")
        else:
            found.append(text)
    if values.on(path):
        ledger.taken(path, "jvmArgs")
    return found


def sidecars(values: Values, ledger: Ledger) -> list[Document]:
    """``sidecars`` of a product.

    Args:
        values: of its chart.
        ledger: takes what became of each.
    """
    path = "additionalContainers"
    found = []
    for item in values.items(path):
        name = str(item.get("name", ""))
        strange = sorted(str(key) for key in item if key not in _SIDECAR)
        if strange or not item.get("image"):
            ledger.lost(
                f"{path}[{name}]",
                f"{', '.join(strange) or 'it without an image'} has no place: write a patch",
            )
            continue
        words = [*_texts(item.get("command")), *_texts(item.get("args"))]
        if any("=" in word and is_secret(word.partition("=")[0], word) for word in words):
            ledger.lost(f"{path}[{name}]", "a secret on its command line is not carried over")
            continue
        made: Document = {"name": name, "image": str(item["image"])}
        env: dict[str, str] = {}
        for each in item.get("env") or ():
            if isinstance(each, Mapping):
                _variable(each, env, ledger=ledger, path=f"{path}[{name}].env", where=f"sidecars.{name}.env")
        ports = [
            each["containerPort"]
            for each in item.get("ports") or ()
            if isinstance(each, Mapping) and "containerPort" in each
        ]
        asked = Values({"requests": (item.get("resources") or {}).get("requests") or {}})
        wanted = _asked(asked, Ledger(ledger.product), path="requests", where="")
        more = {"command": words, "env": env, "ports": ports, "resources": wanted}
        found.append(made | {key: value for key, value in more.items() if value})
    if values.on(path):
        ledger.taken(path, "sidecars")
    return found


def volumes(values: Values, ledger: Ledger, *, chart: Chart) -> list[Document]:
    """``volumes`` of a product: those that are mounted as a whole.

    Args:
        values: of its chart.
        ledger: takes what became of each.
        chart: what the chart calls things.
    """
    sources = {str(item.get("name", "")): _source(item) for item in values.items("volumes.additional")}
    path = f"{chart.section}.additionalVolumeMounts"
    found: list[Document] = []
    for item in values.items(path):
        name = str(item.get("name", ""))
        source = sources.get(name)
        if not source or item.get("subPath") or name in {each["name"] for each in found}:
            why = "a volume is mounted once and as a whole, from a secret, a ConfigMap or a claim; write a patch"
            ledger.lost(f"{path}[{item.get('mountPath', name)}]", why)
            continue
        writable = {"readOnly": False} if "claim" in source and not item.get("readOnly") else {}
        found.append({"name": name, "mountPath": str(item.get("mountPath", "")), **source, **writable})
    carried = {each["name"] for each in found}
    for name in sorted(set(sources) - carried):
        ledger.lost(f"volumes.additional[{name}]", "no mount shows it as a whole")
    for each in ("volumes.additional", path):
        if values.on(each):
            ledger.taken(each, "volumes")
    return found


def _source(item: Mapping[str, Any]) -> Document:
    for kind, key, field in (
        ("secret", "secretName", "secret"),
        ("configMap", "name", "configMap"),
        ("persistentVolumeClaim", "claimName", "claim"),
    ):
        given = item.get(kind)
        if isinstance(given, Mapping) and given.get(key) and not given.get("items"):
            return {field: str(given[key])}
    return {}


def _variable(
    item: Mapping[str, Any], found: dict[str, str], *, ledger: Ledger, path: str, where: str
) -> None:
    name = str(item.get("name", ""))
    if "valueFrom" in item:
        ledger.lost(f"{path}[{name}]", "variables hold plain text; one from a secret takes a patch")
    elif is_secret(name, str(item.get("value"))):
        ledger.lost(
            f"{path}[{name}]", "a secret in plain text is not carried over; its value is not shown either"
        )
    elif name:
        value = item.get("value")
        found[name] = (
            "" if value is None else ("true" if value is True else "false" if value is False else str(value))
        )
        ledger.taken(f"{path}[{name}]", f"{where}.{name}")


def _asked(values: Values, ledger: Ledger, *, path: str, where: str) -> Document:
    found: Document = {}
    cpu, memory = values.text(f"{path}.cpu"), values.text(f"{path}.memory")
    if cpu:
        try:
            found["cpu"] = str(Cpu.parse(cpu))
            ledger.taken(f"{path}.cpu", f"{where}.cpu")
        except UsageError:
            ledger.lost(f"{path}.cpu", f"{cpu} is no number of cores that can be read")
    size = _quantity(memory)
    if size is not None:
        found["memory"] = str(size)
        ledger.taken(f"{path}.memory", f"{where}.memory")
    elif memory:
        ledger.lost(f"{path}.memory", f"{memory} is no amount that can be read")
    return found


def _quantity(text: str) -> Bytes | None:
    try:
        return Bytes.parse(text) if text else None
    except UsageError:
        return None


def _java(values: Values, ledger: Ledger, *, path: str, where: str) -> Bytes | None:
    text = values.text(path)
    size = _java_size(text)
    if size is not None:
        ledger.taken(path, where)
    elif text:
        ledger.lost(path, f"{text} is no size that can be read")
    return size


def _java_size(text: str) -> Bytes | None:
    """A size as the virtual machine takes it: its units are powers of 1024. Source: ``java -help``."""
    parts = _JAVA.fullmatch(text)
    if parts is None:
        return None
    return Bytes(int(parts[1]) * dict(_JAVA_UNITS)[parts[2].lower()])


def _texts(given: Any) -> list[str]:
    return [str(each) for each in given] if isinstance(given, list) else []
