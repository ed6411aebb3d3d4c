"""CHANGE: desired and observed compared. Pure and total; removals first; empty means converged.

No action names an object that is not ours, and the only qdisc ever deleted is one that we created and that holds no
stranger's filter. Without ``desired.teardown`` (a ``config reload`` is under way) nothing that works is taken away.
Where a job has a program of its own, that is loaded first; its slots and filters are planned when it was seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sonic_telegen.model.action import (
    Action,
    AddQdisc,
    AssignSlot,
    Attach,
    CloseAccount,
    CreateTunnel,
    DeleteQdisc,
    DeleteTunnel,
    Detach,
    FreezeAccount,
    LoadProgram,
    OpenAccount,
    RaiseTunnel,
    ReleaseSlot,
    RenameTunnel,
    Replace,
    SetDeadline,
    SetMirror,
    SetTunnelMtu,
    UnloadProgram,
)
from sonic_telegen.model.erspan import ErspanSpec
from sonic_telegen.model.job import MirrorMode
from sonic_telegen.model.kernel import DROP, FIRST_PRIORITY, LAST_PRIORITY, AccountKey, KernelState, Link, QdiscKind
from sonic_telegen.reconcile.desired import Desired, Hook, Wanted
from sonic_telegen.reconcile.programs import current, own, program_of
from sonic_telegen.reconcile.world import World, qdisc_kind, widened

HANDLE = 1  # of our only filter at its priority
CLOCKS_DIFFER_NS = 1_000_000_000  # from here on a deadline in the kernel is put right


def usable_qdisc(desired: Desired, state: KernelState, hook: Hook) -> QdiscKind | None:
    """The qdisc that will carry ``hook``; None when a stranger's ``ingress`` qdisc leaves its egress no place."""
    return qdisc_kind(World(desired, state), hook)


def plan(desired: Desired, state: KernelState) -> tuple[Action, ...]:
    """The actions that bring ``state`` to ``desired``."""
    world = World(desired, state)
    made = (*_removals(desired, world), *_creations(desired, world), *_programs(desired, world), *_additions(world))
    return (*made, *_mirrors(desired, world))


def _removals(desired: Desired, world: World) -> Iterator[Action]:
    state = world.state
    left: dict[int, int] = defaultdict(int)  # filters that stay, by netdev
    full = next(_free_slots(state), 0) == 0
    for item in state.filters:
        qdisc = state.qdiscs.get(item.ifindex)
        if item.own is None or qdisc is None or item.ifindex in world.doomed:
            left[item.ifindex] += 1
            continue
        spot = (item.ifindex, item.direction, item.own.job)
        wanted = spot in world.wanted
        # Without a slot of its own, and with none to be had, it counts for nobody or keeps another's slot from its end.
        astray = full and item.own.job != DROP and spot not in world.slots
        idle = not world.stays(spot) and not world.guards(item)
        if (astray or item is not world.keeper(spot) or widened(world, qdisc)) if wanted else idle:
            yield Detach(item, world.name(item.ifindex), qdisc.kind)  # two of ours for one spot would count twice
        else:
            left[item.ifindex] += 1
    if desired.teardown:
        for key, account in sorted(state.accounts.items(), key=lambda pair: str(pair[0])):
            if account.slot and key not in world.keys:
                yield FreezeAccount(key)
    for slot in sorted(state.slots.values(), key=lambda s: s.index):
        whose = world.spots.get(slot.index)
        if slot.ifindex in world.doomed:
            continue
        if whose is None or (whose not in world.wanted and not world.stays(whose)):
            yield ReleaseSlot(slot.index, slot.name)
    for job in sorted(state.programs):
        if _needless(desired, world, job):
            yield UnloadProgram(job)
    if desired.teardown:
        for key in sorted(state.accounts, key=str):
            if key.job not in desired.remembered or _elsewhere(desired, key.job):
                yield CloseAccount(key)
    used = {ifindex for ifindex, _ in world.places}
    for qdisc in state.qdiscs.values():
        idle = qdisc.ours and qdisc.ifindex not in used and desired.teardown
        if (idle and not left[qdisc.ifindex]) or (qdisc.ifindex in used and widened(world, qdisc)):
            yield DeleteQdisc(qdisc.ifindex, world.name(qdisc.ifindex), qdisc.kind)
    for ifindex in sorted(world.doomed):
        link = state.links[ifindex]
        yield DeleteTunnel(ifindex, link.name, link.alias)


def _elsewhere(desired: Desired, job: str) -> bool:
    """Whether the ASIC serves it now: what was counted here before is no answer any more."""
    wanted = desired.jobs.get(job)
    return wanted is not None and wanted.mode is MirrorMode.ASIC


def _creations(desired: Desired, world: World) -> Iterator[Action]:
    """Netdevs of tunnels, each once; they are set up when nothing gets from there into the host any more."""
    names = {link.name for link in world.state.links.values() if link.ifindex not in world.doomed}
    for wanted in _tunnels(desired).values():
        spec, link = wanted.tunnel, wanted.link
        if spec is None:
            continue
        if link is None:
            if not _in_the_way(desired, world, wanted.interface, spec):
                yield CreateTunnel(spec, wanted.interface)
        elif link.unnamed and wanted.interface not in names:
            yield RenameTunnel(spec, link.ifindex, wanted.interface)
        if link is not None and (mtu := _mtu(spec, link, world.state)) != link.mtu:
            yield SetTunnelMtu(spec, link.ifindex, link.name, mtu)


