"""The log-in to the database that a node keeps in its own home, brought to the one it should use."""

from __future__ import annotations

from pathlib import Path

from telamon.desired.lab.data import LabComponent, ProcessDesired
from telamon.errors import MachineError
from telamon.platforms.files import located, write
from telamon.platforms.lab.secrets import FileSecrets


def settle(part: LabComponent, process: ProcessDesired, *, secrets: FileSecrets) -> None:
    """Write the log-in into the file in which a node that does not run keeps it, where that says something else.

    A node that never ran has no such file: it, or its image, makes one out of the environment.

    Args:
        part: the component.
        process: the node, which is about to start; its working folder is its home.
        secrets: where the password is.

    Raises:
        MachineError: the disk is full or read-only, or the file is no text.
        PlatformError: the password is missing.
    """
    workload, database = part.workload, part.database
    if workload is None or workload.login_file is None or database is None or not part.desired.login:
        return
    path = Path(process.cwd) / workload.login_file.path
    with located(path):
        if not path.exists():
            return
        mode = path.stat().st_mode & 0o777
        try:
            before = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise MachineError(
                f"{path} is no text",
                remedy="Put it back from a copy, or remove it: the node then makes it anew.",
            ) from error
    password = secrets.get(database.password.secret, database.password.key)
    after = workload.login_file.written(before, user=database.user, password=password)
    if after != before:
        write(path, after, mode=mode)
