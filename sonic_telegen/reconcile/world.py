"""The observed state beside the desired one, indexed by *spot*: a hook and whose program sits there. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sonic_telegen.model.job import Direction, JobSpec
from sonic_telegen.model.kernel import (
    DROP,
    ERSPAN_KIND,
    AccountKey,
    KernelState,
    Qdisc,
    QdiscKind,
    Slot,
    TcFilter,
)
from sonic_telegen.reconcile.desired import Desired, Hook
from sonic_telegen.reconcile.programs import Place, Spot, admit, current, own, program_of


class World:
    """``wanted`` spots with their hooks, the ``jobs`` that count there, and what of the kernel belongs to each."""

    def __init__(self, desired: Desired, state: KernelState) -> None:
        self.state, self.desired = state, desired
        self.places = desired.hooks()
        self.wanted: dict[Spot, Hook] = {(*place, ""): hook for place, hook in self.places.items()}
        self.wanted |= {(*place, DROP): hook for place, hook in desired.far_hooks().items()}
        self.doomed = frozenset(_doomed(desired, state))
        self.jobs: dict[Spot, list[JobSpec]] = defaultdict(list)
        self._punted = desired.punted() if state.punt_program else frozenset[Place]()
        self._programs: dict[str, int | None] = {}
        admitted = admit(desired, state).spots
        for job in desired.jobs.values():
            name = job.spec.id if own(job) else ""
            if name:
                found = program_of(job, state)
                self._programs[name] = found.prog_id if found and current(found, job, state) else None
            for hook in job.hooks:
                spot = (hook.ifindex, hook.direction, name)
                if not name or spot in admitted:
                    self.wanted[spot] = hook
                    self.jobs[spot].append(job.spec)
        self.keys = {AccountKey(j.id, h.netdev, h.direction) for s, h in self.wanted.items() for j in self.jobs[s]}
        self._digests = {spec.id: spec.digest() for spot, specs in self.jobs.items() if spot[2] for spec in specs}
        self._filters: dict[Spot, list[TcFilter]] = defaultdict(list)
        self._strangers: dict[Place, list[TcFilter]] = defaultdict(list)
        for item in state.filters:
            if item.own is None:
                self._strangers[item.ifindex, item.direction].append(item)
            else:
                self._filters[item.ifindex, item.direction, item.own.job].append(item)
        self._kept = {
            spot[0]
            for spot in self._filters
            if spot[1] is Direction.INGRESS and spot not in self.wanted and self.stays(spot)
        }
        self._index_slots()
        self.taken: dict[Place, set[int]] = defaultdict(set)  # priorities that a new filter must not have
        for place, items in self._strangers.items():
            self.taken[place] |= {item.priority for item in items}
        for spot, items in self._filters.items():
            keeper = self.keeper(spot) if spot in self.wanted else None
            self.taken[spot[:2]] |= {i.priority for i in ([keeper] if keeper else [] if spot in self.wanted else items)}

    def _index_slots(self) -> None:
        """``slots`` by spot and ``spots`` by slot; a slot that is nobody's, or of another question, is in neither."""
        accounts = {a.slot: a for a in sorted(self.state.accounts.values(), key=lambda a: str(a.key)) if a.slot}
        self.slots: dict[Spot, Slot] = {}
        for slot in sorted(self.state.slots.values(), key=lambda s: s.index, reverse=True):
            link = self.state.links.get(slot.ifindex)
            if link is None or link.name != slot.name:
                continue
            job = ""
            if slot.own:
                account = accounts.get(slot.index)
                if account is None or (account.key.name, account.key.direction) != (slot.name, slot.direction):
                    continue
                job = account.key.job
                if self._digests.get(job, account.digest) != account.digest:
                    continue
            self.slots[slot.ifindex, slot.direction, job] = slot
        self.spots = {slot.index: spot for spot, slot in self.slots.items()}

    def stays(self, spot: Spot) -> bool:
        """Whether what no job wants any more is left alone: while a reload is under way, unless its row asks else."""
        job = self.desired.jobs.get(spot[2])
        changed = job is not None and job.alive and (not own(job) or self._pinned_other(spot[2]))
        return not self.desired.teardown and not changed

    def _pinned_other(self, job: str) -> bool:
        pinned = self.state.programs.get(job)
        return pinned is not None and pinned.digest != self.desired.jobs[job].spec.digest()

    def name(self, ifindex: int) -> str:
        """The netdev's name."""
        link = self.state.links.get(ifindex)
        return link.name if link else f"ifindex {ifindex}"

    def punt(self, spot: Spot) -> bool:
        """Whether the interface program that tells control protocols apart belongs there."""
        return not spot[2] and spot[:2] in self._punted

    def program(self, spot: Spot) -> int | None:
        """Kernel id of the program that a spot should run; None while it is not loaded."""
        if spot[2]:
            return self._programs[spot[2]]
        found = self.state.punt_program if self.punt(spot) else None
        return (found or self.state.program).prog_id

    def keeper(self, spot: Spot) -> TcFilter | None:
        """The one filter of ours to keep on a wanted spot: the one that counts rightly, else the oldest priority.

        A job's filter that neither runs the job's program nor counts in its slot may answer another question: none.
        """
        found = self._filters.get(spot, [])
        if spot[2] == DROP:
            return min(found, key=lambda f: (f.priority, f.handle), default=None)
        program, slot = self.program(spot), self.slots.get(spot)
        number = slot.index if slot else 0
        if spot[2]:
            pinned = self.state.programs.get(spot[2])
            if pinned is not None and pinned.digest != self._digests[spot[2]]:
                return None
            found = [f for f in found if (slot and f.classid == number) or (pinned and f.prog_id == pinned.prog_id)]
        good = [f for f in found if f.prog_id == program and slot and f.classid == number]
        return min(good or found, key=lambda f: (f.priority, f.handle), default=None)

    def alone(self, ifindex: int) -> bool:
        """Whether no filter has to stay on the netdev's ingress: a stranger's, a guard, one kept through a reload."""
        guards = self._filters.get((ifindex, Direction.INGRESS, DROP), [])
        stranger = bool(self._strangers[ifindex, Direction.INGRESS])
        return not stranger and ifindex not in self._kept and not any(map(self.guards, guards))

    def guards(self, item: TcFilter) -> bool:
        """Whether this keeps from the host what a far end sends: it goes with the netdev, or when that is down."""
        link = self.state.links.get(item.ifindex)
        return item.own is not None and item.own.job == DROP and link is not None and link.receives


