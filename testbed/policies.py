"""Enforces network policies on a node: ``python -m testbed.policies SETTINGS``.

It watches pods, namespaces and policies at the API server, and after every change puts all rules of the node in the
place of those before, at once (:mod:`testbed.policy_rules`). While the API server is not reached the rules stay as they
are.

Sources: Kubernetes, "API concepts", "Efficient detection of changes"; nft(8), ``-f`` (a file is one transaction).
"""

from __future__ import annotations

import http.client
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from testbed.client import Client, RefusedError
from testbed.node import NodeSettings, enforce
from testbed.policy_rules import World, ruleset

WATCHED: Final = {
    "pods": "/api/v1/pods",
    "namespaces": "/api/v1/namespaces",
    "policies": "/apis/networking.k8s.io/v1/networkpolicies",
}
AGAIN: Final = 0.5
"""Seconds until a watch that has broken off is taken up again."""


class Watch:
    """All objects of one kind as they are now.

    Args:
        kubeconfig: by which the API server is reached.
        path: of the kind.
        changed: is set after every change.
    """

    def __init__(self, kubeconfig: Path, path: str, *, changed: threading.Event) -> None:
        self._client = Client.by(kubeconfig)
        self._path = path
        self._changed = changed
        self._items: dict[str, Mapping[str, Any]] = {}
        self.listed = threading.Event()

    def items(self) -> tuple[Mapping[str, Any], ...]:
        """The objects, in the order of their names."""
        # A copy in one step: the other thread puts items in meanwhile.
        return tuple(item for _, item in sorted(self._items.copy().items()))

    def follow(self) -> None:
        """Keep them as they are, for ever."""
        while True:
            try:
                self._once()
            except (RefusedError, OSError, http.client.HTTPException, ValueError) as error:
                sys.stderr.write(f"{self._path}: {error}\n")
            threading.Event().wait(AGAIN)

    def _once(self) -> None:
        """List, and follow until the API server breaks off."""
        listed = self._client.ask("GET", self._path)
        self._items = {_key(item): item for item in listed.get("items") or ()}
        self.listed.set()
        self._changed.set()
        since = listed["metadata"]["resourceVersion"]
        query = f"watch=1&allowWatchBookmarks=true&resourceVersion={since}"
        for event in self._client.watch(f"{self._path}?{query}"):
            item = event["object"]
            if event["type"] == "BOOKMARK":
                continue
            if event["type"] == "ERROR":
                # What has happened since is not known any more: it is listed again.
                return
            if event["type"] == "DELETED":
                self._items.pop(_key(item), None)
            else:
                self._items[_key(item)] = item
            self._changed.set()


def main() -> int:
    """Enforce policies until the node ends; rules that cannot be had end it."""
    settings = NodeSettings.read(Path(sys.argv[1]))
    changed = threading.Event()
    kubeconfig = Path(settings.kubeconfigs["policies"])
    watches = {name: Watch(kubeconfig, path, changed=changed) for name, path in WATCHED.items()}
    for watch in watches.values():
        threading.Thread(target=watch.follow, daemon=True).start()
    for watch in watches.values():
        watch.listed.wait()
    enforced = ""
    while True:
        changed.wait()
        changed.clear()
        world = World(**{name: watch.items() for name, watch in watches.items()})
        rules = ruleset(world, node=settings.name, addresses=settings.pods)
        if rules != enforced:
            enforce(rules, settings)
            enforced = rules


def _key(item: Mapping[str, Any]) -> str:
    metadata = item["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


if __name__ == "__main__":
    sys.exit(main())
