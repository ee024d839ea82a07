"""Jira Software and Jira Service Management Data Center."""
