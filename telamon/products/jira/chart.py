"""The vendor's chart of Jira. Source: atlassian/data-center-helm-charts, ``src/main/charts/jira``."""

from __future__ import annotations

from typing import Final

from telamon.products.chart import Chart, Fate, Keys

CHART: Final = Chart(
    section="jira",
    keys=(
        Keys(
            Fate.OURS,
            "nodes of a cluster find one another on the image's own ports",
            ("jira.ports.ehcache", "jira.ports.ehcacheobject"),
        ),
        Keys(Fate.OURS, "the driver of PostgreSQL is in the image", ("database.driver",)),
    ),
    variables={
        "jira.session.timeout": "ATL_JIRA_SESSION_TIMEOUT",
        "jira.session.autologinCookieAge": "ATL_AUTOLOGIN_COOKIE_AGE",
        "jira.resources.jvm.reservedCodeCache": "JVM_RESERVED_CODE_CACHE_SIZE",
    },
    object_stores={kind: f"jira.s3Storage.{kind}" for kind in ("avatars", "attachments", "backups")},
    code_cache="jira.resources.jvm.reservedCodeCache",
)
