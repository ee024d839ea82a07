"""What belongs together in a backup of Jira.

Sources: Atlassian community answer on the layout of attachments (qaq-p/6312); Atlassian, "Backing up data" (database
and ``data`` of the shared home, index snapshots are made anew); tables ``fileattachment``, ``jiraissue`` and
``project`` from "Database schema" of the Jira developer documentation.
"""

from __future__ import annotations

from telamon.products.backup import BackupRules, FileRows

_ATTACHMENTS = """
SELECT 'data/attachments/' || p.originalkey || '/' || (div(i.issuenum - 1, 10000) + 1) * 10000
    || '/' || p.originalkey || '-' || i.issuenum || '/' || f.id, f.filesize
FROM fileattachment f JOIN jiraissue i ON i.id = f.issueid JOIN project p ON p.id = i.project
"""

RULES = BackupRules(
    # A snapshot of the index may be newer than the rows, and a node would take it for its own.
    skipped=("caches", "export/indexsnapshots", "node-status", "tmp"),
    written_once=("data/attachments/**", "data/avatars/**"),
    rows=(FileRows("attachment", _ATTACHMENTS, table="fileattachment", store="attachments"),),
    local_indexes=("caches/indexesV1",),
)
