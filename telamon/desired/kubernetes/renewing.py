r"""The jobs that make, and end, the roles that nodes on a cluster log in to their database as.

A job runs beside the one that makes the database, in the same namespace and as the same administrator, whose password
the operator never reads. Its script does nothing where all is as it should be, so it may be cut off anywhere. The new
password reaches the server as the proof that SCRAM keeps of it, never as itself, so it is in no log of the server.

Trap: whoever made a role on PostgreSQL 16 or later may grant it, and does not have its rights before that.

Sources: PostgreSQL 17 documentation, "psql" (``\gexec``, ``\getenv``, ``\password``), "Role Membership",
``ALTER ROLE … SET``, ``pg_terminate_backend``.
"""

from __future__ import annotations

from typing import Any, Final

from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.database import PREPARED
from telamon.desired.kubernetes.jobs import work_job, work_labels
from telamon.desired.kubernetes.logins import LoginDesired
from telamon.errors import InternalError
from telamon.naming import LABEL_COMPONENT

ENABLE: Final = r"""\set ON_ERROR_STOP on
SET client_min_messages = warning;
\getenv owner TELAMON_OWNER
\getenv role TELAMON_ROLE
SELECT format('CREATE ROLE %I NOLOGIN', :'role')
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
\password :role
SELECT format('GRANT %I TO CURRENT_USER', :'role') \gexec
SELECT format('GRANT %I TO %I', :'owner', :'role') \gexec
SELECT format('ALTER ROLE %I SET role = %L', :'role', :'owner') \gexec
SELECT format('ALTER ROLE %I LOGIN', :'role') \gexec
"""
"""Lets a role log in that acts as the owner of a database; the password is read from standard input, twice."""
DISABLE: Final = r"""\set ON_ERROR_STOP on
\getenv role TELAMON_ROLE
SELECT format('ALTER ROLE %I NOLOGIN PASSWORD NULL', :'role')
  WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
WITH theirs AS MATERIALIZED (SELECT pid FROM pg_stat_activity WHERE usename = :'role'),
  ended AS MATERIALIZED (SELECT pg_terminate_backend(pid, 5000) AS so FROM theirs)
SELECT format('DO %L', 'BEGIN RAISE EXCEPTION ''a session does not end''; END') FROM ended WHERE NOT so \gexec
"""
"""Lets a role log in no more, and ends the sessions that it has; they count under the role that logged in.

Whose they are is looked up before any is ended: a condition beside another might be judged first."""
_ENABLED: Final = (
    r'printf "%s\n%s\n" "$TELAMON_PASSWORD" "$TELAMON_PASSWORD"'
    ' | psql --no-psqlrc --quiet --file <(printf %s "$TELAMON_SCRIPT"); '
    # Whether it gets in is seen here, before any node relies on it.
    'PGUSER="$TELAMON_ROLE" PGPASSWORD="$TELAMON_PASSWORD" PGDATABASE="$TELAMON_OWNER"'
    ' psql --no-psqlrc --quiet --tuples-only --command "SELECT current_user"'
)
_DISABLED: Final = 'psql --no-psqlrc --quiet --file <(printf %s "$TELAMON_SCRIPT")'
_ENDS_WITHIN: Final = 900
"""Seconds for a pod to start, and for a few statements."""


def enabling(part: KubernetesComponent, role: str, *, job: str) -> Object:
    """The job that lets a role log in.

    Args:
        part: the product's own nodes.
        role: that nobody uses; its password is kept already.
        job: name by which the planner knows the work.

    Raises:
        InternalError: Telamon does not keep the log-ins of this product.
    """
    known = _known(part)
    password = {"secretKeyRef": {"name": known.secret, "key": role}}
    env = [{"name": "TELAMON_PASSWORD", "valueFrom": password}, *_plain(known, role, script=ENABLE)]
    return _job(part, known, job=job, command=_ENABLED, env=env)


def disabling(part: KubernetesComponent, role: str, *, job: str) -> Object:
    """The job that lets a role log in no more; arguments as of :func:`enabling`."""
    known = _known(part)
    return _job(part, known, job=job, command=_DISABLED, env=_plain(known, role, script=DISABLE))


def _known(part: KubernetesComponent) -> LoginDesired:
    if part.logins is None:
        raise InternalError(f"Telamon does not keep whom {part.desired.name} logs in to its database as")
    return part.logins


def _plain(known: LoginDesired, role: str, *, script: str) -> list[dict[str, Any]]:
    values = {"TELAMON_OWNER": known.owner, "TELAMON_ROLE": role, "TELAMON_SCRIPT": script}
    return [{"name": name, "value": value} for name, value in values.items()]


def _job(
    part: KubernetesComponent, known: LoginDesired, *, job: str, command: str, env: list[dict[str, Any]]
) -> Object:
    labels = work_labels(part)
    (container,) = known.pod["containers"]
    doing = {
        **container,
        "name": "log-in",
        "command": ["bash", "-euo", "pipefail", "-c", command],
        "env": [*container["env"], *env],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    template = {
        # It reaches the database as what prepares it does.
        "metadata": {"labels": labels | {LABEL_COMPONENT: PREPARED}},
        "spec": {**known.pod, "restartPolicy": "Never", "containers": [doing]},
    }
    spec = {"backoffLimit": 3, "activeDeadlineSeconds": _ENDS_WITHIN}
    made = work_job(part, job, labels=labels, template=template, spec=spec)
    return {**made, "metadata": {**made["metadata"], "namespace": known.namespace}}
