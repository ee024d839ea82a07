"""Small, valid, accessible pages: one layout, a few helpers, and escaping everywhere.

A page is built from :class:`Markup`, which is text that is known to be safe; every plain string is
escaped on its way in.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:0 1rem;color:#172b4d}"
    "header{border-bottom:1px solid #c1c7d0;padding:.75rem 0;margin-bottom:1rem}nav a{margin-right:1rem}"
    "label{display:block;margin-top:.75rem}input,textarea,select{font:inherit;padding:.25rem;max-width:100%}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid #dfe1e6}"
    ".error{color:#ae2a19}button{font:inherit;margin-top:1rem;padding:.25rem 1rem}"
)


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def safe(value: object) -> Markup:
    """Escape a value, unless it is markup already."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value), quote=True))


def element(tag: str, *content: object, **attributes: object) -> Markup:
    """An element with its content.

    Args:
        tag: the name of the element.
        content: strings (escaped) and markup.
        attributes: by name, a trailing underscore dropped and others turned into dashes; True gives
            an attribute without a value, None and False leave it out.
    """
    opening = f"<{tag}{_attributes(attributes)}>"
    if tag in {"input", "br", "meta", "link", "hr"}:
        return Markup(opening)
    return Markup(opening + join(content) + f"</{tag}>")


def join(parts: Iterable[object]) -> Markup:
    """Put parts one after another."""
    return Markup("".join(safe(part) for part in parts))


def link(target: str, text: object) -> Markup:
    """A link."""
    return element("a", text, href=target)


def field(
    label: str,
    name: str,
    *,
    value: str = "",
    kind: str = "text",
    error: str = "",
    autocomplete: str | None = None,
) -> Markup:
    """A labelled input, with its error message where there is one."""
    trouble = element("p", error, class_="error", id=f"{name}-error") if error else Markup("")
    described_by = f"{name}-error" if error else None
    box = element(
        "input",
        id=name,
        name=name,
        type=kind,
        value=value,
        autocomplete=autocomplete,
        aria_describedby=described_by,
    )
    return join((element("label", label, for_=name), box, trouble))


def choice(label: str, name: str, *, options: Mapping[str, str]) -> Markup:
    """A labelled list to choose from; texts by value."""
    shown = (element("option", text, value=value) for value, text in options.items())
    return join((element("label", label, for_=name), element("select", *shown, id=name, name=name)))


def hidden(name: str, value: str) -> Markup:
    """A hidden field."""
    return element("input", type="hidden", name=name, value=value)


def form(action: str, *content: object, name: str | None = None, method: str = "post") -> Markup:
    """A form."""
    return element("form", *content, action=action, method=method, id=name, accept_charset="UTF-8")


def table(headings: Iterable[str], rows: Iterable[Iterable[object]], *, caption: str) -> Markup:
    """A table with a caption and column headings."""
    head = element("tr", *(element("th", heading, scope="col") for heading in headings))
    body = (element("tr", *(element("td", cell) for cell in row)) for row in rows)
    return element("table", element("caption", caption), element("thead", head), element("tbody", *body))


def page(
    title: str,
    *content: object,
    navigation: Mapping[str, str] | None = None,
    product: str,
    stylesheet: str | None = None,
    banner: str = "",
) -> str:
    """A whole page.

    Args:
        title: of this page.
        content: strings and markup that make the main part.
        navigation: targets by text.
        product: what the page is a page of, such as "Understudy of an issue tracker".
        stylesheet: where :data:`STYLE` is served; it is put into the page itself where None.
        banner: HTML that an administrator has put above every page.
    """
    links = join(link(target, text) for text, target in (navigation or {}).items())
    head = join(
        (
            Markup(
                '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            ),
            element("title", f"{title} - {product}"),
            element("link", rel="stylesheet", href=stylesheet)
            if stylesheet
            else Markup(f"<style>{STYLE}</style>"),
        )
    )
    header = element(
        "header", element("strong", product), element("nav", links, aria_label="Main") if links else ""
    )
    main = element("main", element("h1", title), *content)
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>{banner}{header}{main}</body></html>\n'


def _attributes(attributes: Mapping[str, object]) -> str:
    parts = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        name = key.rstrip("_").replace("_", "-")
        parts.append(f" {name}" if value is True else f' {name}="{safe(value)}"')
    return "".join(parts)
