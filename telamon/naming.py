"""Every name and label that Telamon gives to something, in one place.

Whoever makes an object, a file, a role or a label asks here, so that what one part writes another finds, on every
platform. Names are built from names: a member belongs to a component, a component to a stack.

==============  ======================================  ===========================================
what            form                                    example
==============  ======================================  ===========================================
stack           DNS label, at most 30 characters        ``acme``
product         DNS label, at most 20 characters        ``wiki``
companion       DNS label, at most 20 characters        ``search``
component       product, product-companion, or one of   ``wiki``, ``wiki-search``, ``database``
                the fixed names
member          component and ordinal                   ``wiki-0``, ``wiki-search-1``
secret          stack, product and purpose              ``acme-wiki-license``
database, role  product, as PostgreSQL likes names      ``wiki``, ``my_app``
login role      one of two for each database            ``_wiki_a``, ``_wiki_b``
==============  ======================================  ===========================================

The lengths add up: the longest member name stays below the 63 characters of a DNS label, also where a platform puts a
short prefix before it. Names begin with a letter (RFC 1035), because Kubernetes asks that of a Service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NewType

StackName = NewType("StackName", str)
ProductName = NewType("ProductName", str)
CompanionName = NewType("CompanionName", str)
AppName = NewType("AppName", str)
ComponentName = NewType("ComponentName", str)
MemberName = NewType("MemberName", str)
SecretName = NewType("SecretName", str)
Generation = NewType("Generation", int)
"""Counts the changes of an object's ``spec``, from 1; a status tells which one it speaks of."""
Revision = NewType("Revision", str)
"""Fingerprint of the desired data that a member runs with."""

GROUP: Final = "telamon.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
STACK_KIND: Final = "Stack"
OVERLAY_KIND: Final = "StackOverlay"
OPERATION_KIND: Final = "Operation"
KINDS: Final = (STACK_KIND, OVERLAY_KIND, OPERATION_KIND)

MANAGER: Final = "telamon"
"""Field manager of server-side apply, and the value of ``app.kubernetes.io/managed-by``."""

DATABASE: Final = ComponentName("database")
WRITER: Final = MemberName("database-writer")
"""Whichever database server takes writes, as the far end of a link; no member is ever called so."""
EDGE: Final = ComponentName("edge")
RELAYS: Final = ComponentName("relays")
BACKUP: Final = ComponentName("backup")
RESERVED: Final = frozenset({BACKUP, DATABASE, EDGE, RELAYS, "controller", "operator", "telamon"})
"""Component names of our own: a product cannot be called so."""

LABEL_STACK: Final = f"{GROUP}/stack"
LABEL_COMPONENT: Final = f"{GROUP}/component"
LABEL_PRODUCT: Final = f"{GROUP}/product"
LABEL_MEMBER: Final = f"{GROUP}/member"
LABEL_WORKED_ON: Final = f"{GROUP}/worked-on"
"""On a job of a cluster and its pod: the component whose data it works on."""
LABEL_SERVING: Final = f"{GROUP}/serving"
"""Carried by the members that traffic may reach; the one label that changes while a member runs."""
LABEL_PURPOSE: Final = f"{GROUP}/purpose"
"""What a machine is for, as label and as taint; the ground on AWS makes machines that carry it."""
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
ANNOTATION_REVISION: Final = f"{GROUP}/revision"
ANNOTATION_ASKED: Final = f"{GROUP}/asked"
"""On a pod: a fingerprint of what the stack file asked of it, however that was rendered."""
ANNOTATION_RENDERED: Final = f"{GROUP}/rendered-as"
"""On a pod that an earlier Telamon has rendered otherwise: the revision of the template that it was made of."""
ANNOTATION_RELEASE: Final = f"{GROUP}/release"
"""On a pod: the version that it was made to run."""
ANNOTATION_WORK: Final = f"{GROUP}/work"
"""On a job of a cluster: the name by which the planner knows what it does."""
ANNOTATION_PART_OF: Final = f"{GROUP}/part-of"
"""On a job of a cluster that does one part of a work alone: the name of that work."""
ANNOTATION_EMPTIED: Final = f"{GROUP}/emptied-for"
"""On a machine of a cluster that is being emptied: the stacks that had members on it, with commas."""
ANNOTATION_ROLL: Final = f"{GROUP}/roll"
"""On the lease of whoever replaces the machines of a cluster one by one: what was decided, and how far it has come."""
ANNOTATION_GENERATION: Final = f"{GROUP}/generation"

