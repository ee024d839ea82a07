"""Drills: something is broken on purpose while users work, and what they saw is held against what was promised.

A :class:`telamon.proof.drill.catalogue.Drill` says what is done to whom (by a seed) and what must hold.
:mod:`telamon.proof.drill.driving` does it: users come (:mod:`telamon.proof.generator`), the fault is made and ended,
everything is waited for to be well again, and users go on for a while. :mod:`telamon.proof.drill.judging` makes figures
of the records; :mod:`telamon.proof.drill.campaign` runs many drills and remembers which.

Traps:
    * A drill may be killed at any line. What it has broken is then mended by the controller, because every fault is
      recorded with its maker and its end (:class:`telamon.ports.Faults`).
    * Readiness as reported may be older than the fault. Only what holds for some seconds after the last fault counts.
"""
