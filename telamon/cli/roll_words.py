"""A roll of machines, as people and programs read it."""

from __future__ import annotations

from telamon.cli.machine_words import MachineRolled, MachinesRolled
from telamon.plan.draining import Fleet, objections
from telamon.plan.rolling import Chosen, Roll, awaited, replacements


def shown(fleet: Fleet, roll: Roll, *, done: bool) -> MachinesRolled:
    """A roll as people and programs read it.

    Args:
        fleet: as it is now.
        roll: as it was kept.
        done: whether nothing is left of it.
    """
    return MachinesRolled(
        asked=roll.asked,
        done=done,
        machines=tuple(_machine(fleet, roll, each) for each in roll.machines),
        awaits=awaited(roll),
        replacements=tuple(each.name for each in replacements(fleet, roll)),
    )


def _machine(fleet: Fleet, roll: Roll, one: Chosen) -> MachineRolled:
    found = next((each for each in fleet.machines if each.uid == one.uid), None)
    if found is None:
        return MachineRolled(one.name, one.group, "gone", (), 0, ())
    is_empty = one.uid in roll.emptied
    pods = fleet.on(found.name)
    return MachineRolled(
        name=one.name,
        group=one.group,
        state="emptied" if is_empty else "waits",
        members=tuple(pod.path for pod in pods if pod.stack),
        others=sum(not pod.stack for pod in pods),
        objections=() if is_empty else objections(fleet, found),
    )


def text(answer: MachinesRolled) -> str:
    """The same for a terminal.

    Args:
        answer: what is shown.
    """
    if not answer.machines:
        return f"nothing to do: there is none of the {answer.asked}"
    lines = [f"{answer.asked}: {'replaced' if answer.done else 'to be replaced'}, one after another"]
    for number, each in enumerate(answer.machines, start=1):
        group = f"  {each.group}" if each.group else ""
        lines.append(f"{number:3}. {each.name}{group}  {_state(each)}")
        lines += [f"     ! {objection}" for objection in each.objections]
    if answer.replacements:
        lines.append(f"in their place: {', '.join(answer.replacements)}")
    return "\n".join([*lines, f"after each of them: {answer.awaits}"] if not answer.done else lines)


def _state(machine: MachineRolled) -> str:
    if machine.state == "waits":
        return f"{len(machine.members)} members, {machine.others} other pods"
    return "is empty and takes no new pods: take it away" if machine.state == "emptied" else "is gone"
