"""Values of a chart, and the account of what becomes of each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from telamon.products.chart import Fate, Keys
from telamon.stackfile.nearest import nearest

_SECRET: Final = re.compile(r"secret|token|password|passwd|credential|private.?key", re.IGNORECASE)
_LOGIN: Final = re.compile(r"://[^/@\s]*:[^/@\s]+@")


@dataclass(frozen=True)
class Account:
    """What became of one value.

    Attributes:
        product: whose chart it is.
        path: of the value, dots between keys.
        fate: in one word.
        why: where it went, or why it did not.
    """

    product: str
    path: str
    fate: Fate
    why: str


@dataclass(frozen=True)
class Values:
    """Values as somebody wrote them.

    Attributes:
        data: the document.
        release: version of the product that the chart itself names; "" where nobody says.
        name: of the Helm release; "" where nobody says.
    """

    data: Mapping[str, Any]
    release: str = ""
    name: str = ""

    def at(self, path: str) -> Any:
        """The value at a path; ``None`` where there is none."""
        found: Any = self.data
        for step in path.split("."):
            if not isinstance(found, Mapping) or step not in found:
                return None
            found = found[step]
        return found

    def text(self, path: str) -> str:
        """The value as text; "" where there is none, or something that is no single value."""
        found = self.at(path)
        return str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else ""

    def on(self, path: str) -> bool:
        """Whether a switch is on, or something is named there."""
        return self.at(path) not in (None, False, "", 0, [], {}, "false")

    def items(self, path: str) -> Sequence[Mapping[str, Any]]:
        """The mappings of a list."""
        found = self.at(path)
        return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []

    def leaves(self) -> Iterator[tuple[str, Any]]:
        """Every value that holds no further keys, by its path; a list counts as one value."""
        yield from _leaves(self.data, "")


@dataclass
class Ledger:
    """What the makers of a section say of the values that they looked at; the last word on a path counts.

    Attributes:
        product: whose values they are.
        said: by path.
    """

    product: str
    said: dict[str, Account] = field(default_factory=dict)

    def taken(self, path: str, where: str) -> None:
        """The value stands in the stack file.

        Args:
            path: of the value.
            where: it stands there, and what was changed on the way.
        """
        self.said[path] = Account(self.product, path, Fate.TAKEN, where)

    def lost(self, path: str, why: str) -> None:
        """The value could not be carried over.

        Args:
            path: of the value.
            why: the reason, and what to do about it.
        """
        self.said[path] = Account(self.product, path, Fate.LOST, why)


def account(values: Values, ledger: Ledger, *, keys: Sequence[Keys]) -> tuple[Account, ...]:
    """What became of every single value, in the order of the file.

    Args:
        values: all of them.
        ledger: what was said of those that were looked at.
        keys: what becomes of the others.
    """
    told: set[str] = set()
    found: list[Account] = []
    for path, value in values.leaves():
        spoken = _nearest_said(path, ledger)
        if spoken is not None:
            told.add(spoken.path)
            found.append(Account(ledger.product, path, spoken.fate, spoken.why))
        else:
            found.append(_by_table(path, value, values=values, ledger=ledger, keys=keys))
    # Of one list, some items may have been carried over and others not: those are told one by one.
    found += [each for path, each in ledger.said.items() if path not in told]
    return tuple(found)


def is_secret(name: str, value: str = "") -> bool:
    """Whether something is called like what nobody should read, or is a URL with a password in it."""
    return _SECRET.search(name) is not None or _LOGIN.search(value) is not None


def _by_table(path: str, value: Any, *, values: Values, ledger: Ledger, keys: Sequence[Keys]) -> Account:
    if value in (None, "", [], {}):
        return Account(ledger.product, path, Fate.OPEN, "it is empty")
    rule = rule_of(path, keys)
    if rule is None:
        near = nearest(path, [known for each in keys for known in each.paths])
        hint = f'; did somebody mean "{near}"?' if near else ""
        return Account(ledger.product, path, Fate.UNKNOWN, f"the chart has no such value{hint}")
    if rule.fate is Fate.TAKEN:
        # Who carries values over says so of each; what was not spoken of had nothing to say.
        return Account(ledger.product, path, Fate.OPEN, "nothing follows from it here")
    off = rule.switch and not values.on(rule.switch)
    if off or (rule.fate is not Fate.OURS and not _means_something(value)):
        return Account(ledger.product, path, Fate.OPEN, "it belongs to something that is off")
    return Account(ledger.product, path, rule.fate, rule.why)


def rule_of(path: str, keys: Sequence[Keys]) -> Keys | None:
    """What becomes of a value: the longest path that covers it decides.

    Args:
        path: of the value.
        keys: all that are known.
    """
    best: tuple[int, Keys] | None = None
    for rule in keys:
        for known in rule.paths:
            if (path == known or path.startswith(f"{known}.")) and (best is None or len(known) > best[0]):
                best = len(known), rule
    return best[1] if best is not None else None


def _means_something(value: Any) -> bool:
    """Whether a value asks for anything; a mode called "default" is the charts' word for none."""
    return value not in (False, 0, "false", "default")


def _nearest_said(path: str, ledger: Ledger) -> Account | None:
    steps = path.split(".")
    for length in range(len(steps), 0, -1):
        found = ledger.said.get(".".join(steps[:length]))
        if found is not None:
            return found
    return None


def _leaves(data: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(data, Mapping) and data:
        for key, value in data.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif path:
        yield path, data
