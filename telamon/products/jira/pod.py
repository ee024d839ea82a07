"""How Jira's image is run in a cluster.

Sources: atlassian/data-center-helm-charts, container documentation ``JIRA.md`` (user 2001, "Shutdown", what is skipped
for a user other than root), chart ``jira`` (``templates/_helpers.tpl``: folders ``temp``, ``work`` and ``logs`` are
mounted; ``templates/configmap-server-config.yaml``: names of classes and parameters; one image an edition) and
"Resource requests and limits" of its guide (memory is one and a half times heap and code cache).
"""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as Xml

from telamon.products.base import NodeContext
from telamon.products.container import Container, Needs
from telamon.products.tomcat import Application, Server, parameter, server_xml, xml_text
from telamon.units import Bytes, Cpu

_INSTALLED: Final = "/opt/atlassian/jira"
_HOMES: Final = "/var/atlassian/application-data"
_SECURITY: Final = "com.atlassian.jira.security"

CONTAINER: Final = Container(
    repository="atlassian/jira-software",
    editions={"service-management": "atlassian/jira-servicemanagement"},
    user=2001,
    home=f"{_HOMES}/jira",
    shared_home=f"{_HOMES}/shared-home",
    # Half of the memory leaves room for the code cache of 512 MB and for an index that the system keeps in memory.
    needs=Needs(Cpu.parse("2"), Bytes.parse("4Gi"), heap_share=0.5, disk=Bytes.parse("10Gi")),
    empty=(f"{_INSTALLED}/temp", f"{_INSTALLED}/work"),
    kept={f"{_INSTALLED}/logs": "log"},
    stop=("/shutdown-wait.sh",),
    java=True,
    python=True,
)


def files(node: NodeContext) -> dict[str, str]:
    """What the image would write itself if it were started as root, by absolute path."""
    return {
        f"{_INSTALLED}/conf/server.xml": server_xml(_server(node), node),
        f"{_INSTALLED}/atlassian-jira/WEB-INF/classes/seraph-config.xml": _seraph(),
    }


def _server(node: NodeContext) -> Server:
    transactions = {
        "name": "UserTransaction",
        "auth": "Container",
        "type": "javax.transaction.UserTransaction",
        "factory": "org.objectweb.jotm.UserTransactionFactory",
        "jotm.timeout": "60",
    }
    catalina = "org.apache.catalina"
    return Server(
        engine="Catalina",
        shutdown_port=8005,
        connector={
            "protocol": "HTTP/1.1",
            "maxThreads": "100",
            "minSpareThreads": "10",
            "acceptCount": "100",
            "connectionTimeout": "20000",
            "enableLookups": "false",
            "bindOnInit": "false",
            "maxHttpHeaderSize": "8192",
            "useBodyEncodingForURI": "true",
            "disableUploadTimeout": "true",
            "relaxedPathChars": "[]|",
            "relaxedQueryChars": '[]|{}^\\`"<>',
        },
        listeners=(
            f"{catalina}.startup.VersionLoggerListener",
            f"{catalina}.core.JreMemoryLeakPreventionListener",
            f"{catalina}.mbeans.GlobalResourcesLifecycleListener",
            f"{catalina}.core.ThreadLocalLeakPreventionListener",
        ),
        applications=(
            Application(
                node.front.context_path,
                "${catalina.home}/atlassian-jira",
                stuck_after=120,
                attributes={"suspendWrappedResponseAfterForward": "false"},
                resources=(transactions,),
            ),
        ),
        access_log='%a %{jira.request.id}r %{jira.request.username}r %t "%m %U%q %H" %s %b %D',
    )


def _seraph() -> str:
    """How people log in; the values are those of the image's own template."""
    root = Xml.Element("security-config")
    parameters = Xml.SubElement(root, "parameters")
    given = {
        "login.url": "/login.jsp?permissionViolation=true&os_destination=${originalurl}"
        "&page_caps=${pageCaps}&user_role=${userRole}",
        "link.login.url": "/login.jsp?os_destination=${originalurl}",
        "logout.url": "/secure/Logout!default.jspa",
        "login.forward.path": "/secure/XsrfErrorAction.jspa",
        "original.url.key": "os_security_originalurl",
        "login.cookie.key": "seraph.rememberme.cookie",
        "autologin.cookie.age": "1209600",
        "authentication.type": "os_authType",
        "invalidate.session.on.login": "true",
        "invalidate.session.exclude.list": "ASESSIONID,jira.websudo.timestamp,jira.user.project.admin",
    }
    for name, value in given.items():
        parameter(parameters, name, value=value)
    Xml.SubElement(root, "authenticator", {"class": f"{_SECURITY}.login.JiraSeraphAuthenticator"})
    services = Xml.SubElement(root, "services")
    Xml.SubElement(services, "service", {"class": f"{_SECURITY}.JiraPathService"})
    actions = Xml.SubElement(services, "service", {"class": "com.atlassian.seraph.service.WebworkService"})
    parameter(actions, "action.extension", value="jspa")
    Xml.SubElement(
        services, "service", {"class": "com.atlassian.jira.plugin.webwork.JiraSeraphSecurityService"}
    )
    Xml.SubElement(root, "rolemapper", {"class": f"{_SECURITY}.JiraRoleMapper"})
    Xml.SubElement(root, "elevatedsecurityguard", {"class": f"{_SECURITY}.login.JiraElevatedSecurityGuard"})
    interceptors = Xml.SubElement(root, "interceptors")
    Xml.SubElement(
        interceptors, "interceptor", {"class": "com.atlassian.jira.web.filters.JiraLoginInterceptor"}
    )
    return xml_text(root)
