"""Rules about products, their companions and their nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from telamon import naming
from telamon.model.common import Resources
from telamon.model.database import CloudNativePgDatabase
from telamon.products.objects import stores_of
from telamon.products.release import numbers
from telamon.stackfile.findings import Finding, Subject
from telamon.stackfile.nearest import nearest
from telamon.stackfile.tree import Path

PRODUCTS: Path = ("spec", "products")


def product_is_known(subject: Subject) -> Iterator[Finding]:
    """A product is one that Telamon knows, or has a profile."""
    for name, product in subject.spec.products.items():
        path = (*PRODUCTS, name)
        known = name in subject.registry
        if known and product.profile is not None:
            yield Finding(
                (*path, "profile"),
                f"Telamon knows {name} already",
                "Remove the profile, or give your application another name.",
            )
        if not known and product.profile is None:
            near = nearest(name, subject.registry)
            hint = f'Did you mean "{near}"?' if near else f"Known are {', '.join(sorted(subject.registry))}."
            yield Finding(
                path,
                f'Telamon knows no product "{name}"',
                f"{hint} An application of your own needs a profile.",
                also=((*path, "profile"),),
            )


def component_name_is_free(subject: Subject) -> Iterator[Finding]:
    """No two components have one name, and none has a name of Telamon's own."""
    taken = dict.fromkeys(naming.RESERVED, "a part of every stack")
    for name, product in subject.spec.products.items():
        named: list[tuple[str, Path]] = [(name, (*PRODUCTS, name))]
        named += [
            (naming.component_name(name, companion), (*PRODUCTS, name, "companions", companion))
            for companion in product.companions
        ]
        # Its database is called as that of a product of this name would be.
        named += [(naming.component_name(name, app), (*PRODUCTS, name, "apps", app)) for app in product.apps]
        for component, path in named:
            if component in taken:
                yield Finding(
                    path, f'the name "{component}" belongs to {taken[component]}', "Choose another name."
                )
            taken.setdefault(component, ".".join(map(str, path)))


def version_is_named(subject: Subject) -> Iterator[Finding]:
    """A product that Telamon knows needs a version; only a person can choose it."""
    for name, product in subject.spec.products.items():
        if name in subject.registry and product.version is None:
            path = (*PRODUCTS, name)
            yield Finding(
                path,
                '"version" is missing',
                'Write version: and the one to run, e.g. "11.3.1".',
                ((*path, "version"),),
            )


def nodes_within_limit(subject: Subject) -> Iterator[Finding]:
    """No product and no companion has more nodes than it can have."""
    for name, product in subject.spec.products.items():
        known = subject.registry.get(name)
        profile = product.profile
        most = profile.max_nodes if profile is not None else None if known is None else known.max_nodes
        if most is not None and product.nodes > most:
            yield _too_many((*PRODUCTS, name, "nodes"), name, most)
        for key, companion in product.companions.items():
            kept = None if known is None else known.companions.get(key)
            if kept is not None and companion.nodes is not None and companion.nodes > kept.max_nodes:
                yield _too_many((*PRODUCTS, name, "companions", key, "nodes"), key, kept.max_nodes)


def companion_is_known(subject: Subject) -> Iterator[Finding]:
    """A companion is one that its product has."""
    for name, product in subject.spec.products.items():
        known = subject.registry.get(name)
        if known is None and product.profile is None:
            continue
        names = [] if known is None else list(known.companions)
        for companion in product.companions:
            if companion in names:
                continue
            near = nearest(companion, names)
            hint = f'Did you mean "{near}"?' if near else f"It has {', '.join(names) or 'none'}."
            path = (*PRODUCTS, name, "companions", companion)
            yield Finding(
                path, f'{name} has no companion "{companion}"', hint, ((*PRODUCTS, name, "profile"),)
            )


def external_companion_is_replaceable(subject: Subject) -> Iterator[Finding]:
    """What others keep up is something that the product can use, and nothing of it is Telamon's to say."""
    for name, product in subject.spec.products.items():
        known = subject.registry.get(name)
        for key, companion in product.companions.items():
            if companion.external is None:
                continue
            path = (*PRODUCTS, name, "companions", key)
            kept = None if known is None else known.companions.get(key)
            if kept is not None and not kept.replaceable:
                yield Finding(
                    (*path, "external"),
                    f"{name} cannot use a companion {key} that others keep up",
                    "Remove external; Telamon runs one beside the product.",
                )
            for field in sorted(companion.model_fields_set - {"external"}):
                yield Finding(
                    (*path, field),
                    f"{key} is one that others keep up, so nothing else is said of it",
                    f"Remove {field}, or external.",
                    also=((*path, "external"),),
                )


