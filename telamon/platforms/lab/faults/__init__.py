"""Faults of the lab, behind :class:`telamon.ports.Faults`.

:mod:`~telamon.platforms.lab.faults.adapter` keeps the records and hands each fault to its maker: signals
(:mod:`~telamon.platforms.lab.faults.signals`), what has to be done again and again
(:mod:`~telamon.platforms.lab.faults.tormentor`, a process of its own), links
(:mod:`~telamon.platforms.lab.faults.links`, by the relays of :mod:`~telamon.platforms.lab.faults.relay`), homes
(:mod:`~telamon.platforms.lab.faults.homes`) and clocks (:mod:`~telamon.platforms.lab.faults.clocks`).

Traps:
    * Whoever makes a fault may be killed at any line. So the record is written first, and everything that ends a fault
      works from any state, also where the fault was never really made.
    * A process is known by pid and start time: the engine may have replaced it meanwhile.
"""
