"""The forms of the set-up pages, with the field names of the product (see :mod:`understudy.confluence.setup`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from understudy.confluence.configfile import CLUSTER_HOME, CLUSTER_NAME, CLUSTER_PEERS, CLUSTERED
from understudy.kit.html import Markup, element, field, form, hidden, join, link
from understudy.kit.html import page as whole_page

PRODUCT = "Understudy of a wiki"


def page(step: str, *, token: str, context_path: str, errors: Mapping[str, str]) -> str:
    """The page of a step.

    Args:
        step: its name in the configuration file.
        token: against cross-site requests, in the hidden field ``atl_token``.
        context_path: of the site.
        errors: messages by field.
    """
    makers: dict[str, tuple[str, Callable[[_Form], Markup]]] = {
        "setuplicense": ("License key", _licence),
        "setupcluster-start": ("Choose your deployment type", _cluster),
        "setupdata-start": ("Load content", _data),
        "setupusermanagementchoice-start": ("Configure user management", _people),
        "setupusagedata-start": ("Usage data", _usage_data),
        "setupadministrator-start": ("Configure system administrator account", _administrator),
    }
    title, make = makers.get(step, (f"Step {step}", _nothing))
    return whole_page(title, make(_Form(token, context_path, errors)), product=PRODUCT)


def finished(context_path: str) -> str:
    """The page after the last step."""
    return whole_page("Setup successful", element("p", link(f"{context_path}/", "Start")), product=PRODUCT)


def cluster_entries(value: Callable[[str], str]) -> dict[str, str]:
    """What the cluster form adds to the configuration file; empty where something is missing."""
    peers = ",".join(value("clusterPeersString").replace(",", " ").split())
    name, home = value("clusterName").strip(), value("clusterHome").strip()
    if not (name and home and peers) or value("joinMethod") not in {"tcp_ip", "tcpIp"}:
        return {}
    return {
        CLUSTERED: "true",
        CLUSTER_NAME: name,
        CLUSTER_HOME: home,
        CLUSTER_PEERS: peers,
        "shared-home": home,
        "confluence.cluster.join.type": "tcp_ip",
    }


class _Form:
    """What every form of the set-up has: the token, the path and the messages."""

    def __init__(self, token: str, context_path: str, errors: Mapping[str, str]) -> None:
        self._token = token
        self._context_path = context_path
        self._errors = errors

    def make(self, action: str, *content: object, name: str) -> Markup:
        return form(
            f"{self._context_path}/setup/{action}.action",
            hidden("atl_token", self._token),
            *content,
            name=name,
        )

    def error(self, name: str) -> Markup:
        message = self._errors.get(name, "")
        return element("p", message, class_="error", id=f"{name}-error") if message else Markup("")

    def text(self, label: str, name: str, *, kind: str = "text") -> Markup:
        return field(label, name, kind=kind, error=self._errors.get(name, ""), autocomplete="off")


def _button(text: str, name: str | None = None) -> Markup:
    return element("button", text, type="submit", name=name, value=text, id=name)


def _licence(form_: _Form) -> Markup:
    box = element("textarea", name="confLicenseString", id="confLicenseString", rows=6, cols=60)
    label = element("label", "License key", for_="confLicenseString")
    return form_.make(
        "dosetuplicense", label, box, form_.error("confLicenseString"), _button("Next"), name="licenceform"
    )


def _cluster(form_: _Form) -> Markup:
    none = element(
        "label",
        element("input", type="radio", name="newCluster", value="skipCluster", checked=True),
        "As configured",
    )
    new = element(
        "label", element("input", type="radio", name="newCluster", value="Create cluster"), "Create a cluster"
    )
    return form_.make(
        "setupcluster",
        none,
        new,
        form_.error("newCluster"),
        form_.text("Cluster name", "clusterName"),
        form_.text("Shared home directory", "clusterHome"),
        hidden("joinMethod", "tcp_ip"),
        form_.text("Peers", "clusterPeersString"),
        _button("Next", "setup-next-button"),
        name="setupclusterform",
    )


def _data(form_: _Form) -> Markup:
    demo = form_.make(
        "setupdata",
        hidden("contentChoice", "demo"),
        _button("Example Site", "dbchoiceSelect"),
        name="demoChoiceForm",
    )
    blank = form_.make(
        "setupdata",
        hidden("contentChoice", "blank"),
        _button("Empty Site", "dbchoiceSelect"),
        name="blankChoiceForm",
    )
    return join((demo, blank, form_.error("contentChoice")))


def _people(form_: _Form) -> Markup:
    return form_.make(
        "setupusermanagementchoice",
        hidden("userManagementChoice", "internal"),
        form_.error("userManagementChoice"),
        _button("Manage users and groups within Confluence", "internal"),
        name="internaluser",
    )


def _usage_data(form_: _Form) -> Markup:
    none = element(
        "label", element("input", type="radio", name="usageData", value="none", checked=True), "Send nothing"
    )
    everything = element(
        "label", element("input", type="radio", name="usageData", value="all"), "Send everything"
    )
    return form_.make(
        "setupusagedata",
        none,
        everything,
        form_.error("usageData"),
        _button("Next", "setup-next-button"),
        name="usagedataform",
    )


def _administrator(form_: _Form) -> Markup:
    return form_.make(
        "setupadministrator",
        form_.text("Username", "username"),
        form_.text("Name", "fullName"),
        form_.text("Email", "email", kind="email"),
        form_.text("Password", "password", kind="password"),
        form_.text("Confirm", "confirm", kind="password"),
        _button("Next", "setup-next-button"),
        name="setupadministratorform",
    )


def _nothing(_: _Form) -> Markup:
    return element("p", "There is nothing to do at this step.")
