"""Runs one node: ``python -m understudy.jira``."""

import sys

from understudy.jira.node import JiraNode
from understudy.kit.main import run

if __name__ == "__main__":
    sys.exit(run(JiraNode.from_environment))