def _doomed(desired: Desired, state: KernelState) -> Iterator[int]:
    """Netdevs of ours that are no job's tunnel any more; a second one of the same tunnel as well."""
    wanted = {job.tunnel.digest(): job.link for job in desired.jobs.values() if job.tunnel}
    for link in state.links.values():
        used = wanted.get(link.tunnel)
        if (
            link.ours
            and link.kind == ERSPAN_KIND
            and desired.teardown
            and (used is None or used.ifindex != link.ifindex)
        ):
            yield link.ifindex


def qdisc_kind(world: World, hook: Hook) -> QdiscKind | None:
    """The qdisc that will carry ``hook``; None when a stranger's ``ingress`` qdisc leaves its egress no place."""
    present = world.state.qdiscs.get(hook.ifindex)
    egress = (hook.ifindex, Direction.EGRESS) in world.places
    if present is None or (egress and _may_widen(world, present)):
        return QdiscKind.CLSACT if egress else QdiscKind.INGRESS
    if present.kind is QdiscKind.INGRESS and hook.direction is Direction.EGRESS:
        return None
    return present.kind


def _may_widen(world: World, qdisc: Qdisc) -> bool:
    """Whether an ``ingress`` qdisc is ours alone, so that clsact may take its place."""
    return qdisc.kind is QdiscKind.INGRESS and qdisc.ours and world.alone(qdisc.ifindex)


def widened(world: World, qdisc: Qdisc) -> bool:
    """Whether clsact takes the place of this ``ingress`` qdisc."""
    return (qdisc.ifindex, Direction.EGRESS) in world.places and _may_widen(world, qdisc)
