"""What a person asks of the operator of a cluster, in the person's own name.

A Stack is read as it is. An Operation is made in the namespace of its product, and the operator takes it in; deleting
one that goes on cancels it (:mod:`telamon.platforms.kubernetes.store`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.evidence import evidence_secret
from telamon.desired.kubernetes.recorded import CALLS, sheet_name
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE, surveyed
from telamon.desired.kubernetes.written import document
from telamon.errors import ConflictError, DeniedError, NotReadyError, PlatformError, TemporaryError, brief
from telamon.model.operation import Operation, number_of, written
from telamon.model.stack import Stack
from telamon.naming import API_VERSION, OPERATION_KIND, labels
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.gathering import kept
from telamon.platforms.kubernetes.secrets import SECRET
from telamon.platforms.kubernetes.sheets import CONFIG_MAP
from telamon.platforms.kubernetes.store import ENDED, STACK, KubernetesStore
from telamon.ports import Stored
from telamon.products.base import Product
from telamon.state.listing import Listing, read

TRIES: Final = 5
"""How often another number is taken where somebody else has just taken that one."""


def stacks_there(api: Api) -> tuple[str, ...]:
    """The names of the Stacks of a cluster. Raises NotReadyError where it does not know what a Stack is."""
    return tuple(
        sorted(str(each["metadata"]["name"]) for each in api.names(STACK, namespace=OPERATOR_NAMESPACE))
    )


class Asking:
    """One Stack of a cluster, and what is asked of its components.

    Args:
        api: the API server, as the person who asks.
        stack: name of the Stack.
    """

    def __init__(self, api: Api, stack: str) -> None:
        self._api = api
        self._stack = stack
        self._store = KubernetesStore(api, OPERATOR_NAMESPACE, stack, visible=True)
        self._evidence: Mapping[str, str] = {}

    def stack(self) -> Object:
        """The Stack as it is told, with its status. Raises NotReadyError where there is none, or nobody looked yet."""
        found = self._found()
        status = found.get("status") or {}
        if "components" not in status:
            why = next((str(each["message"]) for each in status.get("conditions") or ()), "")
            raise NotReadyError(
                f"nobody has told yet how {self._stack} stands{f': {why}' if why else ''}",
                remedy=f"`kubectl -n {OPERATOR_NAMESPACE} get pods` shows whether the operator runs.",
            )
        return found

    def survey(self, products: Mapping[str, Product]) -> None:
        """Find out in which namespace each component is, and where evidence about its members lies.

        Args:
            products: of the Stack, by name.
        """
        known = surveyed(self.asked_for(), products)
        self._store.known({part.name: part.namespace for part in known.parts})
        self._evidence = {
            part.name: evidence_secret(self._stack, part.outline.product_name) for part in known.parts
        }

    @property
    def components(self) -> tuple[str, ...]:
        """Every component, once it was found out where each is."""
        return tuple(self._evidence)

    def asked_for(self) -> Stack:
        """The Stack as people have written it. Raises PlatformError where this version cannot read it."""
        try:
            return Stack.model_validate(document(self._found()), strict=False)
        except ValidationError as error:
            raise PlatformError(
                f"the Stack {self._stack} cannot be read by this version of Telamon: {brief(error)}",
                remedy="Use the version that the operator has (`telamon version`).",
            ) from error

    def operations(self) -> tuple[Operation, ...]:
        """Every operation that is there, the oldest first."""
        found = [_operation(stored) for stored in self._store.list(OPERATION_KIND)]
        return tuple(sorted(found, key=lambda one: number_of(one.metadata.name)))

    def operation(self, name: str) -> Operation:
        """One operation. Raises NotReadyError where there is none of that name."""
        return _operation(self._stored(name))

    def backups(self, component: str) -> Listing | None:
        """What there is to come back to, as the last job on backups has told it; ``None`` where none has yet.

        Args:
            component: whose.

        Raises:
            DeniedError: this person may not read it.
        """
        name = sheet_name(self._stack, component, role=CALLS)
        found = self._api.get(CONFIG_MAP, name, namespace=OPERATOR_NAMESPACE) or {}
        return read(str((found.get("data") or {}).get("backups", "")))

    def all_backups(self, components: Sequence[str]) -> Mapping[str, Listing]:
        """The same of several; without those that have told nothing yet, or that this person may not read.

        Args:
            components: whose.

        Raises:
            DeniedError: this person may read none of them.
        """
        found: dict[str, Listing] = {}
        denied: list[DeniedError] = []
        for component in components:
            try:
                told = self.backups(component)
            except DeniedError as error:
                denied.append(error)
                continue
            if told is not None:
                found[component] = told
        if denied and len(denied) == len(components):
            raise denied[0]
        return found

    def evidence(self, component: str, member: str) -> tuple[str, bytes]:
        """The archive about a member that was gathered last, and the name of its file.

        Args:
            component: whose member.
            member: its name.

        Raises:
            NotReadyError: none is kept, or the component is not known.
            DeniedError: this person may not read it.
        """
        namespace = self._store.namespace_of(component)
        found = kept(self._api.get(SECRET, self._evidence[component], namespace=namespace), member)
        if found is None:
            raise NotReadyError(
                f"no evidence about {member} is kept in this cluster",
                remedy=f"`telamon quarantine {member} --context NAME` gathers some; later archives take the place of"
                f" earlier ones.",
            )
        return found

    def ask(self, spec: Mapping[str, Any]) -> Operation:
        """Make an operation; the operator takes it in.

        Args:
            spec: what is asked for.

        Raises:
            PlatformError: the operator refuses it, and says why.
            DeniedError: this person may not.
        """
        component = str(spec["target"]["component"])
        namespace = self._store.namespace_of(component)
        for _ in range(TRIES):
            there = [each.name for each in self._store.list(OPERATION_KIND)]
            number = 1 + max(map(number_of, there), default=0)
            name = f"{spec['verb']}-{component}-{number}"
            try:
                made = self._api.create(_object(name, namespace, stack=self._stack, spec=spec))
            except ConflictError:
                continue
            return _operation(
                Stored(OPERATION_KIND, name, 0, 0, dict(made["spec"]), dict(made.get("status") or {}))
            )
        raise TemporaryError(f"others ask for operations on {component} at the same time", delay=1.0)

    def cancel(self, name: str) -> Operation:
        """Ask an operation to end early.

        Raises:
            NotReadyError: there is none of that name, or it has ended already.
        """
        stored = self._stored(name)
        if stored.status.get("phase") in ENDED:
            raise NotReadyError(
                f"{name} has ended already", remedy=f"`telamon operations show {name}` tells how"
            )
        self._store.delete(OPERATION_KIND, name, version=stored.version)
        return _operation(stored)

    def _found(self) -> Object:
        found = self._api.get(STACK, self._stack, namespace=OPERATOR_NAMESPACE)
        if found is None:
            raise NotReadyError(
                f"the cluster has no Stack {OPERATOR_NAMESPACE}/{self._stack}",
                remedy="Bring it up there (`telamon up FILE --context NAME`), or name its cluster with --context.",
            )
        return found

    def _stored(self, name: str) -> Stored:
        found = self._store.get(OPERATION_KIND, name)
        if found is None:
            raise NotReadyError(
                f"there is no operation {name}",
                remedy="`telamon operations list` shows those there are; one that was cancelled is taken away.",
            )
        return found


def _object(name: str, namespace: str, *, stack: str, spec: Mapping[str, Any]) -> Object:
    return {
        "apiVersion": API_VERSION,
        "kind": OPERATION_KIND,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": dict(labels(stack, str(spec["target"]["component"]))),
        },
        "spec": dict(spec),
    }


def _operation(stored: Stored) -> Operation:
    try:
        return written(stored.name, spec=stored.spec, status=stored.status)
    except ValidationError as error:
        raise PlatformError(
            f"the operation {stored.name} cannot be read: {brief(error)}",
            remedy="It may be of another version, or its name be longer than Telamon takes.",
        ) from error
