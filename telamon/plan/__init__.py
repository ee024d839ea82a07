"""Decide. Pure functions of what is desired, what was seen, what is remembered and the time.

Steps of a pass: gather one :class:`~telamon.plan.view.View`; ask an operation's ``next_step``; put its answer to the
guards (:mod:`telamon.plan.checks`); predict (:mod:`telamon.plan.effects`) and hold the prediction against the
invariants (:mod:`telamon.plan.invariants`). Nothing here performs anything: :mod:`telamon.run.executor` does.

Traps:
    * A rule must decide from any state, also one left by a controller that died half-way.
    * A step that repeats itself for ever is a bug that the property tests look for: they replay every prefix of
      every plan with any member lost at any point and demand that the plan ends.
"""
