"""The vendor's chart of Jira. Source: atlassian/data-center-helm-charts, ``src/main/charts/jira``."""

from __future__ import annotations

from typing import Final

from telamon.products.chart import Chart, Fate, Keys

_STORES: Final = (
    ("avatars", "ATL_S3AVATARS"),
    ("attachments", "ATL_S3ATTACHMENTS"),
    ("backups", "ATL_S3BACKUPS"),
)
_FIELDS: Final = (
    ("bucketName", "BUCKET_NAME"),
    ("bucketRegion", "REGION"),
    ("endpointOverride", "ENDPOINT_OVERRIDE"),
)

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
        **{
            f"jira.s3Storage.{store}.{key}": f"{prefix}_{suffix}"
            for store, prefix in _STORES
            for key, suffix in _FIELDS
        },
    },
    code_cache="jira.resources.jvm.reservedCodeCache",
)
