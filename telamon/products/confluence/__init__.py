"""Confluence Data Center, and its companion Synchrony for editing together."""
