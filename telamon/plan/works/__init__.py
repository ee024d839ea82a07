"""Kinds of long work, a module for each subject."""
