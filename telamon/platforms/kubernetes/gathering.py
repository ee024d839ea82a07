"""Evidence about a member of a cluster that is set aside: gathered at once, because it may not last.

Steps: the secrets that the operator may read are read first, so that they can be taken out of everything else; then
what the cluster knows of the member is read, packed, and kept in a secret of the product's namespace. Of each member
the latest archive is kept, and of all as many as fit.

Traps:
    * Where one of the secrets may not be read nothing is gathered: it could not be taken out.
    * A log that is cut begins with a whole line, or half a secret would stay.
    * The operator may run nothing in a pod, so threads are not dumped.

Source: Kubernetes, "Secrets" (an individual one holds 1 MiB).
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from telamon import __version__
from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Object
from telamon.errors import ConflictError, PlatformError, TemporaryError
from telamon.platforms.evidence import MANIFEST, Gathering, whole_lines, write_archive
from telamon.platforms.kubernetes.api import POD, STATEFUL_SET, Api, Kind
from telamon.platforms.kubernetes.chores import Chores
from telamon.platforms.kubernetes.journal import KubernetesJournal
from telamon.platforms.kubernetes.records import KubernetesRecords
from telamon.platforms.kubernetes.secrets import SECRET, KubernetesSecrets, opaque
from telamon.platforms.kubernetes.store import STACK
from telamon.platforms.redaction import PUBLIC_KEYS, Redactor, is_telling
from telamon.ports import Clock
from telamon.state.world import JobState

LOG_BYTES: Final = 1024 * 1024
"""Bytes of each log that are read, from its end: nothing else is done by the operator while one is searched."""
ARCHIVE_BYTES: Final = 400 * 1024
"""Bytes of an archive; logs are cut until it is no larger."""
KEPT_BYTES: Final = 900 * 1024
"""Bytes of all archives of a product."""
AGAIN: Final = 1.0
"""Seconds until another attempt where the API server cannot now."""
WITHIN: Final = 120.0
"""Seconds after which an API server that cannot is not asked any more."""
SUFFIX: Final = ".tar.gz"
EVENT: Final = Kind("v1", "Event")
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_CUTS: Final = (LOG_BYTES, *(LOG_BYTES >> shift for shift in range(1, 11, 2)), 0)
"""Bytes of each log that are kept, the most that fit."""


class Gatherings:
    """Gathers evidence about members of one stack.

    Args:
        api: the API server.
        records: where it is kept how each ended, beside the journal.
        clock: injected time.
    """

    def __init__(self, api: Api, records: KubernetesRecords, clock: Clock) -> None:
        self._api = api
        self._records = records
        self._clock = clock
        self._chores = Chores(records, clock, every=AGAIN, within=WITHIN)

    def begin(self, part: KubernetesComponent, member: str, *, job: str) -> None:
        """Begin to gather, unless that is under way.

        Args:
            part: the component.
            member: of it.
            job: name of the work.
        """
        self._chores.begin(part.desired.name, job, attempt=partial(self.gather, part, member))

    def jobs(self, component: str) -> Mapping[str, JobState]:
        """Those that are under way, or whose end could not be kept, by name.

        Args:
            component: whose.
        """
        return self._chores.jobs(component)

    def close(self) -> None:
        """Gather no more; who comes after this operator begins again."""
        self._chores.close()

    def gather(self, part: KubernetesComponent, member: str) -> str:
        """Gather evidence about a member, and keep it.

        Args:
            part: its component.
            member: its name.

        Returns:
            Where it lies, and how it is fetched.

        Raises:
            TemporaryError: the API server cannot now.
            PlatformError: it cannot be kept, or a secret may not be read.
        """
        at = datetime.fromtimestamp(self._clock.now(), UTC)
        namespace, secret = part.part.namespace, part.evidence.secret
        found = self._found(part, member)
        key = f"{member}.{at:{_STAMP}}{SUFFIX}"
        packed = _packed(found, _Name(self._records.stack, part.desired.name, member, at))
        self._keep(namespace, secret, key=key, archive=packed)
        fetching = f"`telamon support {member} --context NAME` fetches it"
        return f"evidence is in the secret {secret} of {namespace}; {fetching}"

    def _found(self, part: KubernetesComponent, member: str) -> Gathering:
        """All that is known of a member, without secrets."""
        namespace = part.part.namespace
        pod = self._api.get(POD, member, namespace=namespace)
        made_by = self._api.get(STATEFUL_SET, part.part.name, namespace=namespace)
        known = {**_literals(pod), **_literals(made_by), **self._secrets(part)}
        found = Gathering(Redactor(known))
        if pod is None:
            found.left_out.append("pod.json: there is no such pod")
        else:
            found.add_document("pod.json", _bare(pod))
            for container, previous in _containers(pod):
                name = f"log/{container}{'.previous' if previous else ''}.log"
                found.add(name, partial(self._log, pod, container, previous))
        if made_by is not None:
            found.add_document("statefulset.json", _bare(made_by))
        found.add("events.jsonl", partial(self._events, found.redactor, namespace, member=member))
        found.add("journal.jsonl", partial(self._journal, part.desired.name))
        found.add("status.json", partial(self._status, part.desired.name))
        return found

    def _secrets(self, part: KubernetesComponent) -> dict[str, str]:
        secrets = KubernetesSecrets(self._api, part.part.namespace, self._clock)
        return {
            f"{name}/{key}": value
            for name in part.evidence.hidden
            for key, value in secrets.values(name).items()
            if key not in PUBLIC_KEYS
        }

    def _log(self, pod: Object, container: str, previous: bool, /) -> str:
        read = self._api.log(pod, container, previous=previous, most=LOG_BYTES)
        text = read.decode("utf-8", errors="replace")
        return text if len(read) < LOG_BYTES else whole_lines(text)

    def _events(self, redactor: Redactor, namespace: str, /, *, member: str) -> str:
        listed = self._api.list(EVENT, namespace=namespace, labels={})
        about = [item for item in listed if item.get("involvedObject", {}).get("name") == member]
        return "".join(json.dumps(redactor.document(_bare(item))) + "\n" for item in about)

    def _journal(self, component: str) -> str:
        # Read anew: the record that is written to belongs to the lane of the component.
        journal = KubernetesJournal(self._api, self._records.namespace, self._records.stack)
        return "".join(json.dumps(asdict(entry)) + "\n" for entry in journal.read(component))

    def _status(self, component: str) -> str:
        """What the operator told of the component last; of others nothing, for others administer them."""
        live = self._api.get(STACK, self._records.stack, namespace=self._records.namespace) or {}
        status = live.get("status") or {}
        told = {
            "components": [each for each in status.get("components") or () if each.get("name") == component],
            "members": [each for each in status.get("members") or () if each.get("component") == component],
        }
        return json.dumps(told, indent=1) + "\n"

    def _keep(self, namespace: str, secret: str, *, key: str, archive: bytes) -> None:
        live = self._api.get(SECRET, secret, namespace=namespace)
        others = {
            str(name): str(value)
            for name, value in ((live or {}).get("data") or {}).items()
            if _member(str(name)) != _member(key)
        }
        data = {key: base64.b64encode(archive).decode()}
        room = KEPT_BYTES - len(archive)
        for name in sorted(others, key=_stamp, reverse=True):
            room -= len(base64.b64decode(others[name]))
            if room < 0:
                break
            data[name] = others[name]
        try:
            self._api.apply(opaque(secret, namespace, data=data), over=live)
        except ConflictError as error:
            raise TemporaryError(f"somebody else writes the secret {secret}", delay=AGAIN) from error


def kept(live: Object | None, member: str) -> tuple[str, bytes] | None:
    """The archive about a member that a secret holds, and the name of its file; ``None`` where there is none.

    Args:
        live: the secret, where there is one.
        member: whom it is about.
    """
    data = (live or {}).get("data") or {}
    names = sorted((str(name) for name in data if _member(str(name)) == member), key=_stamp)
    return (names[-1], base64.b64decode(str(data[names[-1]]))) if names else None


@dataclass(frozen=True)
class _Name:
    """Whom an archive is about, and when."""

    stack: str
    component: str
    member: str
    at: datetime


def _packed(found: Gathering, about: _Name) -> bytes:
    """The archive, with as much of every log as fits."""
    for most in _CUTS:
        contents = {name: _cut(name, text, most) for name, text in found.contents.items()}
        manifest = {
            "telamon": __version__,
            "at": about.at.isoformat(),
            "stack": about.stack,
            "component": about.component,
            "member": about.member,
            "bytesOfEachLog": most,
            "redacted": found.redactor.count,
            "leftOut": found.left_out,
            "notIn": ["thread dumps", "homes", "shared homes", "databases", "secrets", "private keys"],
        }
        contents[MANIFEST] = json.dumps(manifest, indent=1) + "\n"
        file = io.BytesIO()
        write_archive(file, contents, top=f"{about.member}-{about.at:{_STAMP}}", at=about.at)
        if len(file.getbuffer()) <= ARCHIVE_BYTES:
            return file.getvalue()
    raise PlatformError(f"what is known of {about.member} is larger than {ARCHIVE_BYTES // 1024} KiB")


def _cut(name: str, text: str, most: int, /) -> str:
    if not name.startswith("log/") or len(text) <= most:
        return text
    return whole_lines(text[len(text) - most :])


def _containers(pod: Object) -> Iterator[tuple[str, bool]]:
    """Every container of a pod, and where it was started again also the one before it."""
    status = pod.get("status") or {}
    told = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    ended = {str(each["name"]) for each in told if (each.get("lastState") or {}).get("terminated")}
    for container in _specified(pod["spec"]):
        name = str(container["name"])
        yield name, False
        if name in ended:
            yield name, True


def _specified(pod: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    return (*(pod.get("initContainers") or ()), *pod["containers"])


def _literals(item: Object | None) -> dict[str, str]:
    """Values of variables that are named like secrets and stand in the manifest itself."""
    if item is None:
        return {}
    spec = item["spec"]["template"]["spec"] if "template" in item["spec"] else item["spec"]
    return {
        f"variable/{variable['name']}": str(variable["value"])
        for container in _specified(spec)
        for variable in container.get("env") or ()
        if variable.get("value") and is_telling(str(variable["name"]))
    }


def _bare(item: Object) -> Object:
    """An object without who wrote which field of it, and without copies of it in its annotations."""
    metadata = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
    notes = metadata.get("annotations") or {}
    shown = {key: value for key, value in notes.items() if not key.endswith("/last-applied-configuration")}
    return {**item, "metadata": {**metadata, "annotations": shown}}


def _member(key: str) -> str:
    return key.removesuffix(SUFFIX).rpartition(".")[0]


def _stamp(key: str) -> str:
    return key.removesuffix(SUFFIX).rpartition(".")[2]
