"""The setting by which a product has a content delivery network (CDN) deliver its static files.

It belongs to the whole instance: every page then names those files below the network's address. While nodes of two
releases serve side by side it must be off, because the network may ask a node of one release for a file of the other,
and keep what it gets.

Sources: Atlassian, "Configure your CDN for Jira Data Center" (switch it off before a zero downtime upgrade, and on
again once the cluster is stable), and the same pages for Confluence and Bitbucket; "Content Delivery Network (CDN) for
Jira Data Center", which names the resource ``/rest/static-asset-caching``. That the setting is the resource
``configuration`` below it no public page says; a release without it is taken for one that nobody switches by REST, and
``telamon doctor --live`` tells whether a real instance has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from telamon.errors import ProductError
from telamon.products.base import Flow, Identity, Request
from telamon.products.rest import NO_CHECK, PATIENCE, as_, demand

CONFIGURATION = "/rest/static-asset-caching/configuration"


def in_use() -> Flow[bool | None]:
    """Whether static files come from a CDN; ``None`` where the instance does not tell."""
    found = yield from _read()
    return None if found is None else found.get("enabled") is True


def switch(*, on: bool) -> Flow[None]:
    """Switch it, with the address it has; nothing happens where it is so already, or where the instance has no setting.

    Raises:
        ProductError: the product refuses, or took the request and has not switched.
    """
    found = yield from _read()
    if found is None or (found.get("enabled") is True) is on:
        return
    body = {"enabled": on, "url": found.get("url")}
    request = Request("PUT", CONFIGURATION, headers=NO_CHECK, json=body, timeout=PATIENCE)
    demand(request, (yield from as_(Identity.SERVICE_ACCOUNT, request)))
    found = yield from _read()
    if found is None or (found.get("enabled") is True) is not on:
        raise ProductError(
            f"the CDN is not switched {'on' if on else 'off'} although the product took the request",
            remedy="Switch it at the product's own page, Administration > Content delivery network.",
        )


def _read() -> Flow[Mapping[str, Any] | None]:
    request = Request("GET", CONFIGURATION)
    response = yield from as_(Identity.SERVICE_ACCOUNT, request)
    if response.status in {404, 405}:
        return None
    return demand(request, response).document()
