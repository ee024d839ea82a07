"""The routes of a component while its users see the maintenance page, and what the gateway says of them.

Every rule of its HTTP route answers with the page, and names no pod; a route for TCP, which has no page to show, is not
there. Rules keep their names and matches, so that users of other components on the same host are not concerned.
Services and pods stay as they are: whoever asks a pod itself, as health checks and the operator do, is answered.

Whether the page is shown is read from the route as it lives, and from nothing else: so what brings objects to what is
desired keeps it, whoever does so, and however often the operator has died in between.

Sources: Gateway API 1.6, ``HTTPRoute`` (filters of type ``ExtensionRef``) and ``RouteParentStatus``; Envoy Gateway 1.9,
"Direct Response" and issue 4998 (a rule that answers by itself is to name no backend).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from telamon.desired.kubernetes.data import Object

HTTP: Final = "HTTPRoute"
TCP: Final = "TCPRoute"
FILTER_GROUP: Final = "gateway.envoyproxy.io"
FILTER: Final = "HTTPRouteFilter"
_TOLD: Final = ("Accepted", "ResolvedRefs")


def page_of(route: str) -> str:
    """Name of the filter that answers with the page.

    Args:
        route: name of the route.
    """
    return f"{route}-hold"


def standing(objects: Sequence[Object], *, held: bool) -> tuple[Object, ...]:
    """The objects of a component as they are to be now.

    Args:
        objects: as they were rendered.
        held: whether its users see the page.
    """
    return tuple(_held(objects)) if held else tuple(objects)


def closed(objects: Sequence[Object]) -> tuple[Object, ...]:
    """The objects of a component that are not there while its users see the page."""
    return tuple(item for item in objects if item["kind"] == TCP)


def is_held(live: Object) -> bool:
    """Whether every request to a route is answered with the page.

    Args:
        live: the route for HTTP, as it lives.
    """
    name = page_of(str(live["metadata"]["name"]))
    rules = live.get("spec", {}).get("rules") or ()
    return bool(rules) and all(_answers(rule, name) for rule in rules)


def told_of(live: Object) -> str | None:
    """What the gateway says of a route as it is now.

    Args:
        live: the route, as it lives.

    Returns:
        ``None`` before it has looked; "" where it has taken it; otherwise what keeps it from that.
    """
    generation = int(live["metadata"].get("generation", 0))
    parents = live.get("status", {}).get("parents") or ()
    said = [
        condition
        for parent in parents
        for condition in parent.get("conditions") or ()
        if condition["type"] in _TOLD and int(condition.get("observedGeneration", 0)) >= generation
    ]
    if not parents or sum(condition["type"] == _TOLD[0] for condition in said) < len(parents):
        return None
    against = (each for each in said if each["status"] != "True")
    return next((f"{each['reason']}: {each.get('message', '')}" for each in against), "")


def _held(objects: Sequence[Object]) -> Iterator[Object]:
    for item in objects:
        if item["kind"] == HTTP:
            page = _page(page_of(str(item["metadata"]["name"])))
            rules = [
                {"name": rule["name"], "matches": rule["matches"], "filters": [page]}
                for rule in item["spec"]["rules"]
            ]
            yield {**item, "spec": {**item["spec"], "rules": rules}}
        elif item["kind"] != TCP:
            yield item


def _page(name: str) -> dict[str, Any]:
    return {"type": "ExtensionRef", "extensionRef": {"group": FILTER_GROUP, "kind": FILTER, "name": name}}


def _answers(rule: Mapping[str, Any], page: str) -> bool:
    return _page(page) in (rule.get("filters") or ()) and not rule.get("backendRefs")
