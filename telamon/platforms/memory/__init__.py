"""A platform in memory, with the same contract as the real ones and an injected clock.

It is what the simulator and the property tests run on, and what the preview of a plan could run on. It ships with the
product because a contract that only real machines can check is checked too rarely.
"""
