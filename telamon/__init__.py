"""Telamon carries Jira, Confluence and Bitbucket Data Center.

One file describes the stack; one engine keeps it up. The packages form floors, each resting only on those
below it; the import contracts in the project's configuration hold them to that.
"""

__version__ = "0.1.0"
