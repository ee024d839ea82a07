"""Telamon keeps Atlassian Data Center up: one stack file, one engine, several platforms."""

__version__ = "0.1.0"
