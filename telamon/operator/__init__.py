"""Hosts the executor: lanes, timers, the socket people speak to. It holds no logic of its own.

Steps: ``python -m telamon.operator --state DIR`` takes the lease of the state folder, opens its store, adopts what
runs, starts a lane for each component of the stored stack, and serves :mod:`telamon.operator.api` on a unix socket.

``python -m telamon.operator --kubernetes`` waits for the lease of its namespace, and then does the same for each Stack
there: :mod:`telamon.operator.cluster` makes a host for it, :mod:`telamon.operator.leading` sees that one process acts.

Traps:
    * SIGTERM ends the controller, not the stack: members go on, the next controller adopts them. Only ``down`` ends
      members.
    * A lane that meets a defect of ours logs it, rests, and goes on: one component's bug must not stop another's
      healing.
"""
