"""Take secrets out of text that leaves the machine: those that are known, and whatever looks like one."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

SHORTEST: Final = 4
"""Characters of the shortest value that is looked for: a shorter one would be found in every other word."""
HIDDEN: Final = "[redacted]"
PUBLIC_KEYS: Final = frozenset({"username", "email", "name"})
"""Keys of secrets whose values are names: what they stand for is no secret, and logs would be useless without."""

_TELLING = r"pass(?:word|wd|phrase)?|pwd|secret|token|licen[cs]e|credentials?|private[-_.]?key|api[-_.]?key"
_SECRET_KEY = re.compile(rf"(?:{_TELLING})", re.IGNORECASE)
# None looks at a character again and again: logs hold words of many thousands, and nothing else is done meanwhile.
_PATTERNS: Final = (
    # -Datlassian.password=x, "token": "x", secret: x
    re.compile(
        rf"""(?P<keep>(?:{_TELLING})[\w.-]{{0,64}}["']?\s*[=:]\s*["']?)(?P<value>[^\s"',;&<>\[\]]+)""",
        re.IGNORECASE,
    ),
    re.compile(r"(?P<keep>\b(?:Basic|Bearer)\s+)(?P<value>[\w.~+/=-]{8,})"),
    re.compile(r"(?P<keep>://[^\s/:@]+:)(?P<value>[^\s/@]+)(?=@)"),
    re.compile(r"(?P<keep>(?:SESSIONID|remember\w{0,64})=)(?P<value>[^\s;,\"']+)"),
)
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)


class Redactor:
    """Replaces secrets in text.

    Args:
        secrets: values by label, e.g. ``acme-jira-admin/password``; a known value is replaced wherever it stands, in
            any of the ways in which it is commonly written.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.count = 0
        forms = {form: label for label, value in secrets.items() for form in _forms(value)}
        # The longest first: a value may be the beginning of another.
        ordered = sorted(forms, key=len, reverse=True)
        self._forms = forms
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def text(self, text: str) -> str:
        """The text without secrets; ``count`` grows by what was replaced."""
        if self._known is not None:
            text = self._known.sub(lambda found: self._replaced(self._forms[found[0]]), text)
        text = _PEM.sub(lambda _: self._replaced("private key"), text)
        for pattern in _PATTERNS:
            text = pattern.sub(self._unlabelled, text)
        return text

    def document(self, value: Any) -> Any:
        """JSON data without the values of keys that are named like secrets; a variable of a container counts as one.

        Source: Kubernetes API, EnvVar (``name`` and ``value`` beside one another).
        """
        if isinstance(value, Mapping):
            variable = str(value.get("name", ""))
            if is_telling(variable) and isinstance(value.get("value"), str) and value["value"]:
                return {**value, "value": self._replaced(variable)}
            return {key: self._value(str(key), inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.document(inner) for inner in value]
        return self.text(value) if isinstance(value, str) else value

    def _value(self, key: str, inner: Any) -> Any:
        if isinstance(inner, str) and inner and is_telling(key):
            return self._replaced(key)
        return self.document(inner)

    def _unlabelled(self, found: re.Match[str]) -> str:
        if found["value"].startswith(HIDDEN[:-1]):
            return found[0]
        return found["keep"] + self._replaced("")

    def _replaced(self, label: str) -> str:
        self.count += 1
        return f"{HIDDEN[:-1]} {label}]" if label else HIDDEN


def is_telling(name: str) -> bool:
    """Whether whatever is called so is a secret by its name.

    Args:
        name: of a key or a variable.
    """
    return _SECRET_KEY.search(name) is not None


def secret_values(document: Any) -> Iterator[tuple[str, str]]:
    """Values in JSON data whose keys are named like secrets, with those keys."""
    if isinstance(document, Mapping):
        for key, inner in document.items():
            if isinstance(inner, str) and is_telling(str(key)):
                yield str(key), inner
            else:
                yield from secret_values(inner)
    elif isinstance(document, list | tuple):
        for inner in document:
            yield from secret_values(inner)


def _forms(value: str) -> Iterator[str]:
    """The ways in which a value is written: as it is, in URLs, in JSON, in HTML, in base64, line by line."""
    plain = {value, *_long_lines(value)}
    for one in plain:
        encoded = base64.b64encode(one.encode()).decode()
        written = (
            one,
            quote(one, safe=""),
            quote_plus(one),
            json.dumps(one)[1:-1],
            json.dumps(one, ensure_ascii=False)[1:-1],
            html.escape(one),
            encoded,
            encoded.rstrip("="),
        )
        yield from (form for form in written if len(form) >= SHORTEST)


def _long_lines(value: str) -> Iterable[str]:
    return (line for line in value.splitlines() if len(line) >= 4 * SHORTEST)