def object_store_is_supported(subject: Subject) -> Iterator[Finding]:
    """Files are kept in S3 where the product can, from the release on that can; and somebody says where."""
    for name, product in subject.spec.products.items():
        if product.storage.s3 is None:
            continue
        path: Path = (*PRODUCTS, name, "storage", "s3")
        stores, known = stores_of(product), subject.registry.get(name)
        offered = {} if known is None or product.profile is not None else known.object_stores
        if not stores:
            kinds = f"Write {' or '.join(offered)}: with bucket and region." if offered else "Remove it."
            yield Finding(path, "nothing is said to lie in S3", kinds, also=((*PRODUCTS, name, "profile"),))
        for kind in stores:
            since = offered.get(kind)
            if since is None:
                yield Finding(
                    (*path, kind),
                    f"{name} keeps no {kind} in S3 that Telamon could tell it of",
                    f"It can keep {', '.join(offered)} there." if offered else "Remove it.",
                    also=((*PRODUCTS, name, "profile"),),
                )
            elif numbers(product.version or since) < numbers(since):
                yield Finding(
                    (*path, kind),
                    f"{name} {product.version} does not keep {kind} in S3; releases from {since} on do",
                    "Remove it, or plan the upgrade first.",
                    also=((*PRODUCTS, name, "version"),),
                )


def object_store_is_entered_one_way(subject: Subject) -> Iterator[Finding]:
    """Nodes have a role or a key; with both nobody knows which of them counts."""
    for name, product in subject.spec.products.items():
        given = product.storage.s3
        if given is not None and given.role is not None and given.credentials is not None:
            path: Path = (*PRODUCTS, name, "storage", "s3")
            yield Finding(
                (*path, "credentials"),
                "the nodes have a role for S3 already",
                "Remove credentials, or role.",
                also=((*path, "role"),),
            )


def object_store_is_told_once(subject: Subject) -> Iterator[Finding]:
    """What the stack file says of S3 stands in one place."""
    for name, product in subject.spec.products.items():
        known = subject.registry.get(name)
        if known is None or product.profile is not None:
            continue
        for kind in sorted(known.by_hand(product) & set(stores_of(product))):
            yield Finding(
                (*PRODUCTS, name, "storage", "s3", kind),
                f"where {kind} are stands in env, properties or jvmArgs as well",
                "Remove it there.",
                also=tuple((*PRODUCTS, name, field) for field in ("env", "properties", "jvmArgs")),
            )


def heap_fits_memory(subject: Subject) -> Iterator[Finding]:
    """The heap leaves room in the memory for everything else that a Java process needs."""
    for path, resources in _all_resources(subject):
        heap, memory = resources.heap, resources.memory
        if heap is not None and memory is not None and heap >= memory:
            yield Finding(
                (*path, "heap"),
                f"the heap ({heap}) does not fit the memory ({memory}), which holds more than the heap",
                "Lower the heap to about half of the memory, or raise the memory.",
                also=((*path, "memory"),),
            )


def heap_is_set_once(subject: Subject) -> Iterator[Finding]:
    """The size of the heap stands in the resources, where the fit of the memory is checked."""
    for name, product in subject.spec.products.items():
        for index, argument in enumerate(product.jvm_args):
            if argument.startswith(("-Xmx", "-XX:MaxHeapSize", "-XX:MaxRAMPercentage")):
                yield Finding(
                    (*PRODUCTS, name, "jvmArgs", index),
                    f"{argument} sets the heap beside resources.heap",
                    "Remove it, and write the size to resources.heap.",
                )


def access_names_a_product(subject: Subject) -> Iterator[Finding]:
    """Rights are given for products that are there."""
    yield from _unknown_products(subject, ("spec", "access", "products"), subject.spec.access.products)


def drills_name_a_product(subject: Subject) -> Iterator[Finding]:
    """Releases for drills are of products that are there."""
    drills = subject.spec.drills
    yield from _unknown_products(subject, ("spec", "drills", "brokenReleases"), drills.broken_releases)
    yield from _unknown_products(subject, ("spec", "drills", "laterReleases"), drills.later_releases)


def _unknown_products(subject: Subject, path: Path, /, named: Iterable[str]) -> Iterator[Finding]:
    for name in named:
        if name not in subject.spec.products:
            near = nearest(name, subject.spec.products)
            hint = f'Did you mean "{near}"?' if near else f"There are {', '.join(subject.spec.products)}."
            yield Finding((*path, name), f'the stack has no product "{name}"', hint, (PRODUCTS,))


def product_rules_hold(subject: Subject) -> Iterator[Finding]:
    """What only the product itself knows; see :meth:`telamon.products.base.Product.check`."""
    for name, product in subject.spec.products.items():
        known = subject.registry.get(name)
        if known is None or product.profile is not None:
            continue
        for below, message, remedy in known.check(product, subject.spec):
            path = (*PRODUCTS, name, *(step for step in below.split(".") if step))
            yield Finding(path, message, remedy, throughout=(path,) if below else ())


def _too_many(path: Path, name: str, most: int) -> Finding:
    return Finding(path, f"{name} can have no more than {most} nodes", f"Write a number from 1 to {most}.")


def _all_resources(subject: Subject) -> Iterator[tuple[Path, Resources]]:
    for name, product in subject.spec.products.items():
        path = (*PRODUCTS, name)
        yield (*path, "resources"), product.resources
        for key, companion in product.companions.items():
            yield (*path, "companions", key, "resources"), companion.resources
        for index, sidecar in enumerate(product.sidecars):
            yield (*path, "sidecars", index, "resources"), sidecar.resources
    database = subject.spec.database
    if isinstance(database, CloudNativePgDatabase):
        yield ("spec", "database", "resources"), database.resources
