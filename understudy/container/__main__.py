"""``python -m understudy.container NAME``: the entry point of an image."""

from __future__ import annotations

import os
import sys

from understudy.container.installation import INSTALLATIONS, CannotStartError

AS_ROOT = (
    "root is not held here: the official images give up its rights, which no pod of a restricted namespace may, and"
    " OpenSearch ends"
)


def main() -> None:
    """Become the product; the process ends with 1 where it would not come up."""
    installation = INSTALLATIONS[sys.argv[1]]
    try:
        if os.getuid() == 0:
            raise CannotStartError(AS_ROOT)
        variables = installation.checked(os.environ)
    except CannotStartError as error:
        sys.exit(f"{sys.argv[1]} cannot start: {error}")
    os.execve(sys.executable, (sys.executable, "-m", installation.module), variables)  # noqa: S606 - itself.


if __name__ == "__main__":
    main()
