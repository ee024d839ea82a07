"""What belongs together in a backup of Confluence.

Sources: Atlassian, "Hierarchical file system attachment storage" (since 8.1) for the layout; "Confluence Data Model"
for the table ``content``, in which every version of an attachment has a row; "Administer your Data Center search
index" for the snapshots in the shared home and the journal's position beside the index.
"""

from __future__ import annotations

from telamon.products.backup import BackupRules, FileRows

_ATTACHMENTS = """
SELECT 'attachments/v4/' || (kept.id % 65535) % 256 || '/' || (kept.id % 65535) / 256 || '/' || kept.id
    || '/' || kept.id || '.' || kept.version, NULL
FROM (SELECT coalesce(prevver, contentid)::bigint AS id, version
      FROM content WHERE lower(contenttype) = 'attachment') AS kept
"""

RULES = BackupRules(
    skipped=("index-snapshots", "temp", ".health-*"),
    written_once=("attachments/**",),
    rows=(FileRows("attachment", _ATTACHMENTS, table="content", store="attachments"),),
    local_indexes=("index", "journal"),
)
