"""``python -m understudy.bitbucket``: one node, until SIGTERM."""

from __future__ import annotations

import os
import sys

from understudy.bitbucket.node import BitbucketNode
from understudy.bitbucket.settings import read_settings
from understudy.kit.main import run

if __name__ == "__main__":
    sys.exit(run(lambda environment: BitbucketNode(read_settings(environment, os.environ))))
