"""Backups: taken while the product runs, verified by restoring, and put back one product at a time.

Steps of a backup: pin the shared home by hard links; hold the database still at one instant; pin again; see that no row
lacks its file; dump the database as of that instant; store dump and files; read all of it back and judge it; only then
list it. ``docs/adr/0014-a-backup-is-a-pair.md`` has the argument.

Traps:
    * What is pinned is the live file itself under a second name: nobody may write to it, and removing it is harmless.
    * A backup exists when its page lies in the catalogue. Everything before that may be lost at any moment, and is
      cleared away by whoever comes next.
"""
