"""Bitbucket Data Center, and its companion OpenSearch for code search."""
