"""What may happen to the ground under a stack, and who has agreed to it. Pure: text and values in, verdicts out.

A change of infrastructure goes through five hands, each a module here:

1. :mod:`telamon.infra.canonical` gives a saved plan one digest, however often it is made.
2. :mod:`telamon.infra.changes` reads it as people do: created, changed, replaced, destroyed; :mod:`telamon.infra.words`
   says so without a secret.
3. :mod:`telamon.infra.evidence` is everything a plan rests on, and the statement with which somebody agrees to it.
4. :mod:`telamon.infra.approvers` is the list of those who may, and how it passes on.
5. :mod:`telamon.infra.verdict` holds the named guards that decide; :mod:`telamon.infra.ledger` is the audit log.

The signatures, files and the real ``terraform`` are :mod:`telamon.platforms.approval`.
"""
