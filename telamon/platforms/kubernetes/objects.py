"""A component's manifests on the cluster: applied where they differ, and left alone where they do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.holding import HTTP, closed, is_held, standing
from telamon.errors import NotReadyError
from telamon.naming import ANNOTATION_RELEASE, LABEL_COMPONENT, LABEL_STACK
from telamon.platforms.kubernetes.api import POD, STATEFUL_SET, Api, Kind
from telamon.platforms.kubernetes.covering import covered
from telamon.platforms.kubernetes.foreign import is_foreign, refuse_foreign, refuse_other_pods
from telamon.platforms.kubernetes.growing import Homes, is_too_small
from telamon.platforms.kubernetes.pods import GATE, is_gated, life, ordinal
from telamon.platforms.kubernetes.rendering import taken_over
from telamon.state.world import Life


class Manifests:
    """The objects of components.

    Args:
        api: the API server.
        stack: whose.
    """

    def __init__(self, api: Api, stack: str) -> None:
        self._api = api
        self._stack = stack
        self._homes = Homes(api, stack)

    def pods(self, part: KubernetesComponent) -> tuple[Object, ...]:
        """Every pod of a component, gated ones too, by ordinal."""
        labels = {LABEL_STACK: self._stack, LABEL_COMPONENT: part.part.name}
        found = self._api.list(POD, namespace=part.part.namespace, labels=labels)
        return tuple(sorted((pod for pod in found if _is_member(pod, part)), key=ordinal))

    def apply(self, part: KubernetesComponent) -> None:
        """Bring the objects of a component to what is desired; what is so already is not written.

        Pods that are there go on as they are, also where this Telamon renders otherwise what is still asked for; they
        are told so. Where one is missing, or was stopped, pods are made to stay down until they are started.

        Raises:
            RefusedError: something is there already that is somebody else's, and nothing was touched; or a volume
                cannot become what is asked for.
            TemporaryError: the StatefulSet is being made anew around its pods, because its volumes grow.
        """
        refuse_foreign((self.find(item), item) for item in part.objects)
        pods = self.pods(part)
        replicas = _replicas(part, pods)
        running = {ordinal(pod) for pod in pods if not is_gated(pod)}
        gated = not running >= set(range(replicas))
        held = self.shows_page(part)
        for item in standing(part.objects, held=held):
            if item["kind"] == "StatefulSet":
                live = self.find(item)
                refuse_other_pods(live, item)
                made = _made_of(part, live)
                self._take_over(part, pods, live)
                self._homes.grow(part, made, live=live)
                self.bring(shaped(made, replicas=replicas, gated=gated))
            else:
                self.bring(item)
        for item in closed(part.objects) if held else ():
            self.take_away(item)

    def bring(self, wanted: Object) -> bool:
        """Bring one object to what is desired, unless it is so; whether anything had to be written.

        Raises:
            RefusedError: it is there already, and somebody else's.
        """
        live = self.find(wanted)
        if live is not None and covered(live, wanted):
            return False
        refuse_foreign([(live, wanted)])
        self._api.apply(wanted, over=live)
        return True

    def take_away(self, item: Object) -> None:
        """Delete one object, unless it is gone or somebody else's."""
        live = self.find(item)
        if live is not None and not is_foreign(live, item):
            self._api.delete(live)

    def shows_page(self, part: KubernetesComponent) -> bool:
        """Whether the routes of a component are switched to the maintenance page, taken by the gateway or not."""
        live = [self.find(item) for item in part.objects if item["kind"] == HTTP]
        return bool(live) and all(each is not None and is_held(each) for each in live)

    def find(self, wanted: Object) -> Object | None:
        """An object as it is, or ``None``."""
        metadata = wanted["metadata"]
        return self._api.get(
            Kind.of(wanted), str(metadata["name"]), namespace=str(metadata.get("namespace", ""))
        )

    def withdraw(self, part: KubernetesComponent) -> None:
        """Delete the objects of a component, the last first; its volumes stay, and so does what is somebody else's."""
        for item in reversed(part.objects):
            if item["kind"] != "PersistentVolumeClaim":
                self.take_away(item)

    def homes(self, part: KubernetesComponent) -> tuple[Object, ...]:
        """The claims of members' own volumes."""
        return self._homes.claims(part)

    def judge(self, part: KubernetesComponent) -> None:
        """Say nothing where volumes can become what is asked for; nothing is written.

        Raises:
            RefusedError: they cannot.
        """
        self._homes.judge(part, self.find(part.stateful_set))

    def fingerprint(
        self,
        part: KubernetesComponent,
        pods: Sequence[Object],
        *,
        made_by: Object | None,
        homes: Sequence[Object],
    ) -> str | None:
        """What is desired, where everything is so and was acted on; another text where not; ``None`` before.

        Args:
            part: the component.
            pods: all of it, gated ones too.
            made_by: the StatefulSet as it was seen with them.
            homes: the claims of members' own volumes.
        """
        held = self.shows_page(part)
        wanted = standing(part.objects, held=held)
        differing = list(self._differing(part, wanted, pods=pods, made_by=made_by))
        if len(differing) == len(wanted):
            return None
        if held:
            differing += [item for item in closed(part.objects) if self.find(item) is not None]
        differing += [claim for claim in homes if is_too_small(claim, part.stateful_set)]
        names = [f"{item['kind']}/{item['metadata']['name']}" for item in differing]
        return "differs: " + ", ".join(names) if names else part.desired.objects

    def hold_down(self, part: KubernetesComponent) -> None:
        """See to it that pods which are made from now on stay down until they are started.

        Where what makes them was taken away by hand, none are made.
        """
        if self._api.get(STATEFUL_SET, part.part.name, namespace=part.part.namespace) is not None:
            self._shape(part, gated=True)

    def make_pods_of(self, part: KubernetesComponent, release: str) -> None:
        """See to it that pods which are made from now on are of a release, and stay down until they are started.

        Args:
            part: the component.
            release: the one in force, or the one that is asked for.
        """
        live = self._stateful_set(part)
        made = part.stateful_set
        if part.upgraded is not None and release_of(part.upgraded) == release:
            made = part.upgraded
        wanted = shaped(made, replicas=int(live["spec"]["replicas"]), gated=True)
        if not covered(live, wanted):
            self._api.apply(wanted, over=live)

    def let_come(self, part: KubernetesComponent) -> None:
        """See to it that pods which are made from now on run at once."""
        self._shape(part, gated=False)

    def shrink(self, part: KubernetesComponent, pods: Sequence[Object]) -> None:
        """Let go of pods beyond what is desired, if they are stopped.

        Args:
            part: the component.
            pods: all of it, gated ones too.
        """
        live = self._api.get(STATEFUL_SET, part.part.name, namespace=part.part.namespace)
        if live is not None:
            self._bring_set(part, live, replicas=_replicas(part, pods), gated=is_gating(live))
            return
        # What makes them was taken away by hand: nobody else lets go of them.
        for pod in pods:
            if is_gated(pod):
                self._api.delete(pod)

    def _differing(
        self,
        part: KubernetesComponent,
        wanted: Sequence[Object],
        *,
        pods: Sequence[Object],
        made_by: Object | None,
    ) -> Iterator[Object]:
        for item in wanted:
            live = made_by if item["kind"] == "StatefulSet" else self.find(item)
            if live is None:
                yield item
            elif item["kind"] != "StatefulSet":
                if not covered(live, item):
                    yield item
            elif not self._is_shaped(part, live, pods=pods):
                yield item

    def _is_shaped(self, part: KubernetesComponent, live: Object, *, pods: Sequence[Object]) -> bool:
        replicas, gated = int(live["spec"]["replicas"]), is_gating(live)
        if replicas < len(part.desired.members) or not covered(
            live, shaped(_made_of(part, live), replicas=replicas, gated=gated)
        ):
            return False
        if any(_to_be_told(part, pod, live) for pod in pods):
            return False
        if gated and len(pods) >= replicas and not any(is_gated(pod) for pod in pods):
            # Everybody runs: a pod that is made now must come by itself.
            return False
        status = live.get("status", {})
        acted = int(status.get("observedGeneration", 0)) >= int(live["metadata"]["generation"])
        return acted and (bool(pods) or not replicas)

    def _take_over(self, part: KubernetesComponent, pods: Sequence[Object], live: Object | None) -> None:
        """Have pods that another Telamon has rendered count as of this one, where nothing else has changed."""
        for pod in pods:
            told = _to_be_told(part, pod, live)
            if told:
                self._api.change(pod, {"metadata": {"annotations": told}})

    def _shape(self, part: KubernetesComponent, *, gated: bool) -> None:
        live = self._stateful_set(part)
        if is_gating(live) is not gated:
            self._bring_set(part, live, replicas=int(live["spec"]["replicas"]), gated=gated)

    def _stateful_set(self, part: KubernetesComponent) -> Object:
        found = self._api.get(STATEFUL_SET, part.part.name, namespace=part.part.namespace)
        if found is None:
            raise NotReadyError(f"{part.part.name} is not installed in {part.part.namespace}")
        return found

    def _bring_set(self, part: KubernetesComponent, live: Object, *, replicas: int, gated: bool) -> None:
        wanted = shaped(_made_of(part, live), replicas=replicas, gated=gated)
        if not covered(live, wanted):
            self._api.apply(wanted, over=live)


