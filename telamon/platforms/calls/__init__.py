"""Speaking to products: what every platform does the same way once it knows where a member listens.

Calls are jobs (:mod:`telamon.platforms.calls.jobs`), close looks ask a node for its cluster, its index and its health
(:mod:`telamon.platforms.calls.looks`), and both log in as :mod:`telamon.platforms.calls.credentials` says. A platform
brings the places where secrets and records are kept, and the address of each member.
"""
