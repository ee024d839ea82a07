"""What people ask for once: one module a verb, each a planner of its own.

Steps: the host accepts an operation when no guard of its planner refuses; from then on every pass over the component
puts the planner's proposals between the rules that protect users and those that heal, until it says that it is
finished.

Traps:
    * A planner has no cursor. What it has done is what can be seen, and facts it recorded under its own name.
    * It decides from any state, also one left by a controller that died half-way, and from a world that somebody
      changed meanwhile.
"""
