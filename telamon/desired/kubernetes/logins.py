"""Whom nodes on a cluster log in to their database as, and whether Telamon can give them another log-in.

Source: CloudNativePG 1.27, "PostgreSQL Role Management" (what is declared of a role is brought about again).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from telamon.desired.component import LoginTurn
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.database import client_pod
from telamon.desired.kubernetes.renewed import renewed_secret
from telamon.desired.kubernetes.site import Part, Site, database_of, database_spec
from telamon.model.database import CloudNativePgDatabase
from telamon.naming import login_roles

_DECLARED: Final = (
    "CloudNativePG keeps the roles of this database, and lets one log in again that Telamon has ended"
)


@dataclass(frozen=True)
class LoginDesired:
    """Whose turn it is next, and what a job needs that makes or ends a role.

    Attributes:
        turn: whose it is.
        namespace: where the administrator's password is, and the job runs.
        secret: the one in which Telamon keeps passwords, there and in the namespace of the product.
        owner: of the database, and its name.
        pod: of the job, without what it does.
    """

    turn: LoginTurn
    namespace: str
    secret: str
    owner: str
    pod: Mapping[str, Any]


def login_of(part: Part, stateful_set: Object) -> str:
    """The role that nodes log in as, where it is Telamon that tells them; "" where they do not, or somebody else does.

    Args:
        part: the component.
        stateful_set: that makes its pods.
    """
    if not part.workload.needs_database or part.spec.database is not None:
        return ""
    password = part.secrets.database
    reference = {"name": password.secret, "key": password.key}
    told = [
        entry.get("valueFrom", {}).get("secretKeyRef")
        for container in stateful_set["spec"]["template"]["spec"]["containers"]
        for entry in container.get("env", ())
    ]
    return part.secrets.login if reference in told else ""


def why_no_turn(site: Site) -> str:
    """Why Telamon gives nobody another log-in to the database of a stack; "" where it does.

    Args:
        site: the stack.
    """
    return _DECLARED if isinstance(database_spec(site.spec), CloudNativePgDatabase) else ""


def logins_of(part: Part, site: Site, *, login: str) -> LoginDesired | None:
    """How the nodes of a product are given another log-in; ``None`` where Telamon does not keep theirs.

    Args:
        part: the component.
        site: the stack.
        login: the role that its nodes log in as; see :func:`login_of`.
    """
    if not part.is_product or not login or why_no_turn(site):
        return None
    first, second = login_roles(database_of(part))
    others = tuple(
        each.name for each in site.of_product(part) if not each.is_product and each.workload.needs_database
    )
    return LoginDesired(
        LoginTurn(second if login == first else first, others),
        site.database_namespace,
        renewed_secret(site.stack, part.outline.product_name),
        database_of(part),
        client_pod(site),
    )


def keeps_logins(part: Part, site: Site) -> bool:
    """Whether Telamon may come to keep passwords of a product's database.

    Args:
        part: the product's own nodes.
        site: the stack.
    """
    return part.workload.needs_database and part.spec.database is None and not why_no_turn(site)
