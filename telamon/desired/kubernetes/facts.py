"""What a stack file cannot say, because it exists only once something else was made.

On AWS the layers of Terraform tell it as outputs; ``terraform output -json`` of each of them is read here. A cluster
that exists already needs none of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from telamon.errors import UsageError


@dataclass(frozen=True)
class Facts:
    """What was made below the cluster.

    Attributes:
        database_host: the writer of the database; "" where nobody made one.
        database_port: its port.
        shared_homes: by product, what the layer ``data`` says of its shared home.
        web_target_group: where pods of the front door register; "" for none.
        tcp_target_groups: the same for each listener besides the web, as ``product-listener``.
        certificate: ARN of the front door's certificate; "" for none.
        distributions: by product, the id of the distribution that delivers its static files.
    """

    database_host: str = ""
    database_port: int = 5432
    shared_homes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    web_target_group: str = ""
    tcp_target_groups: Mapping[str, str] = field(default_factory=dict)
    certificate: str = ""
    distributions: Mapping[str, str] = field(default_factory=dict)


def facts_of(documents: Sequence[Mapping[str, Any]]) -> Facts:
    """Read the outputs of the layers.

    Args:
        documents: each what ``terraform output -json`` prints of one layer.

    Raises:
        UsageError: an output is not of the form that our own layers have.
    """
    known: dict[str, Any] = {}
    for document in documents:
        for name, output in document.items():
            known[name] = output["value"] if isinstance(output, dict) and "value" in output else output
    return Facts(
        database_host=_text(known, "database_host"),
        database_port=int(_text(known, "database_port") or 5432),
        shared_homes=_homes(known.get("shared_homes", {})),
        web_target_group=_text(known, "web_target_group_arn"),
        tcp_target_groups=_texts(known.get("tcp_target_group_arns", {}), "tcp_target_group_arns"),
        certificate=_text(known, "certificate_arn"),
        distributions=_texts(known.get("cdn_distributions", {}), "cdn_distributions"),
    )


def as_text(facts: Facts) -> str:
    """The facts as one line, which :func:`facts_of` reads again; "" where nothing is told."""
    if facts == Facts():
        return ""
    told = {
        "database_host": facts.database_host,
        "database_port": facts.database_port,
        "shared_homes": {name: dict(home) for name, home in facts.shared_homes.items()},
        "web_target_group_arn": facts.web_target_group,
        "tcp_target_group_arns": dict(facts.tcp_target_groups),
        "certificate_arn": facts.certificate,
        "cdn_distributions": dict(facts.distributions),
    }
    return json.dumps(told, sort_keys=True, separators=(",", ":"))


def from_text(text: str) -> Facts:
    """The facts of such a line.

    Args:
        text: as :func:`as_text` made it, or a person who knows what Terraform told; "" for nothing.

    Raises:
        UsageError: it is no such line.
    """
    if not text:
        return Facts()
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _strange("facts") from error
    if not isinstance(found, dict):
        raise _strange("facts")
    return facts_of([found])


def _text(known: Mapping[str, Any], name: str) -> str:
    value = known.get(name, "")
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise _strange(name)
    return str(value)


def _homes(value: Any) -> Mapping[str, Mapping[str, str]]:
    if not isinstance(value, dict):
        raise _strange("shared_homes")
    return {product: _texts(home, "shared_homes") for product, home in value.items()}


def _texts(value: Any, name: str) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise _strange(name)
    return dict(value)


def _strange(name: str) -> UsageError:
    return UsageError(
        f"the output {name} is not of the form that the layers of the stack have",
        remedy="Give what `terraform output -json` prints in the folders of `telamon render --terraform`.",
    )
