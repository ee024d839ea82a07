"""What ``-o json`` prints: a class a verb, each attribute a key (in camel case).

A module for the answers that are wanted together, because making a class takes longer than writing most answers: a
verb imports its own alone. ``docs/reference/cli.md`` is made of these classes; a test holds both to each other and the
verbs to them.
"""
