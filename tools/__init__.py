"""Checks and chores of this repository, each a command: ``python -m tools.<name>``.

They look at files only and know nothing of the engine, so that they also run while the engine is broken.
"""
