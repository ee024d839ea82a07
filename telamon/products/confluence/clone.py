"""What keeps a copy of Confluence's data from acting as the original.

Sources: Atlassian, "Establishing staging server environments for Confluence" (mail, base URL); "Alternative methods of
deleting application links in Confluence" (``bandana``, keys that begin with ``applinks.``); "Customizing your
Confluence site" on custom HTML at the beginning of the body, which the settings keep as ``afterBodyStart``; container
documentation of atlassian/data-center-helm-charts (``confluence.cfg.xml`` in the shared home).

Confluence has no announcement banner of its own; custom HTML is what its administrators take for one.
"""

from __future__ import annotations

from types import MappingProxyType

from telamon.products.clone import NO_MAIL, PASSWORDS, WEBHOOKS, CloneInputs, CloneRules, Statement
from telamon.products.confluence.image import LOGIN_FILE
from telamon.products.login import with_element

_SETTINGS = "bandanacontext = '_GLOBAL' AND bandanakey = 'atlassian.confluence.settings'"


def _with_own(text: str, inputs: CloneInputs) -> str:
    """The copy of the configuration in the shared home, from which nodes of a cluster take what they lack."""
    changed = LOGIN_FILE.written(text, user=inputs.database_user, password=inputs.database_password)
    changed = with_element(changed, 'property name="hibernate.connection.url"', value=inputs.jdbc_url)
    return with_element(
        changed, 'property name="confluence.cluster.authentication.secret"', value=inputs.fresh_secret
    )


RULES = CloneRules(
    statements=(
        Statement(
            "a base URL of its own",
            "UPDATE bandana SET bandanavalue = regexp_replace(bandanavalue, '<baseUrl>[^<]*</baseUrl>',"  # noqa: S608
            " '<baseUrl>' || %(base_url_in_xml)s || '</baseUrl>')"
            f" WHERE {_SETTINGS} AND bandanavalue LIKE '%%<baseUrl>%%'",
            "bandana",
            needed=True,
        ),
        *PASSWORDS,
        *WEBHOOKS,
        Statement(
            "application links removed",
            "DELETE FROM bandana WHERE bandanakey LIKE 'applinks.%%'",
            "bandana",
        ),
        Statement("trust in other applications removed", "DELETE FROM trustedapp", "trustedapp"),
        Statement(
            "the banner of the original removed",
            "UPDATE bandana SET bandanavalue = regexp_replace(bandanavalue,"  # noqa: S608
            f" '<afterBodyStart(/>|>.*?</afterBodyStart>)', '', 'g') WHERE {_SETTINGS}",
            "bandana",
        ),
        Statement(
            "room for a banner",
            "UPDATE bandana SET bandanavalue = regexp_replace(bandanavalue, '<customHtmlSettings/>',"  # noqa: S608
            f" '<customHtmlSettings></customHtmlSettings>') WHERE {_SETTINGS}",
            "bandana",
        ),
        Statement(
            "a banner on every page",
            "UPDATE bandana SET bandanavalue = replace(bandanavalue, '<customHtmlSettings>',"  # noqa: S608
            " '<customHtmlSettings><afterBodyStart>&lt;div class=\"clone\"&gt;' ||"
            f" %(banner_in_xml)s || '&lt;/div&gt;</afterBodyStart>') WHERE {_SETTINGS} AND bandanavalue LIKE"
            " '%%<customHtmlSettings>%%'",
            "bandana",
            needed=True,
        ),
    ),
    rewrites=MappingProxyType({LOGIN_FILE.path: _with_own}),
    jvm=NO_MAIL,
)