MAX_LABEL: Final = 63
"""Longest DNS label (RFC 1123) and longest value of a Kubernetes label."""
MAX_STACK: Final = 30
MAX_PRODUCT: Final = 20
MAX_COMPANION: Final = 20
MAX_DOMAIN: Final = 190
"""Leaves room for a host before the domain within the 253 characters of a DNS name."""

_NAME: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_DNS_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_NAME: Final = re.compile(rf"{_DNS_LABEL.pattern}(\.{_DNS_LABEL.pattern})*")
_MEMBER: Final = re.compile(rf"(?P<component>{_NAME.pattern})-(?P<ordinal>0|[1-9][0-9]*)")


def name_fault(text: str, *, longest: int = MAX_LABEL) -> str | None:
    """Say why a text cannot name a stack, a product, a companion or anything else of ours.

    Args:
        text: the name.
        longest: most characters it may have.

    Returns:
        What is wrong, to go on after the name in a sentence, or ``None`` where nothing is.
    """
    if not text:
        return "is empty"
    if len(text) > longest:
        return f"has {len(text)} characters, and {longest} is the most"
    if _NAME.fullmatch(text) is None:
        return "may hold only a to z, 0 to 9 and -, must begin with a letter and must not end with -"
    return None


def domain_fault(text: str, *, longest: int = MAX_DOMAIN) -> str | None:
    """Say why a text is no DNS name.

    Args:
        text: the name, lower case, without a dot at the end.
        longest: most characters it may have.

    Returns:
        What is wrong, to go on after the name in a sentence, or ``None`` where nothing is.
    """
    if not text:
        return "is empty"
    if len(text) > longest:
        return f"has {len(text)} characters, and {longest} is the most"
    if _DNS_NAME.fullmatch(text) is None:
        return "is not a DNS name: labels of a to z, 0 to 9 and - with a dot between them"
    if any(len(label) > MAX_LABEL for label in text.split(".")):
        return f"has a part of more than {MAX_LABEL} characters"
    return None


def component_name(product: str, companion: str | None = None) -> ComponentName:
    """Name the component that a product, or a companion of it, is.

    Args:
        product: product name.
        companion: companion name, ``None`` for the product's own nodes.
    """
    return ComponentName(product if companion is None else f"{product}-{companion}")


def member_name(component: str, ordinal: int) -> MemberName:
    """Name the member with that ordinal (from 0)."""
    return MemberName(f"{component}-{ordinal}")


def split_member(name: str) -> tuple[ComponentName, int] | None:
    """Take a member name apart.

    Returns:
        The component and the ordinal (from 0), or ``None`` where the text is no member name.
    """
    match = _MEMBER.fullmatch(name)
    return None if match is None else (ComponentName(match["component"]), int(match["ordinal"]))


def secret_name(stack: str, product: str, *, purpose: str) -> SecretName:
    """Name the secret that is looked for where the stack file names none.

    Args:
        stack: stack name.
        product: product name, or a fixed component name.
        purpose: ``license``, ``admin``, ``service-account``, ``database`` …
    """
    return SecretName(f"{stack}-{product}-{purpose}")


def host_name(product: str, domain: str) -> str:
    """Name the host under which users reach a product."""
    return f"{product}.{domain}"


def database_name(product: str) -> str:
    """Name a product's database and the role that owns it, in a form PostgreSQL takes without quotes."""
    return product.replace("-", "_")


def app_database_name(product: str, app: str) -> str:
    """Name of the database of a product's app, and of the role that owns it."""
    return f"{database_name(product)}_{app.replace('-', '_')}"


def login_roles(database: str) -> tuple[str, str]:
    """Name the two roles that take turns in logging in to a database.

    No product begins with an underscore, so the database of another one is never called so.
    """
    return f"_{database}_a", f"_{database}_b"


def labels(
    stack: str, component: str, *, product: str | None = None, member: str | None = None
) -> Mapping[str, str]:
    """The labels of an object, by which it is found again.

    Args:
        stack: stack name.
        component: component name.
        product: the product that it belongs to, ``None`` for what no product owns.
        member: the member that it belongs to, ``None`` for what all members share.
    """
    given = {
        LABEL_MANAGED_BY: MANAGER,
        LABEL_STACK: stack,
        LABEL_COMPONENT: component,
        LABEL_PRODUCT: product,
        LABEL_MEMBER: member,
    }
    return {label: value for label, value in given.items() if value is not None}
