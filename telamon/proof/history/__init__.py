"""The history checker: from the record alone, what cannot have happened if the product keeps its promises.

A history is a list of operations, each with the instants between which it took effect if it did, the thing it was
about, and what it showed. An operation ends in one of three ways. ``ok``: it was acknowledged. ``fail``: it was refused
and has not happened. ``info``: there was no answer, so it may have happened, may happen later, or never; it is never
held against the product that such a write is missing, nor that it appears, but what was once shown must stay.

What is promised depends on the request (:class:`telamon.products.traffic.Promise`); what each product promises of
which request is said in the docstring of its ``traffic`` module.

``strict``
    Every thing behaves as if its operations took effect one at a time, each at some instant between the moment it was
    sent and the moment it was answered (linearizability). What anybody was told is done, everybody sees.
``session``
    A session sees everything that was acknowledged or shown to itself before: it reads its own writes, and time never
    runs backwards for it. It keeps this across log-ins and across members. What others did may come later, without a
    bound, except that at the end of a run, when nothing changes any more, strict reads must find everything.
``eventual``
    A request shows nothing that nobody wrote, or that was refused, and nothing twice. It may be behind.

Promises hold for each thing by itself. That loses nothing: a history in which each thing is linearizable is
linearizable as a whole (Source: Herlihy and Wing, "Linearizability: a correctness condition for concurrent objects",
ACM TOPLAS 12(3), 1990, theorem 1).

How it is decided:

bag
    Elements are added once, so a read says of each element whether it was there. A bag from which nothing is removed
    is linearizable if, and only if: no read shows what was not sent yet, or misses what had been acknowledged, or
    misses what an earlier read showed; the reads form a chain by inclusion; and no read that shows an element misses
    one that was acknowledged before that element was sent. Elements with a removal are judged one by one, where an
    element by itself is linearizable if, and only if, nothing is found; the rules between elements leave them out. Only
    what has been acknowledged can be removed or opened: before, nobody knows its name.
register without versions
    Every write has a token of its own, so each read names the write it saw. A write and its reads form a cluster; two
    clusters contradict one another if each has an operation that was answered before one of the other's was sent.
    The history is linearizable if, and only if, no two clusters do (Source: Gibbons and Korach, "Testing shared
    memories", SIAM Journal on Computing 26(4), 1997, section 4). A session is shown no value again once it was shown
    one that came after it, be it that time says so or what the session was shown before.
register with versions, and refs
    The versions are the order; it must have no gap, one token at each place, and agree with time.
what is opened
    Size and digest must be those of what was sent; what is listed must be there.

All of it takes time in proportion to n log n of the operations, and to what the reads of bags show.

The witness of an anomaly is a history of its own: checked alone it shows the same anomaly, and with any one of its
operations left out it does not.
"""
