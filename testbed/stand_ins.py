"""What the images of stand-ins have on their disk where the product's own have their program.

Folders and files lie where the official images have them, and belong to whom they belong to there, so that what a pod
mounts over them decides whether the product comes up.

Sources: Atlassian, containers documentation (folders of programs and homes, users); Eclipse Temurin, the image's
``JAVA_HOME``; OpenSearch, "Docker" (user 1000, folder of the program).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from testbed.oci import Entry

JAVA: Final = "opt/java/openjdk"
_STOPS: Final = b"#!/bin/sh\nkill -TERM 1\nwhile kill -0 1 2>/dev/null; do sleep 0.2; done\n"
"""What the official images have to end the product and wait for it. Source: atlassian/docker-shared-components."""
_CALLS: Final = '#!/bin/sh\nexec python3 -m understudy.container.{name} "$@"\n'
_SERVER: Final = """\
<Server port="8005" shutdown="SHUTDOWN"><Service name="Catalina"><Connector port="{port}"/>\
<Engine name="Catalina" defaultHost="localhost"><Host name="localhost"><Context path=""/></Host></Engine>\
</Service></Server>
"""
"""That of whoever configures nothing: no proxy, and no path."""
_SERAPH: Final = b"<security-config/>\n"


def shared() -> Iterator[Entry]:
    """What all of them have: the script that stops, and what pods call of Java by name."""
    yield Entry("shutdown-wait.sh", _STOPS, 0o755)
    for name in ("java", "keytool"):
        yield Entry(f"{JAVA}/bin/{name}", _CALLS.format(name=name).encode(), 0o755)
    yield Entry(f"{JAVA}/lib/security/cacerts", b"# nobody\n")


def installed(name: str, *, user: int) -> Iterator[Entry]:
    """What one of them has besides.

    Args:
        name: of the recipe.
        user: who runs it.
    """
    if name == "jira":
        yield from _tomcat("opt/atlassian/jira", "atlassian-jira/WEB-INF/classes", port=8080, user=user)
    elif name == "confluence":
        program, web = "opt/atlassian/confluence", "confluence/WEB-INF"
        yield from _tomcat(program, f"{web}/classes", port=8090, user=user)
        yield Entry(f"{program}/{web}/classes/confluence-init.properties", b"# confluence.home=\n")
        yield Entry(f"{program}/{web}/packages/synchrony-standalone.jar", b"")
    elif name == "bitbucket":
        yield Entry("opt/atlassian/bitbucket", mode=0o755)
    elif name == "opensearch":
        program = "usr/share/opensearch"
        for folder in ("config", "logs", "data"):
            yield Entry(f"{program}/{folder}", mode=0o755, owner=user)
        yield Entry(f"{program}/config/opensearch.yml", b"cluster.name: docker-cluster\n", owner=user)


def _tomcat(program: str, classes: str, *, port: int, user: int) -> Iterator[Entry]:
    for folder in ("logs", "temp", "work"):
        yield Entry(f"{program}/{folder}", mode=0o755, owner=user)
    yield Entry(f"{program}/conf/server.xml", _SERVER.format(port=port).encode())
    yield Entry(f"{program}/{classes}/seraph-config.xml", _SERAPH)
