"""Stand-ins for licensed server products, for rehearsals and tests.

Each subpackage is a small clustered server that keeps the *operational contract* of one product: its
status route, its set-up pages, its node registry, its rolling-upgrade REST, its search index and the
environment variables of its official image. None of them is the product, none contains a line of it,
and nothing here imports the engine: the two meet over the wire only.

Run one with ``python -m understudy.jira`` (or ``.confluence``, ``.bitbucket``, ``.synchrony``,
``.search``) and the environment of the official image, plus the ``UNDERSTUDY_*`` variables that
:mod:`understudy.kit.settings` documents.
"""
