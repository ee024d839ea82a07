"""How Confluence's image is run in a cluster, for Confluence and for Synchrony.

Sources: atlassian/data-center-helm-charts, container documentation ``CONFLUENCE.md`` (user 2002; ``server.xml``,
``seraph-config.xml`` and ``confluence-init.properties`` are skipped for a user other than root), chart ``confluence``
(``templates/configmap-server-config.yaml``, ``templates/synchrony-start-script.yaml``: class path, main class and
stack size; ``values.yaml``: folders and heap).
"""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as Xml

from telamon.naming import CompanionName
from telamon.products.base import NodeContext
from telamon.products.confluence.edge import SYNCHRONY
from telamon.products.container import Container, Needs
from telamon.products.jvm import in_mebibytes
from telamon.products.tomcat import Application, Server, parameter, server_xml, xml_text
from telamon.units import Bytes, Cpu

_INSTALLED: Final = "/opt/atlassian/confluence"
_WEB: Final = f"{_INSTALLED}/confluence/WEB-INF"
_HOMES: Final = "/var/atlassian/application-data"
_REPOSITORY: Final = "atlassian/confluence"
_USER: Final = 2002
_EMPTY: Final = (f"{_INSTALLED}/temp", f"{_INSTALLED}/work")

CONTAINER: Final = Container(
    repository=_REPOSITORY,
    user=_USER,
    home=f"{_HOMES}/confluence",
    shared_home=f"{_HOMES}/shared-home",
    needs=Needs(Cpu.parse("2"), Bytes.parse("4Gi"), heap_share=0.5, disk=Bytes.parse("10Gi")),
    empty=_EMPTY,
    kept={f"{_INSTALLED}/logs": "logs"},
    stop=("/shutdown-wait.sh",),
    asks_cluster=True,
    java=True,
    python=True,
)
SYNCHRONY_CONTAINER: Final = Container(
    repository=_REPOSITORY,
    user=_USER,
    home=f"{_HOMES}/confluence",
    needs=Needs(Cpu.parse("1"), Bytes.parse("2560Mi"), heap_share=0.8),
    empty=(*_EMPTY, f"{_INSTALLED}/logs"),
    asks_cluster=True,
    java=True,
    python=True,
)


def files(node: NodeContext) -> dict[str, str]:
    """What the image would write itself if it were started as root, by absolute path."""
    return {
        f"{_INSTALLED}/conf/server.xml": server_xml(_server(node), node),
        f"{_WEB}/classes/seraph-config.xml": _seraph(),
        f"{_WEB}/classes/confluence-init.properties": f"confluence.home={node.local_home}\n",
    }


def synchrony_command(node: NodeContext) -> tuple[str, ...]:
    """The program; the image starts Confluence where none is named."""
    companion = node.spec.companions.get(CompanionName(SYNCHRONY))
    heap = companion.resources.heap if companion is not None else None
    sizes = () if heap is None else (f"-Xms{in_mebibytes(heap)}", f"-Xmx{in_mebibytes(heap)}")
    jars = f"{_WEB}/packages/synchrony-standalone.jar:{_WEB}/lib/*"
    return ("java", *sizes, "-Xss2048k", *node.jvm, "-classpath", jars, "synchrony.core", "sql")


def _server(node: NodeContext) -> Server:
    path = node.front.context_path
    return Server(
        engine="Standalone",
        shutdown_port=8000,
        connector={
            "protocol": "org.apache.coyote.http11.Http11NioProtocol",
            "maxThreads": "48",
            "minSpareThreads": "10",
            "acceptCount": "100",
            "connectionTimeout": "20000",
            "enableLookups": "false",
            "URIEncoding": "UTF-8",
            "maxHttpHeaderSize": "8192",
        },
        listeners=(),
        applications=(
            Application(path, "../confluence", stuck_after=60, attributes={}),
            # A Synchrony that Confluence runs itself is reached through this one.
            Application(f"{path}/synchrony-proxy", "../synchrony-proxy", stuck_after=60, attributes={}),
        ),
        access_log="%t %{X-AUSERNAME}o %I %h %r %s %Dms %b %{Referer}i %{User-Agent}i",
    )


def _seraph() -> str:
    """How people log in; the values are those of the image's own template."""
    root = Xml.Element("security-config")
    parameters = Xml.SubElement(root, "parameters")
    given = {
        "login.url": "/login.action?os_destination=${originalurl}&permissionViolation=true",
        "link.login.url": "/login.action",
        "cookie.encoding": "cNf",
        "login.cookie.key": "seraph.confluence",
        "autologin.cookie.age": "1209600",
        "authentication.type": "os_authType",
        "invalidate.session.on.login": "true",
        "invalidate.session.exclude.list": "",
    }
    for name, value in given.items():
        parameter(parameters, name, value=value)
    ours = "com.atlassian.confluence"
    Xml.SubElement(root, "rolemapper", {"class": f"{ours}.security.ConfluenceRoleMapper"})
    Xml.SubElement(root, "controller", {"class": f"{ours}.setup.seraph.ConfluenceSecurityController"})
    Xml.SubElement(root, "authenticator", {"class": f"{ours}.user.ConfluenceAuthenticator"})
    services = Xml.SubElement(root, "services")
    paths = Xml.SubElement(services, "service", {"class": "com.atlassian.seraph.service.PathService"})
    parameter(paths, "config.file", value="seraph-paths.xml")
    guard = f"{ours}.security.seraph.ConfluenceElevatedSecurityGuard"
    Xml.SubElement(root, "elevatedsecurityguard", {"class": guard})
    return xml_text(root)
