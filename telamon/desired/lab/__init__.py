"""(Stack, LabFacts) -> the lab as plain data: every process, file, address and link of it.

Steps: :func:`~telamon.desired.lab.needs.needs` says what must be found on the machine; the platform finds it and
keeps it as :class:`~telamon.desired.lab.facts.LabFacts`; :func:`~telamon.desired.lab.compile.compile_lab` makes
:class:`~telamon.desired.lab.data.LabDesired` of both.

Traps:
    * A member's address and port never change by themselves: the balancers' cookie holds them.
    * What only a restart can change is in a member's revision; what a file replaced by renaming can change is not.
"""
