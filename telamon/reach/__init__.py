"""What network policies allow, exactly: every flow between workloads, and between them and the rest of the world.

:func:`~telamon.reach.solve.solve` is the way in. It takes workloads and policies as plain data, so any set of policies
can be asked about, not only what Telamon rendered. Sets are kept as intervals of ports and of addresses, and no flow is
ever sampled.

Source of the rules: Kubernetes API reference, ``NetworkPolicy v1``; Kubernetes, "Network Policies".

Traps:
    * A workload without an address is matched by no ``ipBlock``: nobody knows before it runs where it will be.
    * What a machine sends to its own pods (probes) is allowed everywhere, whatever a policy says.
"""
