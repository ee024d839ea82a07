"""What an image has on its disk, and what has to be so before its product can start.

Sources: Atlassian, containers documentation of Jira, Confluence and Bitbucket (users 2001 to 2003; a container whose
user is not root skips ``server.xml``, ``seraph-config.xml`` and ``confluence-init.properties``, which are to be
mounted); atlassian/docker-shared-components (the product is started by ``sh`` where the user is not root, and whatever
cannot be written is passed over with a warning); Apache Tomcat 10, "The HTTP Connector" (``port``, ``proxyName``,
``proxyPort``, ``scheme``, ``secure``) and "The Context Container" (``path``); OpenSearch, "Docker" (never as root),
"Setting up a custom admin password", "Configuring TLS certificates".
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as Xml

_STRONG = re.compile(r"(?=.*[A-Z])(?=.*[a-z])(?=.*\d)(?=.*[^A-Za-z\d]).{8,}", re.DOTALL)
_NO_PROXY = "0"


class CannotStartError(Exception):
    """The product would not come up; the message says what keeps it from that."""


@dataclass(frozen=True)
class Tomcat:
    """How a product that is a web application of Tomcat is configured.

    Attributes:
        seraph: file by which people log in, below the program's folder.
        home: file that names the home, below the program's folder; "" where a variable does.
    """

    seraph: str
    home: str = ""


@dataclass(frozen=True)
class Installation:
    """One image.

    Attributes:
        module: that stands in for its product.
        program: variable of the folder of the program, and the folder.
        writes: folders below it that the product writes to.
        home: variable of the node's own home, and the folder.
        shared: variable of the home that all nodes share; "" where there is none.
        tomcat: how Tomcat is configured; ``None`` where the product brings its own web server.
    """

    module: str
    program: tuple[str, str]
    writes: Sequence[str]
    home: tuple[str, str]
    shared: str = ""
    tomcat: Tomcat | None = None

    def checked(self, variables: Mapping[str, str]) -> dict[str, str]:
        """What the product finds, as variables of its stand-in.

        Args:
            variables: of the container.

        Raises:
            CannotStartError: it would not come up.
        """
        program = _folder(variables, self.program)
        for name in self.writes:
            _demand_writable(program / name)
        found = dict(variables)
        if self.tomcat is not None:
            found |= _connector(program / "conf" / "server.xml")
            _parsed(program / self.tomcat.seraph)
            if self.tomcat.home:
                found[self.home[0]] = _named_home(program / self.tomcat.home)
        _demand_writable(_folder(found, self.home))
        if shared := found.get(self.shared):
            _demand_writable(Path(shared))
        return found


@dataclass(frozen=True)
class Search(Installation):
    """The image of OpenSearch, whose demonstration makes the first user."""

    def checked(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The same, and whether that user's password would be taken, and its certificate be found."""
        found = super().checked(variables)
        secured = found.get("DISABLE_SECURITY_PLUGIN", "false") != "true"
        if secured and not _STRONG.fullmatch(found.get("OPENSEARCH_INITIAL_ADMIN_PASSWORD", "")):
            raise CannotStartError(
                "OPENSEARCH_INITIAL_ADMIN_PASSWORD is weak: at least 8 characters, of them an upper-case and a"
                " lower-case letter, a digit and another sign"
            )
        config = _folder(found, self.program) / "config"
        for name in sorted(found):
            if name.startswith("plugins.security.ssl.") and name.endswith("_filepath"):
                _demand_readable(config / found[name])
        return found


INSTALLATIONS: Mapping[str, Installation] = {
    "jira": Installation(
        "understudy.jira",
        ("JIRA_INSTALL_DIR", "/opt/atlassian/jira"),
        ("logs", "temp", "work"),
        ("JIRA_HOME", "/var/atlassian/application-data/jira"),
        shared="JIRA_SHARED_HOME",
        tomcat=Tomcat("atlassian-jira/WEB-INF/classes/seraph-config.xml"),
    ),
    "confluence": Installation(
        "understudy.confluence",
        ("CONFLUENCE_INSTALL_DIR", "/opt/atlassian/confluence"),
        ("logs", "temp", "work"),
        ("CONFLUENCE_HOME", "/var/atlassian/application-data/confluence"),
        shared="ATL_PRODUCT_HOME_SHARED",
        tomcat=Tomcat(
            "confluence/WEB-INF/classes/seraph-config.xml",
            home="confluence/WEB-INF/classes/confluence-init.properties",
        ),
    ),
    "bitbucket": Installation(
        "understudy.bitbucket",
        ("BITBUCKET_INSTALL_DIR", "/opt/atlassian/bitbucket"),
        (),
        ("BITBUCKET_HOME", "/var/atlassian/application-data/bitbucket"),
        shared="BITBUCKET_SHARED_HOME",
    ),
    "opensearch": Search(
        "understudy.search",
        ("OPENSEARCH_HOME", "/usr/share/opensearch"),
        # Its demonstration and its keystore are written beside its configuration.
        ("config", "logs"),
        ("path.data", "/usr/share/opensearch/data"),
    ),
}
"""By name."""


def _folder(variables: Mapping[str, str], place: tuple[str, str]) -> Path:
    variable, usual = place
    return Path(variables.get(variable) or usual)


def _demand_writable(folder: Path) -> None:
    if not folder.is_dir():
        raise CannotStartError(f"{folder} is no folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CannotStartError(f"user {os.getuid()} cannot write to {folder}")


def _demand_readable(file: Path) -> None:
    if not file.is_file():
        raise CannotStartError(f"{file} is not there")
    if not os.access(file, os.R_OK):
        raise CannotStartError(f"user {os.getuid()} cannot read {file}")


def _parsed(file: Path) -> Xml.Element:
    _demand_readable(file)
    try:
        return Xml.fromstring(file.read_text(encoding="utf-8"))  # noqa: S314 - mounted by whoever runs the image.
    except (Xml.ParseError, UnicodeDecodeError) as error:
        raise CannotStartError(f"{file} cannot be read: {error}") from error


def _connector(file: Path) -> dict[str, str]:
    """What Tomcat reads, as the variables out of which the image writes it where it may."""
    root = _parsed(file)
    connector = root.find(".//Connector")
    if connector is None or not connector.get("port"):
        raise CannotStartError(f"{file} names no connector with a port")
    context = root.find(".//Context")
    given = connector.attrib
    return {
        "ATL_TOMCAT_PORT": given["port"],
        "ATL_TOMCAT_SCHEME": given.get("scheme", "http"),
        "ATL_TOMCAT_SECURE": given.get("secure", "false"),
        "ATL_PROXY_NAME": given.get("proxyName", ""),
        "ATL_PROXY_PORT": given.get("proxyPort", _NO_PROXY),
        "ATL_TOMCAT_CONTEXTPATH": "" if context is None else context.get("path", ""),
    }


def _named_home(file: Path) -> str:
    _demand_readable(file)
    found = dict(_properties(file.read_text(encoding="utf-8")))
    if not found.get("confluence.home"):
        raise CannotStartError(f"{file} names no confluence.home")
    return found["confluence.home"]


def _properties(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if separator and not name.lstrip().startswith(("#", "!")):
            yield name.strip(), value.strip()
