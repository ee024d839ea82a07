"""Jira's image: what it reads from its environment.

Source: atlassian/data-center-helm-charts, container documentation ``JIRA.md`` and
``src/main/charts/jira/templates/_helpers.tpl``; atlassian-docker/docker-shared-components,
``image/entrypoint_helpers.py`` (a template that ends in ``.j2`` is not escaped).
"""

from __future__ import annotations

from telamon.products import jvm
from telamon.products.base import EnvironmentValue, NodeContext
from telamon.products.jira import objects
from telamon.products.login import LoginFile
from telamon.products.objects import overlaid

LOGIN_FILE = LoginFile("dbconfig.xml", "username", "password", "atlassian-password-cipher-provider")
"""Source: Atlassian, "Connecting Jira applications to PostgreSQL" and "Advanced encryption"."""


def environment(node: NodeContext) -> dict[str, EnvironmentValue]:
    """The environment of one node.

    A node is clustered from its first start, so that no conversion is needed when others join. The driver is named
    although it can be guessed: without it the image writes a ``dbconfig.xml`` that Jira silently ignores, and the
    set-up pages ask for a database. Both ports of the cache are pinned, because the second is random otherwise.
    """
    given: dict[str, EnvironmentValue] = {
        "JIRA_HOME": node.local_home,
        "JIRA_SHARED_HOME": node.shared_home,
        "CLUSTERED": "true",
        "JIRA_NODE_ID": node.member,
        "EHCACHE_LISTENER_HOSTNAME": node.advertised or node.bind,
        "EHCACHE_LISTENER_PORT": str(node.ports["ehcache"]),
        "EHCACHE_OBJECT_PORT": str(node.ports["ehcache-object"]),
        "ATL_DB_TYPE": "postgres72",
        "ATL_DB_DRIVER": "org.postgresql.Driver",
    }
    given |= jvm.container(node) | jvm.tomcat(node) | _database(node) | jvm.memory(node)
    # A key of jira-config.properties may be given as a system property as well; the image has no variable for the file.
    given |= jvm.arguments(node, [f"-D{key}={value}" for key, value in sorted(node.spec.properties.items())])
    return overlaid(given | objects.environment(node), node)


def _database(node: NodeContext) -> dict[str, EnvironmentValue]:
    """The database; its URL is written into an XML file as it is, so what XML has a meaning for is escaped."""
    given = jvm.database(node)
    url = given.get("ATL_JDBC_URL")
    return given | {"ATL_JDBC_URL": url.replace("&", "&amp;")} if isinstance(url, str) else given
