"""Rules about the profile of an application of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from telamon.model.profile import DATABASE_PARTS, HTTP, Profile
from telamon.model.template import UnfinishedPlaceholder, placeholders
from telamon.stackfile.findings import Finding, Subject
from telamon.stackfile.nearest import nearest
from telamon.stackfile.rules.products import PRODUCTS
from telamon.stackfile.tree import Path

_ALWAYS: Final = ("address", "node.name", "node.ordinal", "peers", "front.url")
_SECRET: Final = ("secret.", "database.password", "database.url")
"""Beginnings of the placeholders that are filled in with a secret; the URL of a database holds its password."""


def profile_port_is_named(subject: Subject) -> Iterator[Finding]:
    """There is a port called http, and what is passed on leads to a port that is there."""
    for path, profile in _profiles(subject):
        if HTTP not in profile.ports:
            yield Finding(
                (*path, "ports"),
                "no port is called http",
                "Write http: and the port on which a node answers requests.",
                throughout=((*path, "ports"),),
            )
        for index, forward in enumerate(profile.tcp):
            if forward.port not in profile.ports:
                yield Finding(
                    (*path, "tcp", index, "port"),
                    f'no port is called "{forward.port}"',
                    f"Write one of {', '.join(profile.ports)}.",
                    throughout=((*path, "ports"),),
                )


def profile_placeholder_is_known(subject: Subject) -> Iterator[Finding]:
    """Every placeholder is one that will be filled in."""
    for path, profile in _profiles(subject):
        known = _placeholders(profile)
        for where, text in _texts(path, profile):
            try:
                unknown = sorted(placeholders(text) - set(known))
            except UnfinishedPlaceholder as error:
                yield Finding(
                    where, str(error), "Close it with }, or write $${ where no placeholder is meant."
                )
                continue
            for name in unknown:
                message = f"nothing is known to fill in for ${{{name}}}"
                yield Finding(where, message, _about(name, known), throughout=_depends(path, name))


def profile_command_holds_no_secret(subject: Subject) -> Iterator[Finding]:
    """Every user of a machine can read command lines, so secrets go into the environment."""
    for path, profile in _profiles(subject):
        for index, word in enumerate(profile.command):
            found = sorted(name for name in _placeholders_or_none(word) if name.startswith(_SECRET))
            if found:
                yield Finding(
                    (*path, "command", index),
                    f"${{{found[0]}}} is a secret, and everybody on the machine can read command lines",
                    "Hand it over in the environment.",
                )


def profile_index_has_a_home(subject: Subject) -> Iterator[Finding]:
    """An index lies in the node's own folder, so there has to be one."""
    for path, profile in _profiles(subject):
        if profile.homes.index is not None and not profile.homes.local:
            yield Finding(
                (*path, "homes", "index"),
                "the index lies in the node's own folder, and a node has none",
                "Write local: true, or remove the index.",
                also=((*path, "homes", "local"),),
            )


def profile_tells_running(subject: Subject) -> Iterator[Finding]:
    """Some answer means that a node serves; else no node would ever get traffic."""
    for path, profile in _profiles(subject):
        states = profile.status.reader.states
        if not states.get("RUNNING") and profile.status.otherwise != "RUNNING":
            yield Finding(
                (*path, "status", "reader", "states"),
                "no answer means RUNNING, so no node would ever get traffic",
                "Write RUNNING: and what a node answers when it serves.",
                throughout=((*path, "status"),),
            )


def profile_image_is_named(subject: Subject) -> Iterator[Finding]:
    """Outside the lab a node is a container, which needs an image."""
    if subject.spec.platform.kind == "lab":
        return
    for path, profile in _profiles(subject):
        if profile.image is None:
            yield Finding(
                path,
                f'"image" is missing, and {subject.spec.platform.kind} runs containers',
                "Write image: and the image that holds the command.",
                also=(("spec", "platform", "kind"), (*path, "image")),
            )


def _profiles(subject: Subject) -> Iterator[tuple[Path, Profile]]:
    for name, product in subject.spec.products.items():
        if product.profile is not None:
            yield (*PRODUCTS, name, "profile"), product.profile


def _placeholders(profile: Profile) -> tuple[str, ...]:
    known = [
        *_ALWAYS,
        *(f"port.{name}" for name in profile.ports),
        *(f"secret.{name}" for name in profile.secrets),
    ]
    if profile.homes.local:
        known.append("home.local")
    if profile.homes.shared:
        known.append("home.shared")
    if profile.database == "postgresql":
        known += [f"database.{part}" for part in DATABASE_PARTS]
    return tuple(known)


def _texts(path: Path, profile: Profile) -> Iterator[tuple[Path, str]]:
    for index, word in enumerate(profile.command):
        yield (*path, "command", index), word
    for name, value in profile.environment.items():
        yield (*path, "environment", name), value


def _placeholders_or_none(text: str) -> frozenset[str]:
    try:
        return placeholders(text)
    except UnfinishedPlaceholder:
        return frozenset()


def _about(name: str, known: tuple[str, ...]) -> str:
    owner = {
        "database": "Write database: postgresql, which makes one.",
        "home": "Name the folder in homes.",
        "port": "Name the port in ports.",
        "secret": "Name the secret in secrets.",
    }.get(name.partition(".")[0])
    near = nearest(name, known)
    if near is not None:
        return f"Did you mean ${{{near}}}?"
    return owner or f"Known here: {', '.join(known)}."


def _depends(path: Path, name: str) -> tuple[Path, ...]:
    """What else has to be right before a placeholder can be called unknown."""
    section = {"database": "database", "home": "homes", "port": "ports", "secret": "secrets"}
    key = section.get(name.partition(".")[0])
    return () if key is None else ((*path, key),)
