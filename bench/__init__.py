"""Measure what must hold: ``python -m bench`` drives a lab from outside and writes a report.

Modules:

* :mod:`bench.lab` - the stack as its users see it: the command line, and the processes on this machine;
* :mod:`bench.histories` - histories of a simulated product, at which the history checker is measured;
* :mod:`telamon.proof.generator` - load generators as processes of their own;
* :mod:`bench.scenarios` - what is done and which figures it gives;
* :mod:`bench.results` - what was measured, kept after every run, so that a bench that was cut short goes on;
* :mod:`bench.report`, :mod:`telamon.proof.plot` - the page that people read.

Timings never fail a bench: it reports what it saw. Its exit code says only whether it could measure.
"""
