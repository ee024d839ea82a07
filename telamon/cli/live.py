"""``telamon doctor --live``: a real instance against the contract that the engine relies on."""

from __future__ import annotations

import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from telamon.errors import MachineError, UsageError, brief

if TYPE_CHECKING:
    from telamon.cli.findings import LiveExamination
    from telamon.cli.session import Session
    from telamon.platforms.rest import Credential
    from telamon.products.base import Product
    from telamon.products.contract import Seen

_DIFFERS: Final = "differs"
_PORTS: Final = (("https", 443), ("http", 80))


@dataclass(frozen=True)
class Instance:
    """What is asked.

    Attributes:
        url: of the instance.
        product: what it is said to be.
        credentials: file with the log-in.
        authority: file with the authorities to trust; ``None`` for those of this machine.
    """

    url: str
    product: str
    credentials: Path | None
    authority: Path | None


def look(session: Session, instance: Instance, *, write: Path | None) -> bool:
    """Ask an instance, and answer with a table.

    Args:
        session: streams, and how the answer is written.
        instance: which.
        write: where to write what was seen; ``None`` for nowhere.

    Returns:
        Whether no line differs.

    Raises:
        TelamonError: something about the command line or the files is wrong.
    """
    from telamon.cli.findings import ContractLine, LiveExamination

    product = _product(session, instance.product)
    seen = _asked(instance, product)
    observed = {key: value for each in seen for key, value in each.observed.items()}
    if write is not None:
        _write(write, observed, instance)
    answer = LiveExamination(
        url=_shown(instance.url),
        product=product.name,
        agrees=all(each.standing != _DIFFERS for each in seen),
        lines=tuple(ContractLine(each.line, each.assumed, each.standing.value, each.seen) for each in seen),
        observed=observed,
        written=str(write or ""),
    )
    session.answer(lambda: answer, lambda: _text(answer))
    return answer.agrees


def _asked(instance: Instance, product: Product) -> tuple[Seen, ...]:
    from telamon.platforms.rest import perform
    from telamon.products.base import Endpoint, FrontAddress, Identity
    from telamon.products.contract import examine

    parts = urlsplit(instance.url)
    try:
        port = parts.port
    except ValueError as error:
        raise _no_url() from error
    if parts.scheme not in dict(_PORTS) or not parts.hostname or parts.query or parts.username:
        raise _no_url()
    number = port or dict(_PORTS)[parts.scheme]
    secure = parts.scheme == "https"
    front = FrontAddress("https" if secure else "http", parts.hostname, number, parts.path.rstrip("/"))
    return perform(
        examine(product),
        endpoint=Endpoint(parts.hostname, number),
        front=front,
        credentials={Identity.SERVICE_ACCOUNT: _credential(instance.credentials)},
        on_note=lambda _note: None,
        cancelled=lambda: False,
        authority=_authorities(instance.authority) if secure else None,
    )


def _product(session: Session, name: str) -> Product:
    from telamon.cli.names import unknown

    known = session.wiring().registry()
    if name not in known:
        raise unknown("product", name, known=sorted(known))
    return known[name]


def _credential(path: Path | None) -> Credential:
    from telamon.cli.foreign_files import documents_of
    from telamon.platforms.rest import Password, Token

    if path is None:
        raise UsageError(
            "the instance asks for a log-in",
            remedy="Put `token:`, or `username:` and `password:`, into a file, and name it with --credentials.",
        )
    _refuse_open(path)
    read = documents_of(path)
    found: Any = read[0] if len(read) == 1 else None
    if isinstance(found, Mapping) and isinstance(found.get("token"), str):
        return Token(found["token"])
    if isinstance(found, Mapping) and found.get("username") and found.get("password"):
        return Password(str(found["username"]), str(found["password"]))
    raise UsageError(f"{path} holds no log-in", remedy="Write `token:`, or `username:` and `password:`.")


def _refuse_open(path: Path) -> None:
    """A log-in that others can read is theirs."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise MachineError(f"{path} can be read by others", remedy=f"Run `chmod 600 {path}`.")


def _authorities(path: Path | None) -> str:
    place = path or Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")
    try:
        return place.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise MachineError(
            f"the authorities in {place} cannot be read: {brief(error)}",
            remedy="Name a file with --authority.",
        ) from error


def _write(path: Path, observed: Mapping[str, str], instance: Instance) -> None:
    from telamon.cli.files import replace_text
    from telamon.stackfile.build import to_yaml

    seen = f"# What `telamon doctor --live` has seen of {_shown(instance.url)}.\n"
    replace_text(path, f"{seen}{to_yaml(dict(observed))}")


def _text(answer: LiveExamination) -> str:
    lines = [f"{answer.url} as {answer.product}:"]
    for each in answer.lines:
        lines.append(f"  {each.standing:<8}{each.line}: {each.seen}")
        if each.standing == _DIFFERS:
            lines.append(f"          assumed: {each.assumed}")
    for key, value in answer.observed.items():
        lines.append(f"observed.{key}: {value}")
    return "\n".join(lines)


def _shown(url: str) -> str:
    return url.partition("?")[0]


def _no_url() -> UsageError:
    return UsageError(
        "the instance is no URL that can be asked",
        remedy="Write e.g. https://host.example:8443/path, without a log-in.",
    )
