"""What applying a stack would make, change and take away in a cluster. Nothing is written.

What an object would become the API server tells of a rehearsal, so that its defaults, and what others may not change,
count as they will. Source: Kubernetes API concepts, "Dry-run".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Bundle, Object
from telamon.desired.kubernetes.render import needs
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.desired.kubernetes.wanted import WantedSecret, brought
from telamon.errors import DeniedError, NotReadyError, PlatformError, RefusedError
from telamon.infra.cluster_drift import address, changes
from telamon.naming import LABEL_COMPONENT
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.rehearsing import compared
from telamon.platforms.kubernetes.store import STACK

SECRET: Final = Kind("v1", "Secret")


class Becomes(StrEnum):
    """What becomes of an object."""

    CREATED = "created"
    CHANGED = "changed"
    REMOVED = "removed"
    REFUSED = "refused"


@dataclass(frozen=True)
class Foreseen:
    """One object of which something becomes.

    Attributes:
        component: whose it is; "" for what belongs to none.
        address: namespace, kind and name.
        becomes: what.
        told: what changes, a field each, or why it is refused.
    """

    component: str
    address: str
    becomes: Becomes
    told: tuple[str, ...] = ()


@dataclass
class ClusterChanging:
    """One stack on its way into a cluster.

    Attributes:
        api: the API server.
        bundles: everything that the file renders.
    """

    api: Api
    bundles: Sequence[Bundle]
    _unknown: tuple[str, ...] | None = field(init=False, default=None)

    def look(self) -> tuple[Foreseen, ...]:
        """What becomes of every object that is rendered; those of which nothing becomes are left out.

        Raises:
            DeniedError: something may not be looked at, or rehearsed.
            TemporaryError: the API server does not answer.
        """
        objects = [item for bundle in self.bundles for item in bundle.objects]
        return tuple(each for item in objects for each in self._of(item))

    def unknown_kinds(self) -> tuple[str, ...]:
        """Versions of APIs that the objects are of, and the cluster does not serve."""
        if self._unknown is None:
            self._unknown = tuple(each for each in needs(self.bundles) if not self.api.serves(each))
        return self._unknown

    def lacking(self, secrets: Sequence[WantedSecret]) -> tuple[str, ...]:
        """Secrets that somebody has to bring before pods can start; no value is read out.

        Args:
            secrets: that the objects refer to.
        """
        return tuple(f"{each.namespace}/{each.name}" for each in secrets if not self._is_whole(each))

    def refused(self, document: Mapping[str, Any]) -> RefusedError | None:
        """Why the cluster's operator would refuse a Stack; ``None`` where it would not, or there is none yet.

        Args:
            document: the Stack, with its digests.
        """
        if not self.api.serves(STACK.version):
            return None
        metadata = {**document["metadata"], "namespace": OPERATOR_NAMESPACE}
        try:
            self.api.rehearse({**document, "metadata": metadata})
        except (DeniedError, NotReadyError):
            raise
        except PlatformError as error:
            return RefusedError(error.message, guard="admission", remedy=error.remedy or "Correct the file.")
        return None

    def _of(self, item: Object) -> Iterator[Foreseen]:
        kind, metadata = Kind.of(item), item["metadata"]
        component = str((metadata.get("labels") or {}).get(LABEL_COMPONENT, ""))
        if kind.version in self.unknown_kinds():
            yield Foreseen(component, address(item), Becomes.CREATED)
            return
        found = compared(self.api, item)
        if found.live is None:
            yield Foreseen(component, address(item), Becomes.CREATED)
        elif found.after is None:
            yield Foreseen(component, address(item), Becomes.REFUSED, (found.refused,))
        elif told := changes(found.live, found.after):
            yield Foreseen(component, address(item), Becomes.CHANGED, told)

    def _is_whole(self, secret: WantedSecret) -> bool:
        found = brought(self.api.get(SECRET, secret.name, namespace=secret.namespace))
        return found is not None and not secret.missing(found) and not secret.of_wrong_type(found)


def taken_away(parts: Iterable[KubernetesComponent]) -> Iterator[Foreseen]:
    """Objects of components that are asked for no more; volumes stay, with what is in them.

    Args:
        parts: those components, as they were rendered last.
    """
    for part in parts:
        for item in part.objects:
            if item["kind"] != "PersistentVolumeClaim":
                yield Foreseen(part.desired.name, address(item), Becomes.REMOVED)
