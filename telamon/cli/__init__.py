"""The command line: one module a verb, each named like the verb.

Steps: :mod:`telamon.cli.main` finds the verb in the table of :mod:`telamon.cli.verbs`, imports its module alone, and
runs its ``command`` with a :class:`telamon.cli.session.Session`. A verb ends by returning, with an exit code through
``click``, or by raising a :class:`telamon.errors.TelamonError`, which :mod:`telamon.cli.failures` puts into words.

Traps:
    * The first line must come within 200 ms: a module of this package imports at its top only what ``--help`` needs.
      The reader of the stack file, the controller's client and the renderer are imported inside the functions that
      use them.
    * Standard output carries the answer and nothing else, so that it can be piped; progress, warnings and questions
      go to standard error.
"""
