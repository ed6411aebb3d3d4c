"""A model of the kernel for pure tests: qdiscs exclude each other, filters are exclusive, slots and accounts add up.

It proves the plan against this model only; ``tests/kernel`` proves that the kernel behaves like it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sonic_telegen.errors import Busy, Conflict, Gone, KernelError
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
    TunnelAction,
    UnloadProgram,
)
from sonic_telegen.model.budget import program_bytes
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import (
    DROP,
    FALLBACK_NAMES,
    LAST_PRIORITY,
    Account,
    AccountKey,
    FilterName,
    JobProgram,
    KernelState,
    Link,
    Program,
    Qdisc,
    QdiscKind,
    Slot,
    TcFilter,
)
from sonic_telegen.model.sample import AccountSample, Counters, InterfaceSample, Sample

PROGRAM, PUNT_PROGRAM = Program(77, "aa" * 8), Program(76, "ee" * 8)
BUILD = "b" * 16  # of the object that job programs are loaded from
TAKEN = {0: 38, 1: 50, 2: 54}  # bytes of a way's MTU that an ERSPAN netdev lacks, measured


class World:
    """The kernel side of ``reconcile.loop`` in memory."""

    def __init__(self, slot_count: int = 2048) -> None:
        self.links: dict[int, Link] = {}
        self.qdiscs: dict[int, Qdisc] = {}
        self.filters: list[TcFilter] = []
        self.slots: dict[int, Slot] = {}
        self.accounts: dict[AccountKey, Account] = {}
        self.counted: dict[int, int] = {}
        self.offset: dict[AccountKey, int] = {}
        self.slot_count = slot_count
        self.programs: dict[str, JobProgram] = {}
        self.job_memory = 1 << 30
        self.loads = 0
        self.no_erspan: KernelError | None = None
        self.module_brings_netdevs = False
        self.sessions: dict[int, int | None] = {}  # the keys of our tunnels
        self.routes: dict[str, int] = {}  # remote end: ifindex that packets leave by
        self.clock = 1

    def observe(self) -> KernelState:
        return KernelState(
            PROGRAM,
            dict(self.links),
            dict(self.qdiscs),
            tuple(self.filters),
            dict(self.slots),
            dict(self.accounts),
            self.slot_count,
            dict(self.programs),
            BUILD,
            self.job_memory,
            PUNT_PROGRAM,
            {(o.remote, o.local): self.routes[o.remote] for o in self.links.values() if o.remote in self.routes},
        )

    def packet(self, ifindex: int, direction: Direction) -> None:
        """One packet passes a hook: every program of ours there counts it."""
        for item in self.filters:
            if item.ifindex == ifindex and item.direction is direction and item.own:
                self.counted[item.classid] = self.counted.get(item.classid, 0) + 1

    def total(self, key: AccountKey) -> int:
        account = self.accounts[key]
        return (self.counted.get(account.slot, 0) if account.slot else 0) + self.offset[key]

    def sample(self, ended: Collection[str] = ()) -> Sample:
        self.clock += 1
        zero = Counters()
        return Sample(
            self.clock,
            interfaces=tuple(
                InterfaceSample(
                    s.index,
                    s.ifindex,
                    s.name,
                    s.direction,
                    s.start_ns,
                    (Counters(self.counted.get(s.index, 0)), zero, zero, zero),
                )
                for s in self.slots.values()
                if not s.own
            ),
            accounts={
                k: AccountSample(k, a.start_ns, (Counters(self.total(k)), zero, zero, zero))
                for k, a in self.accounts.items()
            },
        )

    def _link(self, ifindex: int) -> Link:
        if ifindex not in self.links:
            raise Gone("find", f"ifindex {ifindex}", 19)
        return self.links[ifindex]

    def apply(self, action: Action) -> None:
        self.clock += 1
        match action:
            case AddQdisc(ifindex, _, kind):
                self._link(ifindex)
                if ifindex in self.qdiscs:
                    raise Conflict("add qdisc", str(ifindex), 17)
                self.qdiscs[ifindex] = Qdisc(ifindex, kind, ours=True)
            case DeleteQdisc(ifindex, _, _):
                assert self.qdiscs[ifindex].ours, "a stranger's qdisc"
                assert not [f for f in self.filters if f.ifindex == ifindex], "a filter would go with it"
                del self.qdiscs[ifindex]
            case AssignSlot(slot, ifindex, name, direction, job):
                assert 0 < slot < self.slot_count and slot not in self.slots
                self.counted[slot] = 0
                self.slots[slot] = Slot(slot, ifindex, name, direction, self.clock, own=bool(job))
            case ReleaseSlot(slot, _):
                place = (self.slots[slot].ifindex, self.slots[slot].direction)
                for item in self.filters:
                    if item.own and item.classid == slot and (item.ifindex, item.direction) == place:
                        raise Busy("release slot", str(slot), 16)
                for key, account in list(self.accounts.items()):
                    if account.slot == slot:
                        self._freeze(key)
                del self.slots[slot]
            case OpenAccount(key, digest, slot):
                assert slot in self.slots
                old = self.accounts.get(key)
                same = old is not None and old.digest == digest
                total = self.total(key) if same else 0
                start = old.start_ns if same and old else self.clock
                self.accounts[key] = Account(key, digest, slot, start)
                self.offset[key] = total - self.counted.get(slot, 0)
            case FreezeAccount(key):
                self._freeze(key)
            case CloseAccount(key):
                del self.accounts[key], self.offset[key]
            case CreateTunnel() | RenameTunnel() | SetTunnelMtu() | RaiseTunnel() | DeleteTunnel():
                self._tunnel(action)
            case SetMirror(job, ifindex):
                assert ifindex == 0 or self._link(ifindex).up
                self.programs[job] = replace(self.programs[job], mirror=ifindex)
            case LoadProgram(spec, expires_ns, mode):
                if spec.id in self.programs:
                    assert self.programs[spec.id].digest == spec.digest(), "it would answer for another question"
                self.loads += 1
                number, memory = 1000 + self.loads, program_bytes(spec)
                self.programs[spec.id] = JobProgram(
                    number, "dd" * 8, spec.digest(), BUILD, expires_ns, memory, mode=mode
                )
            case SetDeadline(job, expires_ns):
                self.programs[job] = replace(self.programs[job], deadline_ns=expires_ns)
            case UnloadProgram(job):
                mine = [f for f in self.filters if f.own and f.own.job == job]
                assert not mine, "its filters would go on without their pins"
                del self.programs[job]
            case Attach(ifindex, _, direction, qdisc, priority, handle, slot, job, punt):
                self._link(ifindex)
                if job == DROP:
                    assert self.links[ifindex].ours and priority == LAST_PRIORITY
                else:
                    self._need_slot(slot, ifindex, direction, job)
                assert self.qdiscs[ifindex].kind is qdisc
                assert not (qdisc is QdiscKind.INGRESS and direction is Direction.EGRESS)
                if any((f.ifindex, f.direction, f.priority) == (ifindex, direction, priority) for f in self.filters):
                    raise Conflict("add filter", str(ifindex), 17)
                name, number = self._program(job, punt)
                self.filters.append(TcFilter(ifindex, direction, priority, handle, "bpf", name, number, slot))
            case Replace(item, _, _, slot, punt):
                assert item.own, "a stranger's filter"
                self._need_slot(slot, item.ifindex, item.direction, item.own.job)
                name, number = self._program(item.own.job, punt)
                new = replace(item, name=name, prog_id=number, classid=slot)
                self.filters[self.filters.index(item)] = new
            case Detach(item, _, _):
                assert item.own, "a stranger's filter"
                self.filters.remove(item)
                if item.own.job == DROP and self._link(item.ifindex).kind == "erspan":
                    assert not self.links[item.ifindex].up or self._guarded(item.ifindex), "it would enter the host"

    def _tunnel(self, action: TunnelAction) -> None:
        """As the kernel does; with its module come netdevs of its own, which may take the name that was meant."""
        match action:
            case CreateTunnel(spec, netdev):
                ends = (spec.remote, spec.local)
                if self.no_erspan:
                    raise self.no_erspan
                taken_by = [link for link in self.links.values() if (link.remote, link.local) == ends]
                key = spec.ends[2]
                if any(self.sessions.get(link.ifindex, key) == key for link in taken_by):
                    raise Conflict("create", netdev, 17, "taken")
                self.with_module()
                taken = netdev in {link.name for link in self.links.values()}
                name = spec.first_name if taken else netdev
                out = self.links.get(self.routes.get(spec.remote, 0))
                mtu = spec.mtu or (out.mtu if out else 1500) - TAKEN[spec.ver]
                self.sessions[self._add(Link(0, name, "erspan", False, spec.alias, *ends, mtu, outer=spec.outer))] = key
            case RenameTunnel(_, ifindex, netdev):
                assert self._link(ifindex).ours and netdev not in {link.name for link in self.links.values()}
                self.links[ifindex] = replace(self.links[ifindex], name=netdev)
            case SetTunnelMtu(_, ifindex, _, mtu):
                link = self._link(ifindex)
                assert link.ours and mtu != link.mtu
                if link.max_mtu and mtu > link.max_mtu:
                    raise KernelError("set MTU", link.name, 22)
                self.links[ifindex] = replace(link, mtu=mtu, up=link.up and not link.mtu < 1280 <= mtu)
            case RaiseTunnel(_, ifindex, _):
                assert self._link(ifindex).ours
                assert self._guarded(ifindex), "what comes in would enter the host"
                self.links[ifindex] = replace(self.links[ifindex], up=True)
            case DeleteTunnel(ifindex, _, alias):
                assert self._link(ifindex).ours and self._link(ifindex).alias == alias
                self.vanish(ifindex)

    def _guarded(self, ifindex: int) -> bool:
        return any(f.ifindex == ifindex and f.own and f.own.job == DROP for f in self.filters)

    def with_module(self) -> None:
        """The kernel knows GRE from now on."""
        for name in FALLBACK_NAMES if self.module_brings_netdevs else ():
            if name not in {link.name for link in self.links.values()}:
                self._add(Link(0, name, name[:-1], up=False))

    def _add(self, link: Link) -> int:
        number = max(self.links, default=0) + 1
        self.links[number] = replace(link, ifindex=number)
        return number

    def vanish(self, ifindex: int) -> None:
        """A netdev goes, and all that is on it."""
        del self.links[ifindex]
        self.sessions.pop(ifindex, None)
        self.qdiscs.pop(ifindex, None)
        self.filters = [f for f in self.filters if f.ifindex != ifindex]

    def _program(self, job: str, punt: bool) -> tuple[str, int]:
        """Name and program of a filter."""
        assert not (job and punt)
        if job == DROP:
            return str(FilterName("cc" * 8, DROP)), 75
        if not job:
            program = PUNT_PROGRAM if punt else PROGRAM
            return str(FilterName(program.digest)), program.prog_id
        return str(FilterName(self.programs[job].tag, job)), self.programs[job].prog_id

    def _need_slot(self, slot: int, ifindex: int, direction: Direction, job: str) -> None:
        found = self.slots[slot]
        assert (found.ifindex, found.direction, found.own) == (ifindex, direction, bool(job))
        if job:
            assert [a.key.job for a in self.accounts.values() if a.slot == slot] == [job]

    def _freeze(self, key: AccountKey) -> None:
        self.offset[key] = self.total(key)
        self.accounts[key] = replace(self.accounts[key], slot=0)