def _mtu(spec: ErspanSpec, link: Link, state: KernelState) -> int:
    """What the netdev of a tunnel should have; a way through a tunnel of ours is none."""
    out = state.links.get(state.routes.get((spec.remote, spec.local), 0))
    mtu = spec.right_mtu(link.mtu, out.mtu if out is not None and not out.ours else 0)
    return min(mtu, link.max_mtu) if link.max_mtu else mtu


def _in_the_way(desired: Desired, world: World, name: str, spec: ErspanSpec) -> bool:
    """Whether a netdev of ours that no job uses, and that goes when the reload is over, has that name or those ends."""
    if desired.teardown:
        return False
    used = {job.link.ifindex for job in desired.jobs.values() if job.tunnel is not None and job.link is not None}
    ours = [link for link in world.state.links.values() if link.ours and link.ifindex not in used]
    return any(link.name == name or (link.remote, link.local) == (spec.remote, spec.local) for link in ours)


def _tunnels(desired: Desired) -> dict[str, Wanted]:
    """One job for each tunnel, by the tunnel's digest."""
    return {job.tunnel.digest(): job for job in desired.jobs.values() if job.tunnel is not None}


def _mirrors(desired: Desired, world: World) -> Iterator[Action]:
    ready = set()
    for digest, wanted in _tunnels(desired).items():
        far, link, spec = wanted.far, wanted.link, wanted.tunnel
        if far is None or link is None or spec is None:
            continue
        if not link.up and world.keeper((far.ifindex, far.direction, DROP)):
            yield RaiseTunnel(spec, link.ifindex, link.name)
        elif not link.up:
            continue
        ready.add(digest)
    for job, wanted in desired.jobs.items():
        found = program_of(wanted, world.state)
        if found is None or not current(found, wanted, world.state):
            continue
        there = wanted.link is not None and wanted.tunnel is not None and wanted.tunnel.digest() in ready
        target = wanted.link.ifindex if there and wanted.link else 0
        if found.mirror != target:
            yield SetMirror(job, target)


def _needless(desired: Desired, world: World, job: str) -> bool:
    """Whether a job's program may go: it answers no question any more, and what it found is told."""
    wanted = desired.jobs.get(job)
    if wanted is not None and wanted.alive:
        return program_of(wanted, world.state) is None
    return desired.teardown and job not in desired.untold


def _programs(desired: Desired, world: World) -> Iterator[Action]:
    state = world.state
    for job, wanted in desired.jobs.items():
        if not own(wanted):
            continue
        found = program_of(wanted, state)
        usable = any((h.ifindex, h.direction, job) in world.wanted and qdisc_kind(world, h) for h in wanted.hooks)
        if found is None or not current(found, wanted, state):
            if usable and job not in desired.refused:
                yield LoadProgram(wanted.spec, wanted.deadline_ns, wanted.mode)
        elif bool(found.deadline_ns) != bool(wanted.deadline_ns) or (
            abs(found.deadline_ns - wanted.deadline_ns) >= CLOCKS_DIFFER_NS
        ):
            yield SetDeadline(job, wanted.deadline_ns)


def _additions(world: World) -> Iterator[Action]:
    state = world.state
    numbers = _free_slots(state)
    made: set[int] = set()
    for spot, hook in sorted(world.wanted.items(), key=lambda item: (item[1].netdev, item[0])):
        place, job = spot[:2], spot[2]
        kind = qdisc_kind(world, hook)
        if job == DROP:
            yield from _qdisc(world, hook, made)
            if kind is not None and (hook.ifindex in made or world.keeper(spot) is None):
                yield Attach(hook.ifindex, hook.netdev, hook.direction, kind, LAST_PRIORITY, HANDLE, 0, DROP)
            continue
        program, punt = world.program(spot), world.punt(spot)
        if kind is None or program is None:
            continue
        slot = world.slots.get(spot)
        number = slot.index if slot else next(numbers, 0)
        if not number:
            continue  # no entry left: told as no_slot
        yield from _qdisc(world, hook, made)
        if slot is None:
            yield AssignSlot(number, hook.ifindex, hook.netdev, hook.direction, job)
        for spec in world.jobs[spot]:
            key = AccountKey(spec.id, hook.netdev, hook.direction)
            account = state.accounts.get(key)
            if account is None or account.slot != number or account.digest != spec.digest():
                yield OpenAccount(key, spec.digest(), number)
        current = None if hook.ifindex in made else world.keeper(spot)
        if current is None:
            priority = next(p for p in range(FIRST_PRIORITY, 0xFFFF) if p not in world.taken[place])
            world.taken[place].add(priority)
            yield Attach(hook.ifindex, hook.netdev, hook.direction, kind, priority, HANDLE, number, job, punt)
        elif current.prog_id != program or current.classid != number:
            yield Replace(current, hook.netdev, kind, number, punt)


def _qdisc(world: World, hook: Hook, made: set[int]) -> Iterator[Action]:
    """The qdisc that a hook needs, where it is not there; once for both hooks of a netdev."""
    present, kind = world.state.qdiscs.get(hook.ifindex), qdisc_kind(world, hook)
    if kind is not None and (present is None or present.kind is not kind) and hook.ifindex not in made:
        made.add(hook.ifindex)
        yield AddQdisc(hook.ifindex, hook.netdev, kind)


def _free_slots(state: KernelState) -> Iterator[int]:
    """Unassigned entries, those after the highest in use first: an entry just released rests for as long as it can."""
    last = max(state.slots, default=0)
    for number in (*range(last + 1, state.slot_count), *range(1, min(last, state.slot_count - 1) + 1)):
        if number not in state.slots:
            yield number
