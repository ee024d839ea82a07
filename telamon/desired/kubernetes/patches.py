"""Patches of the stack file, applied to what was rendered.

A pod that runs gets what a patch has changed by being started anew, as it does with every other change: where its own
template or a file that it mounts is another one than was rendered, its revision is another one as well.

Source: RFC 6902, "JSON Patch", operations add, replace and remove; RFC 6901, "JSON Pointer".
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from telamon.desired.kubernetes.data import Bundle, Object, Sheet, digest
from telamon.errors import RefusedError
from telamon.model.products import Patch, PatchOperation
from telamon.naming import ANNOTATION_ASKED, ANNOTATION_REVISION

Files = Mapping[str, Any]
"""What ConfigMaps hold, by their names."""
_NOTHING = object()


def patched(bundle: Bundle, patches: Iterable[Patch]) -> Bundle:
    """A bundle with its patches applied.

    Args:
        bundle: a product's.
        patches: of the product's section, in the order of the file.

    Raises:
        RefusedError: a patch applies to nothing, or points to what is not there.
    """
    rendered = bundle
    for patch in patches:
        if not any(item["kind"] == patch.kind for item in bundle.objects):
            kinds = sorted({item["kind"] for item in bundle.objects})
            raise _refusal(
                patch, f"there is no {patch.kind} in {bundle.name}", f"There are {', '.join(kinds)}."
            )
        sheets = tuple(
            Sheet(sheet.name, tuple(_applied(item, patch) for item in sheet.objects))
            for sheet in bundle.sheets
        )
        bundle = Bundle(bundle.name, sheets)
    return _renewed(rendered, bundle)


def _renewed(rendered: Bundle, bundle: Bundle) -> Bundle:
    """Give pods that patches have changed another revision; those of the others stay, or they would be restarted."""
    before, after = _files(rendered), _files(bundle)
    originals = iter(rendered.objects)
    sheets = tuple(
        Sheet(
            sheet.name,
            tuple(_of_revision(next(originals), item, before=before, after=after) for item in sheet.objects),
        )
        for sheet in bundle.sheets
    )
    return Bundle(bundle.name, sheets)


def _of_revision(original: Object, item: Object, *, before: Files, after: Files) -> Object:
    old = original.get("spec", {}).get("template", {})
    revision = old.get("metadata", {}).get("annotations", {}).get(ANNOTATION_REVISION)
    if revision is None:
        return item
    new = item.get("spec", {}).get("template")
    mounted = sorted(name for name in _mounted(new) if before.get(name) != after.get(name))
    if new == old and not mounted:
        return item
    changed: dict[str, Any] = copy.deepcopy(dict(item))
    told = changed["spec"]["template"].setdefault("metadata", {}).setdefault("annotations", {})
    # What was asked for changes with every word of the file, and this with what pods get of it.
    without = {key: value for key, value in told.items() if key != ANNOTATION_ASKED}
    made = {**changed["spec"]["template"], "metadata": {**new.get("metadata", {}), "annotations": without}}
    told[ANNOTATION_REVISION] = digest([revision, made, {name: after.get(name) for name in mounted}])
    return changed


def _files(bundle: Bundle) -> Files:
    """What the ConfigMaps of a bundle hold, by name."""
    maps = (item for item in bundle.objects if item["kind"] == "ConfigMap")
    return {str(item["metadata"]["name"]): (item.get("data"), item.get("binaryData")) for item in maps}


def _mounted(template: Any) -> set[str]:
    """Names of the ConfigMaps that a pod reads, wherever its template says so."""
    match template:
        case {"configMapRef": {"name": str(name)}} | {"configMapKeyRef": {"name": str(name)}}:
            return {name}
        case {"configMap": {"name": str(name)}}:
            return {name}
        case dict():
            return {name for value in template.values() for name in _mounted(value)}
        case list():
            return {name for value in template for name in _mounted(value)}
        case _:
            return set()


def _applied(item: Object, patch: Patch) -> Object:
    if item["kind"] != patch.kind:
        return item
    # Objects share parts with one another, so a part is never changed in place.
    found: Any = copy.deepcopy(dict(item))
    for operation in patch.operations:
        found = _operated(found, operation, patch)
    if not isinstance(found, dict):
        raise _refusal(patch, f"it leaves nothing of the {patch.kind}", "Patch what is within the object.")
    return found


def _operated(document: Any, operation: PatchOperation, patch: Patch) -> Any:
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in operation.path.split("/")[1:]]
    value = _NOTHING if operation.op == "remove" else copy.deepcopy(operation.value)
    *way, last = tokens
    place = document
    for token in way:
        place = _step(place, token)
        if place is _NOTHING:
            raise _missing(operation, patch)
    if not _changed(place, last, operation.op, value=value):
        raise _missing(operation, patch)
    return document


def _step(place: Any, token: str) -> Any:
    if isinstance(place, dict):
        return place.get(token, _NOTHING)
    if isinstance(place, list) and token.isdecimal() and int(token) < len(place):
        return place[int(token)]
    return _NOTHING


def _changed(place: Any, last: str, op: str, *, value: Any) -> bool:
    if isinstance(place, dict):
        if op != "add" and last not in place:
            return False
        if op == "remove":
            del place[last]
        else:
            place[last] = value
        return True
    if isinstance(place, list):
        return _changed_list(place, last, op, value=value)
    return False


def _changed_list(place: list[Any], last: str, op: str, *, value: Any) -> bool:
    if op == "add" and last == "-":
        place.append(value)
        return True
    if not last.isdecimal() or int(last) > len(place) - (op != "add"):
        return False
    index = int(last)
    if op == "add":
        place.insert(index, value)
    elif op == "replace":
        place[index] = value
    else:
        del place[index]
    return True


def _missing(operation: PatchOperation, patch: Patch) -> RefusedError:
    return _refusal(
        patch,
        f"{operation.op} {operation.path} points to nothing in a {patch.kind}",
        "Render without the patch, and look where the field is.",
    )


def _refusal(patch: Patch, message: str, remedy: str) -> RefusedError:
    return RefusedError(
        f"the patch {patch.name} cannot be applied: {message}", guard="patch-applies", remedy=remedy
    )
