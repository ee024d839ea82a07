"""Instruments: load from outside, a record of every request, and what the record says.

The load generator is a program of its own, ``python -m telamon.proof.load --plan FILE --record FILE``, so that nothing
it measures shares an interpreter with it. Whoever wants to know what a fault did

1. has :func:`telamon.proof.stage.stage` make the content that the product's traffic needs, and gets a
   :class:`telamon.proof.workload.LoadPlan`,
2. starts a :class:`telamon.proof.generator.Generator` with it, and does the damage at a moment it notes itself (both
   use the system's monotonic clock, so their instants compare),
3. reads the record with :func:`telamon.proof.record.read_record`, and asks :mod:`telamon.proof.measure` what users had
   to wait for and :mod:`telamon.proof.history` whether what they were shown can be true.

What users of a product do stands in its ``traffic`` module, in the words of :mod:`telamon.products.traffic`: the
requests with their shares, and what each of them means for the history. Nothing here knows a product.

Traps:
    * The loop is open: a request has an instant at which it is due, and its latency counts from there, whether or not
      the generator came to it in time. How late the generator was is recorded beside it; a run in which it lagged
      is void.
    * A request that failed is not sent again. The one exception is a session that the server has forgotten: it logs
      in and asks again, as a person would, and is counted as a new login.
    * What git and websockets do is in the same record. Their sessions have numbers of their own, above those of the
      browsers, so whoever counts sessions asks the plan.
    * Without an audit a history ends with writes that nobody looked at again: it is clean, and shows little. The
      verdict says how many acknowledged writes were read back.
"""
