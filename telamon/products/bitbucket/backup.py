"""What belongs together in a backup of Bitbucket.

A repository is listed in the order in which git may be read while others write to it: refs before the objects that
they name, loose objects before the packs that they may be moved into. Locks and what git derives from its packs are
left out: after a restore a lock would bar the repository, and an index over packs could name one that is gone.

Sources: atlassian-bitbucket-diy-backup (copy of Atlassian's scripts: what is left out, and which locks are removed
after a restore); Atlassian, "Using Bitbucket zero downtime backup" (repositories may be newer than the database, never
older); git-repack(1), git-pack-refs(1), gitrepository-layout(5); "Set the home directory" for the layout. That a
repository lies in ``data/repositories/<id>``, by its id in the table ``repository``: answer of a former support
engineer of the vendor, stackoverflow.com/q/49985698. The table ``sta_pull_request`` and its columns are those of
schema dumps and queries that administrators have published; no page of the vendor lists them. Nor does one describe
``data/repositories/h``, so a folder is only taken for a repository where git's own files are in it. Where a table is
not there, its rows are not judged, and the backup says so.
"""

from __future__ import annotations

from telamon.products.backup import BackupRules, RepositoryRows

_REPOSITORIES = "SELECT id::text, NULL FROM repository"
_PULL_REQUESTS = "SELECT from_repository_id::text, from_hash FROM sta_pull_request"
_ANY = "data/repositories/**"

RULES = BackupRules(
    skipped=(
        ".lock",
        "caches",
        "data/db.*",
        "export",
        "log",
        "tmp",
        "data/repositories/.*",
        f"{_ANY}/*.lock",
        f"{_ANY}/gc.pid",
        f"{_ANY}/objects/incoming-*",
        f"{_ANY}/objects/tmp_objdir-*",
        f"{_ANY}/objects/*/tmp_*",
        f"{_ANY}/objects/pack/multi-pack-index*",
        f"{_ANY}/objects/info/commit-graph*",
    ),
    written_once=(f"{_ANY}/objects/**", "data/attachments/**", "data/avatars/**", "data/git-lfs/**"),
    units=("data/repositories/*",),
    last=(f"{_ANY}/objects",),
    repositories=("data/repositories/*", "data/repositories/h/**"),
    rows=(
        RepositoryRows("repository", _REPOSITORIES),
        RepositoryRows("pull request", _PULL_REQUESTS),
    ),
)
