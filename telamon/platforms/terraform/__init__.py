"""The real ``terraform``: one runner for everybody who needs it, and what its failures mean.

===========  ==============================================================================================
``runner``   the program on this machine, a verb a method
``applying`` an apply that outlives whoever started it
``failures`` what it says, in our words
===========  ==============================================================================================

Trap: nothing here decides whether a plan may be applied. That is for approvals to say.
"""
