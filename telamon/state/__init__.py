"""What was seen. Values only: an adapter fills them, the planner reads them, nobody changes them.

Steps: an adapter observes and builds a :class:`~telamon.state.world.ComponentState`;
:func:`telamon.state.classify.classify` names each member's condition; the planner and the status report read the
same names, so the engine never says one thing and acts on another.
"""
