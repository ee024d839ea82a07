"""The lab: every member a process of this machine, under one controller.

Who does what: :mod:`~telamon.platforms.lab.facts` finds out about the machine,
:mod:`~telamon.platforms.lab.processes` starts, ends and finds processes again,
:mod:`~telamon.platforms.lab.postgres` and :mod:`~telamon.platforms.lab.admin` know the two servers under the products,
:mod:`~telamon.platforms.lab.probes` looks, :mod:`~telamon.platforms.calls.jobs` performs what products are asked to do,
and :mod:`~telamon.platforms.lab.platform` puts them together behind :class:`telamon.ports.Platform`.

Traps:
    * Nothing that matters lives in this process: it may be killed between any two lines, and the next one finds the
      members by the marker in their environment.
    * A process is known by pid *and* start time, because pids are used again.
"""
