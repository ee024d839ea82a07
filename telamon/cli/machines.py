"""``telamon machines``: the nodes of a cluster, emptied one pod at a time while the products stay well."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from telamon.cli import completing
from telamon.cli.clusters import cluster_options, connected
from telamon.cli.options import Verb, Verbs, agreed_option, max_wait_option, timeout_option, yes_option

if TYPE_CHECKING:
    from telamon.cli.machine_words import Machines, MachineShown
    from telamon.cli.session import Session
    from telamon.plan.draining import Fleet, Machine
    from telamon.units import Duration


def _minor(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """The minor version that somebody means, e.g. 35."""
    from telamon.model.kubernetes import minor_of

    minor = minor_of(value) if value is not None and value.startswith("1.") else None
    if value is not None and minor is None:
        raise click.BadParameter(f"{value} is no minor version of Kubernetes, e.g. 1.35")
    return minor


@click.group(cls=Verbs)
def command() -> None:
    """Empty a machine of a cluster while its products stay well.

    What Kubernetes calls a node is a machine here, because nodes are those of the products.

    Examples:
        telamon machines list --context production
        telamon machines drain ip-10-0-1-23.eu-central-1.compute.internal --context production
        telamon machines uncordon ip-10-0-1-23.eu-central-1.compute.internal
        telamon machines roll --group products --into products-b --context production
    """


@command.command("list", cls=Verb)
@cluster_options
@click.pass_obj
def list_(session: Session, *, kubeconfig: Path | None, context: str | None) -> None:
    """List the machines, who is on them, and what speaks against emptying each.

    Examples:
        telamon machines list
        telamon machines list --context production -o json
    """
    with connected(kubeconfig, context) as api:
        from telamon.platforms.kubernetes.draining import LOOKING, demand, look

        demand(api, LOOKING)
        fleet = look(api)
    from telamon.cli.machine_words import Machines

    answer = Machines(
        control_plane="" if fleet.minor is None else f"1.{fleet.minor}",
        machines=tuple(
            _shown(fleet, machine) for machine in sorted(fleet.machines, key=lambda one: one.name)
        ),
    )
    session.answer(lambda: answer, lambda: _text(answer))


@command.command("drain", cls=Verb)
@click.argument("name", metavar="MACHINE", shell_complete=completing.MACHINES)
@cluster_options
@yes_option
@timeout_option("2h")
@click.pass_obj
def drain(
    session: Session, *, name: str, kubeconfig: Path | None, context: str | None, yes: bool, timeout: Duration
) -> None:
    """Have every pod leave a machine, one by one, while the products stay well.

    The machine takes no new pods from then on. One pod is evicted at a time, as its disruption budget allows; the next
    one goes once every stack that has or had members on the machine is ready, whole and of its newest spec as its
    operator tells, every pod of it is ready, and all that has held for 10 s. Pods of a DaemonSet and those that the
    machine runs from files of its own stay; a job that works on data is let finish. Pods that nothing would make again
    are a reason to refuse. Nothing is ever deleted by force.

    Whoever interrupts it loses nothing: typed again, it goes on where the cluster is. `telamon machines uncordon` takes
    it back.

    Examples:
        telamon machines drain node-1
        telamon machines drain node-1 --context production --yes --timeout 30m -o json
    """
    from telamon.cli.draining import empty
    from telamon.cli.machine_words import MachineChanged

    with connected(kubeconfig, context) as api:
        from telamon.platforms.kubernetes.draining import EMPTYING, demand, look

        demand(api, EMPTYING)
        fleet = look(api)
        machine = named(fleet, name)
        pods, stacks = fleet.on(name), fleet.stacks(machine)
        if not machine.closed or pods:
            of = f", of {', '.join(stacks)}" if stacks else ""
            session.confirm(f"{len(pods)} pods leave {name} one by one{of}. Go on?", yes=yes)
        evicted = empty(session, api, name=name, timeout=timeout)
    answer = MachineChanged(name=name, closed=True, evicted=evicted, stacks=stacks)
    session.answer(
        lambda: answer, lambda: f"{name} is empty, and takes no new pods; {len(evicted)} pods were evicted"
    )


@command.command("uncordon", cls=Verb)
@click.argument("name", metavar="MACHINE", shell_complete=completing.MACHINES)
@cluster_options
@agreed_option
@click.pass_obj
def uncordon(session: Session, *, name: str, kubeconfig: Path | None, context: str | None) -> None:
    """Let a machine take pods again. Those that have left it stay where they are.

    Examples:
        telamon machines uncordon node-1 --context production
    """
    from telamon.cli.machine_words import MachineChanged

    with connected(kubeconfig, context) as api:
        from telamon.platforms.kubernetes.draining import LOOKING, REOPENING, demand, look, reopen

        demand(api, (*LOOKING, *REOPENING))
        fleet = look(api)
        stacks = fleet.stacks(named(fleet, name))
        changed = reopen(api, name)
    words = "takes pods again" if changed else "took pods already"
    answer = MachineChanged(name=name, closed=False, evicted=(), stacks=stacks)
    session.answer(lambda: answer, lambda: f"{name} {words}")


@command.command("roll", cls=Verb)
@click.argument("names", nargs=-1, metavar="[MACHINE]...", shell_complete=completing.MACHINES)
@click.option(
    "--group", metavar="GROUP", shell_complete=completing.GROUPS, help="All machines of this node group."
)
@click.option(
    "--older-than",
    "older",
    callback=_minor,
    metavar="VERSION",
    help="All whose kubelet is older than this minor version, e.g. 1.35; a replacement has it or a newer one.",
)
@click.option(
    "--into",
    metavar="GROUP",
    shell_complete=completing.GROUPS,
    help="Node group whose machines stand for them. Default: new ones.",
)
@click.option("--forget", is_flag=True, help="End a roll that is not done. No machine changes by that.")
@click.option(
    "--dry-run", is_flag=True, help="Show the order and what speaks against it, and change nothing."
)
@cluster_options
@yes_option
@max_wait_option("2h")
@click.pass_obj
def roll(
    session: Session,
    /,
    *,
    kubeconfig: Path | None,
    context: str | None,
    forget: bool,
    dry_run: bool,
    yes: bool,
    max_wait: Duration,
    **wanted: Any,
) -> None:
    """Replace machines one after another, while the products stay well.

    Each machine is emptied as `telamon machines drain` does it, those with the fewest members first. The next one
    follows once another machine stands for it, is ready and takes pods, and every stack that had members on any of them
    is well. What stands for a machine is one that has joined its node group since the roll began; with --into, one of
    that group. Telamon makes no machine and takes none away: it says what is waited for, and how one is made to come.

    One roll at a time goes on in a cluster, and the cluster keeps what was decided and how far it is. Typed again
    without machines, it goes on with that, also after it was killed. --max-wait is how long one machine may take to be
    empty and another one to stand for it.

    Examples:
        telamon machines roll --older-than 1.35 --dry-run
        telamon machines roll --group products --into products-b --context production --yes
        telamon machines roll node-1 node-2 --max-wait 30m -o json
        telamon machines roll
        telamon machines roll --forget
    """
    from telamon.cli.roll_words import text
    from telamon.cli.rolling import Wish, forgotten, rolled

    wish = Wish(**wanted)
    with connected(kubeconfig, context) as api:
        if forget:
            ended = forgotten(session, api)
            session.answer(
                lambda: ended, lambda: f"ended: {ended.asked}" if ended.asked else "none is in progress"
            )
            return
        answer = rolled(session, api, wish=wish, dry_run=dry_run, yes=yes, max_wait=max_wait)
    session.answer(lambda: answer, lambda: text(answer))


def named(fleet: Fleet, name: str) -> Machine:
    """The machine of that name. Raises UsageError with the nearest one."""
    from telamon.cli.names import unknown

    found = next((each for each in fleet.machines if each.name == name), None)
    if found is None:
        raise unknown("machine", name, known=sorted(each.name for each in fleet.machines))
    return found


def _shown(fleet: Fleet, machine: Machine) -> MachineShown:
    from telamon.cli.machine_words import MachineShown
    from telamon.plan.draining import objections

    pods = fleet.on(machine.name)
    return MachineShown(
        name=machine.name,
        version=machine.version,
        group=machine.group,
        ready=machine.ready,
        closed=machine.closed,
        members=tuple(pod.path for pod in pods if pod.stack),
        others=sum(not pod.stack for pod in pods),
        objections=objections(fleet, machine),
    )


def _text(answer: Machines) -> str:
    if not answer.machines:
        return "the cluster has no machine"
    width = max(len(each.name) for each in answer.machines)
    lines = [f"the control plane is of {answer.control_plane}"] if answer.control_plane else []
    for each in answer.machines:
        state = "ready" if each.ready else "does not answer"
        state += ", takes no new pods" if each.closed else ""
        group = f"  {each.group}" if each.group else ""
        pods = f"{len(each.members)} members, {each.others} other pods"
        lines.append(f"{each.name:{width}}  {each.version or 'unknown'}  {state}{group}  {pods}")
        lines += [f"  {pod}" for pod in each.members]
        lines += [f"  ! {objection}" for objection in each.objections]
    return "\n".join(lines)
