"""``python -m understudy.synchrony``: run one node with the environment of the official image."""

import sys

from understudy.kit.main import run
from understudy.synchrony.app import SynchronyNode

if __name__ == "__main__":
    sys.exit(run(SynchronyNode))
