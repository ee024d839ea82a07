"""Instruments: load from outside, a record of every request, and what the record says.

The load generator is a program of its own, ``python -m telamon.proof.load --plan FILE --record FILE``, so that nothing
it measures shares an interpreter with it. Whoever wants to know what a fault did

1. writes a :class:`telamon.proof.workload.LoadPlan` and starts the generator,
2. waits for the record's first line, which says when load begins, and does the damage at a moment it notes itself
   (both use the system's monotonic clock, so their instants compare),
3. reads the record with :func:`telamon.proof.record.read_record` and asks :mod:`telamon.proof.measure`.

Traps:
    * The loop is open: a request has an instant at which it is due, and its latency counts from there, whether or not
      the generator came to it in time. How late the generator was is recorded beside it; a run in which it lagged
      is void.
    * A request that failed is not sent again. The one exception is a session that the server has forgotten: it logs
      in and asks again, as a person would, and is counted as a new login.
"""
