"""CHANGE: desired and observed compared. Pure and total; removals first; empty means converged.

No action names an object that is not ours, and the only qdisc ever deleted is one that we created and that holds no
stranger's filter. Without ``desired.teardown`` (a ``config reload`` is under way) nothing that works is taken away.
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
    DeleteQdisc,
    Detach,
    FreezeAccount,
    OpenAccount,
    ReleaseSlot,
    Replace,
)
from sonic_telegen.model.job import Direction, JobSpec
from sonic_telegen.model.kernel import (
    FIRST_PRIORITY,
    AccountKey,
    KernelState,
    Qdisc,
    QdiscKind,
    Slot,
    TcFilter,
)
from sonic_telegen.reconcile.desired import Desired, Hook

HANDLE = 1  # of our only filter at its priority
Place = tuple[int, Direction]


class _World:
    """The observed state, indexed by hook."""

    def __init__(self, desired: Desired, state: KernelState) -> None:
        self.state = state
        self.wanted = desired.hooks()
        self.jobs: dict[Place, list[JobSpec]] = defaultdict(list)
        for job in desired.jobs.values():
            for hook in job.hooks:
                self.jobs[hook.ifindex, hook.direction].append(job.spec)
        self.keys = {AccountKey(j.id, h.netdev, h.direction) for p, h in self.wanted.items() for j in self.jobs[p]}
        self.filters: dict[Place, list[TcFilter]] = defaultdict(list)
        for item in state.filters:
            self.filters[item.ifindex, item.direction].append(item)
        self.slots: dict[Place, Slot] = {}
        for slot in sorted(state.slots.values(), key=lambda s: s.index, reverse=True):
            link = state.links.get(slot.ifindex)
            if link is not None and link.name == slot.name:
                self.slots[slot.ifindex, slot.direction] = slot

    def name(self, ifindex: int) -> str:
        link = self.state.links.get(ifindex)
        return link.name if link else f"ifindex {ifindex}"

    def keeper(self, place: Place) -> TcFilter | None:
        """The one interface filter of ours to keep on a hook: the one that counts rightly, else the oldest priority."""
        own = [f for f in self.filters[place] if (name := f.own) and not name.job]
        slot = self.slots.get(place)
        good = [f for f in own if f.prog_id == self.state.program.prog_id and slot and f.classid == slot.index]
        return min(good or own, key=lambda f: (f.priority, f.handle), default=None)


def usable_qdisc(desired: Desired, state: KernelState, hook: Hook) -> QdiscKind | None:
    """The qdisc that will carry ``hook``; None when a stranger's ``ingress`` qdisc leaves its egress no place."""
    return _qdisc_kind(_World(desired, state), hook)


def _qdisc_kind(world: _World, hook: Hook) -> QdiscKind | None:
    present = world.state.qdiscs.get(hook.ifindex)
    egress = (hook.ifindex, Direction.EGRESS) in world.wanted
    if present is None or (egress and _may_widen(world, present)):
        return QdiscKind.CLSACT if egress else QdiscKind.INGRESS
    if present.kind is QdiscKind.INGRESS and hook.direction is Direction.EGRESS:
        return None
    return present.kind


def _may_widen(world: _World, qdisc: Qdisc) -> bool:
    """Whether an ``ingress`` qdisc is ours alone, so that clsact may take its place."""
    strangers = [f for f in world.filters[qdisc.ifindex, Direction.INGRESS] if f.own is None]
    return qdisc.kind is QdiscKind.INGRESS and qdisc.ours and not strangers


def plan(desired: Desired, state: KernelState) -> tuple[Action, ...]:
    """The actions that bring ``state`` to ``desired``."""
    world = _World(desired, state)
    return (*_removals(desired, world), *_additions(world))


def _removals(desired: Desired, world: _World) -> Iterator[Action]:
    state = world.state
    left: dict[int, int] = defaultdict(int)  # filters that stay, by netdev
    for place, filters in list(world.filters.items()):
        keep = world.keeper(place)
        for item in filters:
            qdisc = state.qdiscs.get(item.ifindex)
            if item.own is None or qdisc is None:
                left[item.ifindex] += 1
            elif (item is not keep or _widened(world, qdisc)) if place in world.wanted else desired.teardown:
                yield Detach(item, world.name(item.ifindex), qdisc.kind)  # two of ours on a hook would count twice
            else:
                left[item.ifindex] += 1
    if desired.teardown:
        for key, account in sorted(state.accounts.items(), key=lambda pair: str(pair[0])):
            if account.slot and key not in world.keys:
                yield FreezeAccount(key)
    for slot in sorted(state.slots.values(), key=lambda s: s.index):
        place = (slot.ifindex, slot.direction)
        if world.slots.get(place) is not slot or (desired.teardown and place not in world.wanted):
            yield ReleaseSlot(slot.index, slot.name)
    if desired.teardown:
        for key in sorted(state.accounts, key=str):
            if key.job not in desired.remembered:
                yield CloseAccount(key)
    used = {ifindex for ifindex, _ in world.wanted}
    for qdisc in state.qdiscs.values():
        idle = qdisc.ours and qdisc.ifindex not in used and desired.teardown
        if (idle and not left[qdisc.ifindex]) or (qdisc.ifindex in used and _widened(world, qdisc)):
            yield DeleteQdisc(qdisc.ifindex, world.name(qdisc.ifindex), qdisc.kind)


def _widened(world: _World, qdisc: Qdisc) -> bool:
    return (qdisc.ifindex, Direction.EGRESS) in world.wanted and _may_widen(world, qdisc)


def _additions(world: _World) -> Iterator[Action]:
    state = world.state
    numbers = _free_slots(state)
    made: set[int] = set()
    for place, hook in sorted(world.wanted.items(), key=lambda item: (item[1].netdev, item[0])):
        kind = _qdisc_kind(world, hook)
        if kind is None:
            continue
        present = state.qdiscs.get(hook.ifindex)
        slot = world.slots.get(place)
        number = slot.index if slot else next(numbers, 0)
        if not number:
            continue  # no entry left: told as no_slot
        if (present is None or present.kind is not kind) and hook.ifindex not in made:
            made.add(hook.ifindex)
            yield AddQdisc(hook.ifindex, hook.netdev, kind)
        if slot is None:
            yield AssignSlot(number, hook.ifindex, hook.netdev, hook.direction)
        for job in world.jobs[place]:
            key = AccountKey(job.id, hook.netdev, hook.direction)
            account = state.accounts.get(key)
            if account is None or account.slot != number or account.digest != job.digest():
                yield OpenAccount(key, job.digest(), number)
        current = None if hook.ifindex in made else world.keeper(place)
        if current is None:
            taken = {f.priority for f in world.filters[place] if f.own is None}
            priority = next(p for p in range(FIRST_PRIORITY, 0xFFFF) if p not in taken)
            yield Attach(hook.ifindex, hook.netdev, hook.direction, kind, priority, HANDLE, number)
        elif current.prog_id != state.program.prog_id or current.classid != number:
            yield Replace(current, hook.netdev, kind, number)


def _free_slots(state: KernelState) -> Iterator[int]:
    """Unassigned entries, those after the highest in use first: an entry just released rests for as long as it can."""
    last = max(state.slots, default=0)
    for number in (*range(last + 1, state.slot_count), *range(1, min(last, state.slot_count - 1) + 1)):
        if number not in state.slots:
            yield number
