"""Tomcat's ``server.xml``, for images that are not started as root and so cannot write it themselves.

Sources: atlassian/data-center-helm-charts, container documentation ``{JIRA,CONFLUENCE}.md`` ("User": Tomcat's
configuration is skipped for a user other than root, and is to be mounted) and charts ``{jira,confluence}``,
``templates/configmap-server-config.yaml``; Apache Tomcat 10 Configuration Reference, "The HTTP Connector", "The Context
Container", "The Valve Component".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as Xml

from telamon.products.node import NodeContext

_CATALINA: Final = "org.apache.catalina"
DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(frozen=True)
class Application:
    """One web application within the server.

    Attributes:
        path: that it answers under.
        folder: where it lies.
        stuck_after: seconds after which a request counts as stuck.
        attributes: further attributes of its context.
        resources: what it finds by JNDI, each a set of attributes.
    """

    path: str
    folder: str
    stuck_after: int
    attributes: Mapping[str, str]
    resources: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True)
class Server:
    """What differs between two products.

    Attributes:
        engine: its name, which metrics carry.
        shutdown_port: where the stop script speaks to it, on loopback alone.
        connector: attributes of the connector.
        listeners: classes that listen to its life.
        applications: what it serves.
        access_log: pattern of the access log.
    """

    engine: str
    shutdown_port: int
    connector: Mapping[str, str]
    listeners: Sequence[str]
    applications: Sequence[Application]
    access_log: str


def server_xml(server: Server, node: NodeContext) -> str:
    """The file.

    Args:
        server: what the product says of it.
        node: where it listens, and the address that users type.
    """
    root = Xml.Element("Server", port=str(server.shutdown_port), shutdown="SHUTDOWN")
    for name in server.listeners:
        Xml.SubElement(root, "Listener", className=name)
    service = Xml.SubElement(root, "Service", name="Catalina")
    Xml.SubElement(service, "Connector", {**_address(node), **server.connector})
    engine = Xml.SubElement(service, "Engine", name=server.engine, defaultHost="localhost")
    host = Xml.SubElement(
        engine, "Host", name="localhost", appBase="webapps", unpackWARs="true", autoDeploy="false"
    )
    # An error page tells neither which server it is nor where in the code it happened.
    valve = f"{_CATALINA}.valves.ErrorReportValve"
    Xml.SubElement(host, "Valve", className=valve, showReport="false", showServerInfo="false")
    for application in server.applications:
        _context(host, application)
    log = {"className": f"{_CATALINA}.valves.AccessLogValve", "pattern": server.access_log, "maxDays": "7"}
    Xml.SubElement(engine, "Valve", log)
    return xml_text(root)


def xml_text(root: Xml.Element) -> str:
    """An element as the text of a file."""
    Xml.indent(root)
    return DECLARATION + Xml.tostring(root, encoding="unicode") + "\n"


def _address(node: NodeContext) -> dict[str, str]:
    front = node.front
    return {
        "port": str(node.ports["http"]),
        "scheme": front.scheme,
        "secure": "true" if front.scheme == "https" else "false",
        "proxyName": front.host,
        "proxyPort": str(front.port),
    }


def _context(host: Xml.Element, application: Application) -> None:
    context = Xml.SubElement(
        host,
        "Context",
        {
            "path": application.path,
            "docBase": application.folder,
            "reloadable": "false",
            "useHttpOnly": "true",
            **application.attributes,
        },
    )
    for resource in application.resources:
        Xml.SubElement(context, "Resource", dict(resource))
    Xml.SubElement(context, "JarScanner", scanManifest="false")
    # Sessions are not written to the disk, which nobody would read again.
    Xml.SubElement(context, "Manager", pathname="")
    valve = f"{_CATALINA}.valves.StuckThreadDetectionValve"
    Xml.SubElement(context, "Valve", className=valve, threshold=str(application.stuck_after))


def parameter(parent: Xml.Element, name: str, *, value: str) -> None:
    """An ``init-param``, as Seraph's configuration has many.

    Args:
        parent: where it goes.
        name: of the parameter.
        value: of it.
    """
    init = Xml.SubElement(parent, "init-param")
    Xml.SubElement(init, "param-name").text = name
    Xml.SubElement(init, "param-value").text = value
