"""The forms of the set-up pages as data, and how a page is made of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from understudy.kit.html import Markup, element, field, form, hidden, join, page

_PRODUCT = "Understudy of an issue tracker"


@dataclass(frozen=True)
class Input:
    """One input of a form: a text field unless ``kind`` says otherwise; ``choices`` make it a list."""

    name: str
    label: str
    kind: str = "text"
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class SetupForm:
    """A set-up form; ``before`` says that a form with a token alone stands before it."""

    title: str
    inputs: tuple[Input, ...]
    before: bool = False

    @property
    def visible(self) -> frozenset[str]:
        """Names of the inputs whose values are shown again after a mistake."""
        return frozenset(one.name for one in self.inputs if one.kind != "password")


_MAIL_TEXTS = ("name", "from", "prefix", "serviceProvider", "serverName", "protocol", "port", "timeout")
_MAIL_MORE = ("username", "jndiLocation", "mailservertype", "tlsRequired", "desc", "type")

FORMS: Mapping[str, SetupForm] = {
    "SetupMode": SetupForm(
        "Choose how to set up", (Input("setupOption", "Set-up", choices=("classic", "instant")),)
    ),
    "SetupDatabase": SetupForm(
        "Database",
        (
            Input("databaseOption", "Connection", choices=("external", "internal")),
            Input("databaseType", "Type", choices=("postgres72",)),
            Input("jdbcHostname", "Host"),
            Input("jdbcPort", "Port"),
            Input("jdbcDatabase", "Database"),
            Input("jdbcUsername", "User"),
            Input("jdbcPassword", "Password", "password"),
            Input("schemaName", "Schema"),
            Input("testingConnection", "", "hidden"),
        ),
    ),
    "SetupApplicationProperties": SetupForm(
        "Application properties",
        (
            Input("title", "Title"),
            Input("mode", "Mode", choices=("private", "public")),
            Input("baseURL", "Base URL"),
            Input("nextStep", "", "hidden"),
        ),
    ),
    "SetupLicense": SetupForm("Licence key", (Input("setupLicenseKey", "Licence key"),), before=True),
    "SetupUsageData": SetupForm("Usage data", (Input("usageData", "What is sent", choices=("none", "all")),)),
    "SetupAdminAccount": SetupForm(
        "Administrator account",
        (
            Input("fullname", "Full name"),
            Input("email", "Email address"),
            Input("username", "User name"),
            Input("password", "Password", "password"),
            Input("confirm", "Confirm password", "password"),
        ),
    ),
    "SetupMailNotifications": SetupForm(
        "Email notifications",
        (
            Input("noemail", "Configure later", choices=("true", "false")),
            *(Input(name, name.capitalize()) for name in _MAIL_TEXTS),
            Input("password", "Password", "password"),
            *(Input(name, "", "hidden") for name in _MAIL_MORE),
            Input("testingMailConnection", "", "hidden"),
            Input("finish", "", "hidden"),
        ),
    ),
}


def setup_page(
    form_data: SetupForm, action: str, *, token: str, values: Mapping[str, str], errors: Mapping[str, str]
) -> str:
    """A page with a form, its values and its errors.

    Args:
        form_data: what to show.
        action: where the form goes.
        token: for the hidden field ``atl_token``; none is made where empty.
        values: by name of the input.
        errors: messages by name of the input.
    """
    secret = hidden("atl_token", token) if token else Markup("")
    inputs = join(_input(one, values.get(one.name, ""), errors.get(one.name, "")) for one in form_data.inputs)
    button = element("button", "Next", type="submit")
    before = form(action, secret, name="importLicenseForm") if form_data.before else Markup("")
    wizard = form(action, secret, inputs, button, name="jira-setupwizard")
    return page(form_data.title, before, wizard, product=_PRODUCT)


def _input(one: Input, value: str, error: str) -> Markup:
    if one.kind == "hidden":
        return hidden(one.name, value)
    if not one.choices:
        return field(one.label, one.name, value=value, kind=one.kind, error=error)
    options = (element("option", choice, value=choice, selected=choice == value) for choice in one.choices)
    trouble = element("p", error, class_="error") if error else Markup("")
    select = element("select", *options, id=one.name, name=one.name)
    return join((element("label", one.label, for_=one.name), select, trouble))
