"""Many pods without programs: they are said to run, and one small server answers at every address of theirs.

It stands for nodes where only what the operator does is of interest, and not what a pod does.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from typing import Any, Final

from testbed.client import Client, RefusedError
from testbed.network import PODS

NODE: Final = "crowded"
PORT: Final = 8000
LOOKS_EVERY: Final = 0.5
FIRST: Final = 100 * 256
"""Addresses below are those of pods whose programs run."""


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        data = json.dumps({"state": "RUNNING"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing: whoever hangs up has waited long enough."""


class Crowd:
    """All nodes of a cluster; it is made, and its threads are started, inside of the cluster's network.

    Args:
        client: of the API server, with every right.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._numbers = itertools.count(FIRST)
        self._ended = threading.Event()
        self._server = _Server(("0.0.0.0", PORT), _Answer)
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True),
            threading.Thread(target=self._work, daemon=True),
        ]
        client.ask("POST", "/api/v1/nodes", body={"metadata": {"name": NODE}})
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End answering."""
        self._ended.set()
        self._server.shutdown()
        for thread in self._threads:
            thread.join(timeout=10)
        self._server.server_close()
        self._client.ask("DELETE", f"/api/v1/nodes/{NODE}")
        self._client.close()

    def _work(self) -> None:
        while not self._ended.wait(LOOKS_EVERY):
            with contextlib.suppress(RefusedError, OSError, http.client.HTTPException):
                for pod in self._client.ask("GET", "/api/v1/pods").get("items") or []:
                    with contextlib.suppress(RefusedError):
                        self._keep(pod)

    def _keep(self, pod: Mapping[str, Any]) -> None:
        metadata, spec = pod["metadata"], pod["spec"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        if "deletionTimestamp" in metadata:
            self._client.ask("DELETE", path, body={"gracePeriodSeconds": 0})
        elif spec.get("schedulingGates") or pod.get("status", {}).get("podIP"):
            return
        elif "nodeName" not in spec:
            target = {"target": {"apiVersion": "v1", "kind": "Node", "name": NODE}}
            body = {"metadata": {"name": metadata["name"], "uid": metadata["uid"]}, **target}
            self._client.ask("POST", f"{path}/binding", body=body)
        else:
            form = "application/merge-patch+json"
            self._client.ask("PATCH", f"{path}/status", body={"status": self._status(pod)}, form=form)

    def _status(self, pod: Mapping[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        own = str(ip_address(int(ip_network(PODS).network_address) + next(self._numbers)))
        lasts = pod["spec"].get("restartPolicy", "Always") == "Always"
        ended = {"terminated": {"exitCode": 0, "startedAt": now, "finishedAt": now, "reason": "Completed"}}
        container = {
            "name": pod["spec"]["containers"][0]["name"],
            "image": pod["spec"]["containers"][0]["image"],
            "imageID": "",
            "restartCount": 0,
            "ready": lasts,
            "started": lasts,
            "containerID": f"crowd://{pod['metadata']['uid']}",
            "state": {"running": {"startedAt": now}} if lasts else ended,
        }
        ready = [
            {"type": kind, "status": "True", "lastTransitionTime": now}
            for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
        ]
        return {
            "phase": "Running" if lasts else "Succeeded",
            "podIP": own,
            "podIPs": [{"ip": own}],
            "startTime": now,
            "conditions": ready if lasts else [],
            "containerStatuses": [container],
        }
