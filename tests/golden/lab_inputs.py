"""A lab on a machine that does not exist, so that its data is the same on every machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from telamon.desired.lab.compile import compile_lab
from telamon.desired.lab.data import LabDesired
from telamon.desired.lab.facts import LabFacts, TlsFiles
from telamon.desired.lab.needs import needs
from telamon.model.stack import Stack
from telamon.products.base import Product
from telamon.products.registry import products_of, registry
from telamon.state.account import Account

FOLDER = Path(__file__).with_name("lab")

NOTES = {
    "command": ["notes-server", "--listen", "${address}:${port.http}"],
    "environment": {"NODE": "${node.name}", "PEERS": "${peers}", "DATABASE_URL": "${database.url}"},
    "ports": {"http": 8000, "cluster": 9100},
    "status": {"path": "/healthz"},
    "homes": {"shared": True},
    "database": "postgresql",
    "websockets": ["/live/"],
}


def stack(**spec: object) -> Stack:
    """Every product that Telamon knows, with all its companions, and an application of one's own.

    Args:
        spec: over the stack's own section.
    """
    products: dict[str, object] = {
        name: {
            "version": "9.4.16",
            "companions": {companion: {"version": "2.19.1"} for companion in product.companions},
        }
        for name, product in registry().items()
    }
    products["notes"] = {"profile": NOTES, "contextPath": "/notes"}
    return Stack.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": "acme"},
            "spec": {"domain": "acme.example", "products": products, **spec},
        }
    )


def products(given: Stack) -> Mapping[str, Product]:
    """The products of a stack."""
    return products_of({str(name): spec for name, spec in given.spec.products.items()})


def facts(given: Stack, *, tls: bool = False) -> LabFacts:
    """A machine on which nothing had to move."""
    found = needs(given, products(given))
    return LabFacts(
        root="/srv/lab",
        lab="0123456789ab",
        network=77,
        python="/opt/telamon/bin/python",
        python_path="/opt/telamon/lib",
        envoy="/opt/telamon/envoy",
        postgres_bin="/opt/telamon/postgres/bin",
        postgres_release="17.10",
        database_account=Account("postgres", 101, 104),
        slots={component: slot for slot, component in enumerate(found.components, 1)},
        front_port=8443 if tls else 8080,
        tcp_ports={need.key: need.number for need in found.tcp},
        tls=TlsFiles("/srv/lab/tls/front.pem", "/srv/lab/tls/front.key") if tls else None,
        relays={pair: number for number, pair in enumerate(found.relays, 1)},
        cores=4,
    )


def lab(given: Stack, *, tls: bool = False) -> LabDesired:
    """The lab of a stack on that machine."""
    return compile_lab(given, facts(given, tls=tls), registry=products(given))


def texts() -> Mapping[str, str]:
    """Everything that is held against a golden file: file name to text."""
    plain = lab(stack())
    found = {
        path.rpartition("/")[2]: content
        for part in plain.parts
        for path, content in ((file.path, file.content) for file in part.files if not file.once)
        if "edge-1" not in path
    }
    found["processes.json"] = _processes(plain)
    found["links.json"] = json.dumps({link.name: str(link.endpoint) for link in plain.links}, indent=1) + "\n"
    return found


def _processes(desired: LabDesired) -> str:
    rows = {
        process.member: {
            "argv": list(process.argv),
            "cwd": process.cwd,
            "address": process.address,
            "folders": [folder.path for folder in process.folders],
            "run_as": process.run_as.value,
            "stop_signal": process.stop_signal.value,
        }
        for part in desired.parts
        for process in part.processes
    }
    return json.dumps(rows, indent=1) + "\n"


def rewrite() -> None:
    """Write the golden files anew; what changed is then read in the diff before it is committed."""
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    rewrite()