def _to_be_told(part: KubernetesComponent, pod: Object, live: Object | None) -> Mapping[str, Any] | None:
    """What is to be written on a pod that runs; one that is down is made anew before it starts."""
    sets = [part.stateful_set] if part.upgraded is None else [part.stateful_set, part.upgraded]
    return taken_over(pod, sets, live=live) if life(pod) in {Life.ALIVE, Life.EXITED} else None


def release_of(item: Mapping[str, Any]) -> str:
    """The release of the pods that a StatefulSet makes; "" where it does not say so."""
    annotations = item["spec"]["template"]["metadata"].get("annotations") or {}
    return str(annotations.get(ANNOTATION_RELEASE, ""))


def _made_of(part: KubernetesComponent, live: Object | None) -> Mapping[str, Any]:
    """The StatefulSet as it was rendered for the release that pods are made of now.

    In the middle of an upgrade that is the one which a member was started with last: what brings objects to what is
    desired must not turn an upgrade back.
    """
    upgraded = part.upgraded
    if upgraded is not None and live is not None and release_of(live) == release_of(upgraded):
        return upgraded
    return part.stateful_set


def shaped(item: Mapping[str, Any], *, replicas: int, gated: bool) -> Object:
    """A StatefulSet with so many pods, which stay down until they are started, or do not.

    Args:
        item: as it was rendered.
        replicas: how many pods.
        gated: whether they stay down.
    """
    spec, template = item["spec"], item["spec"]["template"]
    if gated:
        template = {**template, "spec": {**template["spec"], "schedulingGates": [{"name": GATE}]}}
    return {**item, "spec": {**spec, "replicas": replicas, "template": template}}


def _replicas(part: KubernetesComponent, pods: Sequence[Object]) -> int:
    """As many as are desired, and those beyond that still run: a pod is let go of once it was drained and stopped."""
    running = [ordinal(pod) + 1 for pod in pods if not is_gated(pod)]
    return max([len(part.desired.members), *running])


def is_gating(live: Object) -> bool:
    """Whether pods that a StatefulSet makes from now on stay down until they are started.

    Args:
        live: the StatefulSet as it lives.
    """
    gates = live["spec"]["template"]["spec"].get("schedulingGates", ())
    return any(gate["name"] == GATE for gate in gates)


def _is_member(pod: Object, part: KubernetesComponent) -> bool:
    name, _, number = str(pod["metadata"]["name"]).rpartition("-")
    return name == part.part.name and number.isdecimal()
