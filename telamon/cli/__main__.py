"""``python -m telamon.cli`` is ``telamon``."""

from telamon.cli.main import main

main()
