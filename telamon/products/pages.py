"""Read a set-up page: its title, its forms, and what it complains about.

The products' set-up pages are made for people, so the reader expects nothing of their layout. A form is found by a
field that it has, never by its position: Jira's licence page holds two forms with one action, and the first is a trap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

_BLANK = re.compile(r"\s+")
_COMPLAINT = re.compile(r"(?:^|-|_)error(?:$|s$|-?message)|^errorMessage$|^error-?block$", re.IGNORECASE)
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)
_BUTTONS = frozenset({"submit", "button", "image", "reset"})
_LONGEST_COMPLAINT = 400
_DEEPEST = 300


@dataclass(frozen=True)
class Form:
    """One form of a page.

    Attributes:
        action: as it stands in the page.
        names: every field and button in it.
        values: what a browser would send if nobody touched it: no buttons, no unchecked boxes.
    """

    action: str
    names: frozenset[str]
    values: Mapping[str, str] = field(repr=False)

    def has_any(self, names: Iterable[str]) -> bool:
        """Whether the form has at least one of these fields."""
        return not self.names.isdisjoint(names)


@dataclass(frozen=True)
class Page:
    """What a set-up page says.

    Attributes:
        title: text of the ``title`` element.
        forms: in the order of the page.
        complaints: texts that the page marks as errors, without repetitions.
    """

    title: str
    forms: tuple[Form, ...]
    complaints: tuple[str, ...]

    def form_with(self, names: Iterable[str]) -> Form | None:
        """The first form that has at least one of these fields."""
        wanted = frozenset(names)
        return next((form for form in self.forms if form.has_any(wanted)), None)

    @property
    def complaint(self) -> str:
        """All complaints as one line, cut short; "" where there is none."""
        return "; ".join(self.complaints)[:_LONGEST_COMPLAINT]


def read_page(text: str) -> Page:
    """Read a page.

    Args:
        text: HTML, however broken.

    Returns:
        What could be read of it; an empty page where nothing could.
    """
    reader = _Reader()
    try:
        reader.feed(text)
        reader.close()
    except AssertionError:
        # The standard parser gives up on some broken markup declarations; what it has read until then stands.
        pass
    return reader.page()


@dataclass
class _Building:
    """A form while it is being read."""

    action: str
    names: set[str] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    """Collects forms and marked texts while the parser walks the page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._forms: list[_Building] = []
        self._form: _Building | None = None
        self._title: list[str] = []
        self._complaints: list[str] = []
        self._complaint: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self._select: str | None = None
        self._textarea: str | None = None

    def page(self) -> Page:
        """What was read so far."""
        forms = tuple(Form(form.action, frozenset(form.names), form.values) for form in self._forms)
        texts = [*self._complaints, _line(self._complaint)]
        complaints = tuple(dict.fromkeys(text for text in texts if text))
        return Page(_line(self._title), forms, complaints)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in _VOID and len(self._open) < _DEEPEST:
            marked = any(_COMPLAINT.search(word) for word in given.get("class", "").split())
            self._open.append((tag, marked))
        if tag == "form":
            self._form = _Building(given.get("action", ""))
            self._forms.append(self._form)
        elif self._form is not None:
            self._control(self._form, tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._textarea = None
        if tag not in (name for name, _ in self._open):
            return
        # Elements left open inside end with the one around them, as in a browser.
        while True:
            name, marked = self._open.pop()
            if marked and not self._complaining:
                self._complaints.append(_line(self._complaint))
                self._complaint.clear()
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        inside = self._open[-1][0] if self._open else ""
        if inside == "title":
            self._title.append(data)
        if self._form is not None and self._textarea is not None:
            self._form.values[self._textarea] = self._form.values.get(self._textarea, "") + data
        if self._complaining and inside not in {"script", "style"}:
            self._complaint.append(data)

    @property
    def _complaining(self) -> bool:
        return any(marked for _, marked in self._open)

    def _control(self, form: _Building, tag: str, given: Mapping[str, str]) -> None:
        name = given.get("name", "")
        if tag == "option" and self._select is not None:
            # The first option counts until one says that it is selected.
            if "selected" in given or self._select not in form.values:
                form.values[self._select] = given.get("value", "")
            return
        if not name or tag not in {"input", "button", "select", "textarea"}:
            return
        form.names.add(name)
        if tag == "select":
            self._select = name
        elif tag == "textarea":
            self._textarea = name
            form.values.setdefault(name, "")
        elif tag == "input":
            _take_input(form, name, given)


def _take_input(form: _Building, name: str, given: Mapping[str, str]) -> None:
    kind = given.get("type", "text").lower()
    if kind in _BUTTONS or kind == "file" or "disabled" in given:
        return
    if kind in {"checkbox", "radio"}:
        if "checked" in given:
            form.values[name] = given.get("value", "on")
        return
    form.values[name] = given.get("value", "")


def _line(parts: Iterable[str]) -> str:
    return _BLANK.sub(" ", "".join(parts)).strip()
