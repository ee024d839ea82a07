"""(Stack, Facts) -> plain data. Builders take values and return values: no client, no clock, no environment.

:mod:`telamon.desired.component` is what the planner needs of it on every platform; a folder a platform adds the
objects only that platform has.
"""
