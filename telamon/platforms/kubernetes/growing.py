"""Nodes' own homes grow while the nodes run, and never shrink.

What a StatefulSet says of its claims is never changed, so it is made anew around its pods: the claims are asked to be
larger, the set is deleted without what it has made, and the next one takes the pods over. Each of these steps is found
done by whoever comes after one that was killed.

Sources: Kubernetes, "Expanding Persistent Volumes Claims" (``allowVolumeExpansion``, ``FileSystemResizePending``);
"Use Cascading Deletion in a Cluster" (``Orphan``); "StatefulSets" (pods that match are taken over); API reference,
``StatefulSetSpec`` (which fields an update may change).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.storage import LOCAL_HOME
from telamon.errors import DeniedError, RefusedError, TemporaryError
from telamon.naming import LABEL_COMPONENT, LABEL_STACK
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.covering import amount, covers
from telamon.stackfile.lasting import OTHER_CLASS, OTHER_HOME, SMALLER

CLAIM: Final = Kind("v1", "PersistentVolumeClaim")
STORAGE_CLASS: Final = Kind("storage.k8s.io/v1", "StorageClass")
SOON: Final = 0.5
"""Seconds after which a set that is being deleted is looked at again."""


class Homes:
    """The volumes that members have of their own.

    Args:
        api: the API server.
        stack: whose.
    """

    def __init__(self, api: Api, stack: str) -> None:
        self._api = api
        self._stack = stack

    def claims(self, part: KubernetesComponent) -> tuple[Object, ...]:
        """The claims that the StatefulSet of a component has made, of nodes that are not desired any more too."""
        if not _templates(part.stateful_set):
            return ()
        labels = {LABEL_STACK: self._stack, LABEL_COMPONENT: part.part.name}
        rendered = {item["metadata"]["name"] for item in part.objects if item["kind"] == CLAIM.kind}
        found = self._api.list(CLAIM, namespace=part.part.namespace, labels=labels)
        return tuple(
            each
            for each in found
            if member_of(each, part) is not None and each["metadata"]["name"] not in rendered
        )

    def judge(self, part: KubernetesComponent, live: Mapping[str, Any] | None) -> None:
        """Say nothing where volumes can become what is asked for; nothing is written.

        Args:
            part: the component.
            live: its StatefulSet as it lives.

        Raises:
            RefusedError: a volume would have to shrink, or to be on other disks.
        """
        for item in part.objects:
            if item["kind"] == CLAIM.kind:
                metadata = item["metadata"]
                there = self._api.get(CLAIM, metadata["name"], namespace=metadata["namespace"])
                if there is not None:
                    _refuse_smaller(there["spec"], item["spec"], name=str(metadata["name"]))
                    _refuse_other_place(there["spec"], item["spec"], name=str(metadata["name"]))
        if live is None:
            return
        known = {each["metadata"]["name"]: each["spec"] for each in _templates(live)}
        for template in _templates(part.stateful_set):
            before = known.get(template["metadata"]["name"])
            if before is not None:
                name = f"{template['metadata']['name']} of {part.desired.name}"
                _refuse_smaller(before, template["spec"], name=name)
                _refuse_other_class(before, template["spec"], name=name)

    def grow(
        self, part: KubernetesComponent, wanted: Mapping[str, Any], *, live: Mapping[str, Any] | None
    ) -> None:
        """Bring the volumes of members to what is desired, and let go of a StatefulSet that says otherwise.

        Args:
            part: the component.
            wanted: its StatefulSet as it is rendered.
            live: as it lives; ``None`` where there is none.

        Raises:
            RefusedError: they cannot become so; nothing was touched.
            TemporaryError: the StatefulSet goes, and is to be made once it is gone.
        """
        self.judge(part, live)
        too_small = [each for each in self.claims(part) if is_too_small(each, wanted)]
        for each in too_small:
            self._check_growth(each)
        for each in too_small:
            size = _size(_templates(wanted)[0]["spec"])
            self._api.change(each, {"spec": {"resources": {"requests": {"storage": size}}}})
        if live is None:
            return
        ends = "deletionTimestamp" in live["metadata"]
        if not ends and covers(_templates(live), _templates(wanted)):
            return
        if not ends:
            self._api.delete(live, alone=True)
        raise TemporaryError(f"the StatefulSet {part.part.name} is made anew around its pods", delay=SOON)

    def _check_growth(self, claim: Object) -> None:
        name, of = str(claim["metadata"]["name"]), str(claim["spec"].get("storageClassName") or "")
        try:
            found = self._api.get(STORAGE_CLASS, of) if of else None
        except DeniedError:
            # Whoever may not look at classes is told by the API server itself.
            return
        if found is None or not found.get("allowVolumeExpansion"):
            why = (
                f"the storage class {of} does not let volumes grow" if of else "no storage class has made it"
            )
            raise RefusedError(
                f"the volume {name} cannot grow: {why}",
                guard="homes-can-grow",
                remedy="Put the size back, or have `allowVolumeExpansion: true` set on the class where its driver can.",
            )


def member_of(claim: Object, part: KubernetesComponent) -> str | None:
    """The member whose own home a claim is; ``None`` where it is something else."""
    name = str(claim["metadata"]["name"])
    member = name.removeprefix(f"{LOCAL_HOME}-")
    stem, _, number = member.rpartition("-")
    return member if member != name and stem == part.part.name and number.isdecimal() else None


def is_too_small(claim: Object, wanted: Mapping[str, Any]) -> bool:
    """Whether a volume is there and asks for less than a StatefulSet is to give to its like.

    One that is not there yet cannot be asked to grow; it is once it is.

    Args:
        claim: a member's own.
        wanted: the StatefulSet as it is rendered.
    """
    templates = _templates(wanted)
    if not templates or claim.get("status", {}).get("phase") != "Bound":
        return False
    return _is_less(claim["spec"], templates[0]["spec"])


def grows(claim: Object) -> str:
    """What the volume of a member waits for while it grows, for people; "" where it does not."""
    status, asked = claim.get("status", {}), _size(claim["spec"])
    if status.get("phase") != "Bound":
        return ""
    for condition in status.get("conditions", ()):
        if condition["type"] == "FileSystemResizePending" and condition["status"] == "True":
            return (
                f"its home grows to {asked} once its file system is resized; where the driver cannot do that while it "
                "is mounted, it is done when the pod starts anew"
            )
    has = status.get("capacity", {}).get("storage")
    if has is not None and _is_less({"resources": {"requests": {"storage": has}}}, claim["spec"]):
        return f"its home grows from {has} to {asked}: the disk is being resized"
    return ""


def _templates(item: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = item["spec"].get("volumeClaimTemplates") or ()
    return found


def _size(spec: Mapping[str, Any]) -> str:
    return str(spec.get("resources", {}).get("requests", {}).get("storage", "0"))


def _is_less(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    less, more = amount(_size(one)), amount(_size(other))
    # A size that is written in a way which nobody here reads is left to the API server.
    return not isinstance(less, str) and not isinstance(more, str) and less < more


def _refuse_smaller(before: Mapping[str, Any], wanted: Mapping[str, Any], *, name: str) -> None:
    if _is_less(wanted, before):
        raise RefusedError(
            f"{name} has {_size(before)}, and {_size(wanted)} is asked for",
            guard="volumes-never-shrink",
            remedy=f"{SMALLER[0].upper()}{SMALLER[1:]}.",
        )


def _refuse_other_class(before: Mapping[str, Any], wanted: Mapping[str, Any], *, name: str) -> None:
    old, new = before.get("storageClassName"), wanted.get("storageClassName")
    if old != new:
        raise RefusedError(
            f"{name} is of {_class(old)}, and {_class(new)} is asked for",
            guard="volumes-stay-on-their-disks",
            remedy=f"{OTHER_CLASS[0].upper()}{OTHER_CLASS[1:]}.",
        )


def _refuse_other_place(before: Mapping[str, Any], wanted: Mapping[str, Any], *, name: str) -> None:
    """What a claim is bound to stays; a class that a file leaves open is what the cluster has chosen."""
    for key, called in (("volumeName", "the volume"), ("storageClassName", "the storage class")):
        old, new = before.get(key) or "", wanted.get(key) or ""
        if old != new and (new or key == "storageClassName"):
            raise RefusedError(
                f"the claim {name} is of {called} {old or 'that has no name'}, and {new or 'none'} is asked for",
                guard="volumes-stay-on-their-disks",
                remedy=f"{OTHER_HOME[0].upper()}{OTHER_HOME[1:]}.",
            )


def _class(name: str | None) -> str:
    return f"the storage class {name}" if name else "the cluster's usual storage class"
