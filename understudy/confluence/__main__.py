"""``python -m understudy.confluence``: run one node with the environment of the official image."""

import sys

from understudy.confluence.app import WikiProcess
from understudy.kit.main import run

if __name__ == "__main__":
    sys.exit(run(WikiProcess))
