"""Bringing a stack into a cluster, from whatever is there: definitions, the operator, what it may not make, the Stack.

Every step looks first and writes only what differs, so whoever is ended anywhere begins again and goes on. What the
operator keeps is left to it; here is what its rights do not reach, and what people have to bring is asked for.

Sources: Kubernetes API concepts, "Discovery" (``/apis/GROUP/VERSION``); :mod:`telamon.platforms.kubernetes.store`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from telamon.desired.kubernetes.components import applied_by_others, components
from telamon.desired.kubernetes.data import Bundle, Object
from telamon.desired.kubernetes.facts import as_text
from telamon.desired.kubernetes.render import needs
from telamon.desired.kubernetes.site import OPERATOR, OPERATOR_NAMESPACE, Site
from telamon.desired.kubernetes.wanted import brought, wanted_secrets
from telamon.desired.kubernetes.written import DOWNTIME, FACTS, agreed, as_agreed
from telamon.errors import NotReadyError, RefusedError, TemporaryError, TimeoutExpired
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.definitions import Change, bring
from telamon.platforms.kubernetes.store import STACK
from telamon.ports import Clock

DEPLOYMENT: Final = Kind("apps/v1", "Deployment")
SECRET: Final = Kind("v1", "Secret")
LOOKS_EVERY: Final = 1.0
"""Seconds between two looks at the Stack."""
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
KNOWN_WITHIN: Final = 60.0
"""Seconds in which an API server serves what was just defined; it takes a few."""


@dataclass(frozen=True)
class Told:
    """How a Stack stands.

    Attributes:
        generation: of its spec.
        ready: whether everything is as the spec says.
        message: what it waits for.
        urls: where to go, by product.
        held: why an upgrade has failed, and since when; ``None`` where none has.
    """

    generation: int
    ready: bool
    message: str
    urls: Mapping[str, str]
    held: tuple[str, str] | None = None


@dataclass(frozen=True)
class Raising:
    """One stack on its way into a cluster.

    Attributes:
        api: the API server, as somebody who may install.
        site: what the stack amounts to.
        bundles: everything that is rendered of it.
        clock: injected time.
        tell: is told what is done.
    """

    api: Api
    site: Site
    bundles: Sequence[Bundle]
    clock: Clock
    tell: Callable[[str], None]

    def has_operator(self) -> bool:
        """Whether an operator is installed."""
        return self.api.get(DEPLOYMENT, OPERATOR, namespace=OPERATOR_NAMESPACE) is not None

    def install(self, objects: Sequence[Object]) -> int:
        """Bring what a cluster gets once, and wait until it serves what was defined.

        Returns how many objects were written, as :meth:`prepare` and :meth:`ask` do.

        Args:
            objects: definitions, and the operator where it is to be installed.

        Raises:
            RefusedError: see :func:`telamon.platforms.kubernetes.definitions.bring`.
            TimeoutExpired: the definitions are not served.
        """
        written = self._tell("the operator and its definitions", bring(self.api, objects))
        end = self.clock.now() + KNOWN_WITHIN
        while not self.api.serves(STACK.version):
            if self.clock.now() > end:
                raise TimeoutExpired("the cluster does not serve Stacks", waited=KNOWN_WITHIN)
            self.clock.sleep(LOOKS_EVERY)
        return written

    def prepare(self) -> int:
        """Bring what the operator's rights do not reach: namespaces, roles, policies, what has no namespace.

        Raises:
            NotReadyError: the cluster lacks a kind that somebody else installs, or a secret that people bring.
        """
        missing = [each for each in needs(self.bundles) if not self.api.serves(each)]
        if missing:
            raise NotReadyError(
                f"the cluster does not know {', '.join(missing)}",
                remedy="Install what serves them (docs/reference/kubernetes.md names it), and run it again.",
            )
        objects = applied_by_others(self.bundles, components(self.site, self.bundles))
        written = self._tell("what the operator may not make", bring(self.api, objects))
        lacking = tuple(self._lacking())
        if lacking:
            raise NotReadyError(
                f"{len(lacking)} secrets are not there, lack a key or are of another type: {'; '.join(lacking)}",
                remedy="Make them, e.g. `kubectl create secret generic NAME -n NAMESPACE --from-literal=KEY=…` or "
                "`kubectl create secret tls`, or let an operator for secrets do so, and run it again.",
            )
        return written

    def ask(self, document: Mapping[str, Any], *, downtime: Mapping[str, str] = NOTHING) -> int:
        """Write the Stack, where it differs, with what lies below the cluster.

        Args:
            document: as the file says it, with its digests.
            downtime: components for which an interruption is agreed to now, and by which words; what others have agreed
                to stays.
        """
        metadata = {**document["metadata"], "namespace": OPERATOR_NAMESPACE}
        facts = as_text(self.site.facts)
        notes = {FACTS: facts} if facts else {}
        if downtime:
            live = self.api.get(STACK, self.site.stack, namespace=OPERATOR_NAMESPACE)
            before = {} if live is None else agreed(live)
            notes[DOWNTIME] = as_agreed({**before, **downtime})
        if notes:
            metadata["annotations"] = {**metadata.get("annotations", {}), **notes}
        return self._tell("the Stack", bring(self.api, [{**document, "metadata": metadata}]))

    def look(self) -> Told:
        """How the Stack stands.

        Raises:
            NotReadyError: it is gone.
            RefusedError: the operator refuses it.
        """
        found = self.api.get(STACK, self.site.stack, namespace=OPERATOR_NAMESPACE)
        if found is None:
            raise NotReadyError(f"the Stack {self.site.stack} is gone", remedy="Run it again.")
        generation, status = int(found["metadata"]["generation"]), found.get("status") or {}
        conditions = {str(each["type"]): each for each in status.get("conditions") or ()}
        accepted, ready = (_current(conditions.get(name), generation) for name in ("Accepted", "Ready"))
        if accepted.get("status") == "False":
            raise RefusedError(
                f"the operator refuses the Stack: {accepted.get('message', '')}",
                guard=str(accepted.get("reason", "Accepted")),
                remedy="Correct the file, and run it again.",
            )
        message = str(ready.get("message") or ready.get("reason") or "no operator has looked at it yet")
        failed = conditions.get("UpgradeFailed", {})
        held = (str(failed.get("message", "")), str(failed.get("lastTransitionTime", "")))
        return Told(
            generation,
            ready.get("status") == "True",
            message,
            dict(status.get("urls") or {}),
            held if failed.get("status") == "True" else None,
        )

    def wait(self, *, timeout: float) -> Told:
        """Wait until the Stack is as it is desired.

        Args:
            timeout: seconds at most.

        Raises:
            TimeoutExpired: it is not so in time; what it waits for is told.
            RefusedError: the operator refuses it, or an upgrade fails meanwhile and is held.
        """
        end, said = self.clock.now() + timeout, ""
        known: str | None = None
        while True:
            try:
                found = self.look()
                if found.ready:
                    return found
                why, since = found.held or ("", "")
                # What had failed before the first look was asked for before.
                known = since if known is None else known
                if since not in {"", known}:
                    raise RefusedError(
                        f"an upgrade of {self.site.stack} failed, and is held: {why}",
                        guard="UpgradeFailed",
                        remedy="`telamon retry --context NAME` tries it again; another version takes its place.",
                    )
                message = found.message
            except TemporaryError as error:
                # An API server that is upgraded or overloaded is away for a while, and the operator goes on without us.
                message = str(error)
            if message != said:
                self.tell(f"waiting: {message}")
                said = message
            if self.clock.now() > end:
                raise TimeoutExpired(
                    f"{self.site.stack} is not ready: {message}",
                    waited=timeout,
                    remedy="`kubectl describe stack -n telamon-system` tells more; run it again to go on waiting.",
                )
            self.clock.sleep(LOOKS_EVERY)

    def _lacking(self) -> Iterator[str]:
        for each in wanted_secrets(self.site, self.bundles):
            found = brought(self.api.get(SECRET, each.name, namespace=each.namespace))
            if found is None:
                said = [", ".join(each.keys), f"of type {each.type}" if each.type else ""]
            else:
                said = [", ".join(each.missing(found)), each.of_wrong_type(found)]
            said = [words for words in said if words]
            if found is None or said:
                yield f"{each.namespace}/{each.name}" + (f" ({'; '.join(said)})" if said else "")

    def _tell(self, what: str, done: Sequence[tuple[Object, Change]]) -> int:
        written = sum(change != "same" for _, change in done)
        self.tell(f"{what}: {written} of {len(done)} objects written")
        return written


def _current(condition: Mapping[str, Any] | None, generation: int) -> Mapping[str, Any]:
    """A condition, unless it is of a spec before this one."""
    if condition is None or condition.get("observedGeneration") != generation:
        return {}
    return condition
