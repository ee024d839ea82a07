"""Rules about apps that have a process of their own."""

from __future__ import annotations

from collections.abc import Iterator

from telamon.stackfile.findings import Finding, Subject
from telamon.stackfile.nearest import nearest
from telamon.stackfile.rules.products import PRODUCTS

_PLATFORM = ("spec", "platform", "kind")


def app_is_known(subject: Subject) -> Iterator[Finding]:
    """An app is one that Telamon knows of that product; any other is installed in the product, and that is all."""
    for name, product in subject.spec.products.items():
        known = subject.registry.get(name)
        names = [] if known is None or product.profile is not None else list(known.apps)
        for app in product.apps:
            if app not in names:
                near = nearest(app, names)
                hint = f'Did you mean "{near}"?' if near else f"Known are {', '.join(names) or 'none'}."
                yield Finding(
                    (*PRODUCTS, name, "apps", app),
                    f'Telamon knows no app "{app}" of {name} that has a process of its own',
                    f"{hint} Any other app is installed in {name} itself, and is not named here.",
                    also=((*PRODUCTS, name, "profile"),),
                )


def app_is_in_a_cluster(subject: Subject) -> Iterator[Finding]:
    """The lab runs stand-ins, in which no app can be installed."""
    if subject.spec.platform.kind != "lab":
        return
    for name, product in subject.spec.products.items():
        for app in product.apps:
            yield Finding(
                (*PRODUCTS, name, "apps", app),
                f"the lab has no {app}: it runs stand-ins, in which no app is installed",
                "Name the platform that it is meant for; telamon rehearses the file in the lab with --lab.",
                also=(_PLATFORM,),
            )


def app_port_is_free(subject: Subject) -> Iterator[Finding]:
    """The process of an app listens in the node, so no other process of the node has its port."""
    for name, product in subject.spec.products.items():
        known = subject.registry.get(name)
        if known is None or product.profile is not None:
            continue
        taken = {port.number: f"{name} itself" for port in known.ports}
        taken |= {port: f"the sidecar {each.name}" for each in product.sidecars for port in each.ports}
        for key, asked in product.apps.items():
            app = known.apps.get(key)
            if app is None:
                continue
            port = asked.port or app.port
            if port in taken:
                yield Finding(
                    (*PRODUCTS, name, "apps", key, "port"),
                    f"port {port} of {key} belongs to {taken[port]}",
                    "Choose another port, and write the same one into the app's own settings.",
                    also=((*PRODUCTS, name, "sidecars"),),
                )
            taken.setdefault(port, key)


def app_database_has_a_place(subject: Subject) -> Iterator[Finding]:
    """A database is made where those of the products are; nobody writes to a server that a product has already."""
    for name, product in subject.spec.products.items():
        for key, asked in product.apps.items():
            if product.database is not None and asked.database == "made":
                yield Finding(
                    (*PRODUCTS, name, "apps", key, "database"),
                    f"{name} has a database of its own, where Telamon makes none for {key}",
                    "Write database: none, and let whoever keeps that server make one.",
                    also=((*PRODUCTS, name, "database"),),
                )
