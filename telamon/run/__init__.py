"""Perform. The executor turns decisions into verbs, and keeps the record of what was intended and what came of it."""
