"""Storage format: whether it is well formed, its words, and a harmless rendering of it.

Storage format is XHTML with two more name spaces, ``ac`` and ``ri``, and the named entities of HTML.
Source: Atlassian, "Confluence Storage Format".
"""

from __future__ import annotations

import html
import re
from html.entities import html5
from typing import Final
from xml.etree import ElementTree as ET

from understudy.kit.errors import BadRequest

_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_XML_ENTITIES: Final = frozenset({"amp", "lt", "gt", "quot", "apos"})
_TAG = re.compile(r"<!\[CDATA\[|\]\]>|<[^>]*>")
_BLANKS = re.compile(r"\s+")
_PLAIN_TAGS: Final = frozenset(
    {
        "blockquote",
        "br",
        "code",
        "div",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "s",
        "span",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "u",
        "ul",
    }
)
_VOID_TAGS: Final = frozenset({"br", "hr"})


def check_storage(text: str) -> None:
    """See that a body is well formed.

    Raises:
        BadRequest: it is not, or declares entities of its own.
    """
    _parse(text)


def plain_text(text: str) -> str:
    """The words of a body, for the index and for excerpts."""
    return _BLANKS.sub(" ", html.unescape(_TAG.sub(" ", text))).strip()


def render_view(text: str) -> str:
    """A body as HTML of a closed list of tags without attributes but links; macros give their text.

    Raises:
        BadRequest: the body is not well formed.
    """
    parts: list[str] = []
    _render_children(_parse(text), parts)
    return "".join(parts)


def _parse(text: str) -> ET.Element:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise BadRequest("Error parsing xhtml: a document type is not allowed")
    wrapped = f'<x xmlns:ac="urn:ac" xmlns:ri="urn:ri">{_ENTITY.sub(_numeric_entity, text)}</x>'
    try:
        # No entity can be declared, as there is no document type: nothing can expand.
        return ET.fromstring(wrapped)  # noqa: S314
    except ET.ParseError as error:
        raise BadRequest(f"Error parsing xhtml: {error}") from error


def _numeric_entity(match: re.Match[str]) -> str:
    name = match[1]
    if name in _XML_ENTITIES or f"{name};" not in html5:
        return match[0]
    return "".join(f"&#{ord(character)};" for character in html5[f"{name};"])


def _render_children(element: ET.Element, parts: list[str]) -> None:
    parts.append(html.escape(element.text or ""))
    for child in element:
        _render(child, parts)
        parts.append(html.escape(child.tail or ""))


def _render(element: ET.Element, parts: list[str]) -> None:
    tag = element.tag
    if tag in _VOID_TAGS:
        parts.append(f"<{tag}>")
        return
    link = element.get("href", "")
    if tag == "a" and link.startswith(("http://", "https://", "/")):
        opening, closing = f'<a href="{html.escape(link)}">', "</a>"
    elif tag in _PLAIN_TAGS:
        opening, closing = f"<{tag}>", f"</{tag}>"
    else:
        opening, closing = "", ""
    parts.append(opening)
    _render_children(element, parts)
    parts.append(closing)
