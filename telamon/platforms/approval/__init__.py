"""Where approvals meet the machine: files that nobody else reads, ``ssh-keygen``, the audit log, ``terraform``.

What is decided here is decided by :mod:`telamon.infra.verdict`; this package only finds out what it is decided on.
"""
