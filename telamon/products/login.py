"""A node's log-in to its database, in the XML file that the product keeps of it.

The official images write the file at the first start and leave it alone after that, so a changed log-in is written into
it while the node does not run, as administrators do by hand. Newer releases put a placeholder in place of the password
once they have hidden it; a password in plain text in its place is taken, and hidden again, at the next start.

Sources: atlassian/data-center-helm-charts, container documentation on ``ATL_FORCE_CFG_UPDATE``; Atlassian, "Secure
secrets configuration properties" (Jira 10.2: the placeholder, and plain text put back on every node when an upgrade is
rolled back); "Advanced encryption" for Jira and for Confluence (the entry that names a cipher).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class LoginFile:
    """The file, and the elements in it that say who logs in.

    Attributes:
        path: below the node's own home.
        user: what stands between the brackets of the tag that opens the element with the role.
        password: of the one with its password.
        cipher: of the one that says how the password is hidden; it goes, for the new one is in plain text.
    """

    path: str
    user: str
    password: str
    cipher: str

    def written(self, text: str, *, user: str, password: str) -> str:
        """The content of the file with another log-in, and everything else as it was.

        Args:
            text: what it says; where it names no log-in, it is given back as it is.
            user: the role.
            password: of the role, as it is.
        """
        changed = with_element(text, self.user, value=user)
        changed = with_element(changed, self.password, value=password)
        return without_element(changed, self.cipher)


def with_element(text: str, opening: str, *, value: str) -> str:
    """The text with another value in every element that begins with a tag.

    Args:
        text: XML.
        opening: what stands between the brackets of the tag that opens it, e.g. ``property name="a"``.
        value: as it is; what XML has a meaning for is escaped.
    """
    tag = opening.partition(" ")[0]
    found = re.compile(rf"<{re.escape(opening)}\s*(?:/>|>.*?</{re.escape(tag)}\s*>)", re.DOTALL)
    return found.sub(lambda _: f"<{opening}>{escape(value, quote=False)}</{tag}>", text)


def without_element(text: str, opening: str) -> str:
    """The text without the elements that begin with a tag, and without the space before them."""
    tag = opening.partition(" ")[0]
    return re.sub(rf"\s*<{re.escape(opening)}\s*(?:/>|>.*?</{re.escape(tag)}\s*>)", "", text, flags=re.DOTALL)
