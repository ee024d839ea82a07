"""Telamon keeps Atlassian Data Center up: one stack file, one engine, several platforms."""
