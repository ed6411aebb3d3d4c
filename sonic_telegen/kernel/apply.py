"""``Kernel``: looks at everything, and does one action at a time. It decides nothing.

What it checks before it acts are only the conditions under which an action was planned, since the world moves between
the look and the act: a filter counts only into a slot that is its hook's, and a slot is freed only when no filter of
ours counts into it any more.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Mapping
from dataclasses import replace

from sonic_telegen.errors import Gone, KernelError
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.detach import QdiscMemory, Removed, detach_all
from sonic_telegen.kernel.erspan import Tunnels
from sonic_telegen.kernel.failure import kernel_error
from sonic_telegen.kernel.jobread import JobReaders
from sonic_telegen.kernel.loader import Loaded
from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.kernel.route import outgoing
from sonic_telegen.kernel.tcdecode import describe
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
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import DROP, AccountKey, FilterName, KernelState, Qdisc, QdiscKind
from sonic_telegen.model.sample import Sample


class Swapper:
    """Gives filters another program in place; what the loader's migration needs of netlink."""

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink

    def swap(self, prog_fd: int, others: Mapping[int, int]) -> None:
        """Give every interface filter of ours that runs another program this one, under the name with its tag.

        Those that run one of ``others`` (by id) get the program with that descriptor.

        Priority, handle and classid stay. A netdev that vanishes meanwhile is fine; any other KernelError is raised
        when all filters were tried.
        """
        qdiscs, failed = self._netlink.qdiscs(), list[KernelError]()
        for item in self._netlink.dump_all(qdiscs):
            if item.own is None or item.own.job:
                continue
            fd = others.get(item.prog_id, prog_fd)
            info = libbpf.prog_info(fd)
            if item.prog_id == info.id:
                continue
            try:
                self._netlink.replace_filter(item, qdiscs[item.ifindex], fd, FilterName(info.tag), item.classid)
            except Gone:
                continue
            except KernelError as problem:
                failed.append(problem)
        if failed:
            raise failed[0]


class Kernel:
    """The executor; owns ``netlink`` and ``loaded``. ``sample`` may be called from another thread, the rest not."""

    def __init__(self, netlink: Netlink, loaded: Loaded, memory: QdiscMemory) -> None:
        self._netlink, self._loaded, self._memory = netlink, loaded, memory
        self._notices: list[str] = []
        self._readers = JobReaders(loaded.jobs)
        self._tunnels = Tunnels(netlink)
        self._detached = False  # since the last grace period: a CPU may still be inside the program

    @staticmethod
    def swapper(netlink: Netlink) -> Swapper:
        """For ``loader.load``, which runs before there is a Kernel."""
        return Swapper(netlink)

    def close(self) -> None:
        """Close socket and descriptors; filters, pins and counters stay."""
        self._tunnels.close()
        self._netlink.close()
        self._loaded.close()

    def observe(self) -> KernelState:
        """The whole look. A netdev that vanishes in the middle of it is missing from what was read later."""
        kinds = self._netlink.qdiscs()
        filters = self._netlink.dump_all(kinds)
        links = self._netlink.links()
        places = {i: (i, links[i].name, kind.value) for i, kind in kinds.items() if i in links}
        self._memory.keep_qdiscs(self._netlink.netns, frozenset(places.values()))
        made = self._memory.created_qdiscs(self._netlink.netns)
        ends = {(link.remote, link.local) for link in links.values() if link.tunnel and link.remote and link.local}
        maps, jobs, punt = self._loaded.maps, self._loaded.jobs, self._loaded.punt_program
        maps.punted = frozenset(item.classid for item in filters if item.own and item.prog_id == punt.prog_id)
        return KernelState(
            program=self._loaded.program,
            links=links,
            qdiscs={i: Qdisc(i, kind, ours=places.get(i) in made) for i, kind in kinds.items()},
            filters=filters,
            slots=maps.slots(),
            accounts=maps.accounts(),
            slot_count=maps.layout.slots,
            programs=jobs.programs(),
            job_build=jobs.build,
            job_memory=jobs.memory,
            punt_program=punt,
            routes={pair: index for pair in ends if (index := outgoing(self._netlink.transport, *pair))},
        )

    def sample(self, ended: Collection[str] | None = None) -> Sample:
        """Read the maps; those of jobs' own programs all (a beat), or for the last time those of ``ended`` jobs."""
        found = self._readers.beat() if ended is None else self._readers.last(ended)
        return replace(self._loaded.maps.sample(), jobs=found)  # slots last: they have all that was sampled

    def apply(self, action: Action) -> None:
        """Do one thing; raises KernelError, and then nothing was changed."""
        netlink, maps = self._netlink, self._loaded.maps
        match action:
            case AddQdisc(ifindex, netdev, kind):
                self._add_qdisc(ifindex, netdev, kind)
            case DeleteQdisc(ifindex, netdev, kind):
                netlink.delete_qdisc(ifindex, kind)
                self._memory.forget_qdisc(netlink.netns, ifindex, netdev, kind.value)
            case AssignSlot(slot, ifindex, netdev, direction, job):
                maps.assign_slot(slot, ifindex, netdev, direction, own=bool(job))
            case ReleaseSlot(slot, netdev):
                self._need_unused(slot, netdev)
                self._settle()
                maps.release_slot(slot)
            case OpenAccount(key, digest, slot):
                maps.open_account(key, digest, slot)
            case FreezeAccount(key):
                self._settle()
                maps.freeze_account(key)
            case CloseAccount(key):
                maps.close_account(key)
            case Attach(ifindex, netdev, direction, qdisc, priority, handle, slot, job, punt):
                if job != DROP:
                    self._need_slot(slot, ifindex, netdev, direction, job)
                fd, name = self._program(job, punt)
                netlink.add_filter(ifindex, direction, qdisc, priority, handle, fd, name, slot)
            case Replace(item, netdev, qdisc, slot, punt):
                job = item.own.job if item.own else ""
                self._need_slot(slot, item.ifindex, netdev, item.direction, job)
                fd, name = self._program(job, punt)
                netlink.replace_filter(item, qdisc, fd, name, slot)
            case Detach(item, _, qdisc):
                netlink.delete_filter(item, qdisc)
                self._detached = True
            case LoadProgram(spec, expires_ns, mode):
                if told := self._loaded.jobs.load(spec, expires_ns, mode):
                    self._notices.append(told)
            case CreateTunnel() | RenameTunnel() | SetTunnelMtu() | RaiseTunnel() | DeleteTunnel():
                self._tunnels.apply(action)
            case SetMirror(job, ifindex):
                self._loaded.jobs.set_mirror(job, ifindex)
            case SetDeadline(job, expires_ns):
                self._loaded.jobs.set_deadline(job, expires_ns)
            case UnloadProgram(job):
                self._need_detached(job)
                self._settle()
                self._loaded.jobs.unload(job)

    def take_notices(self) -> tuple[str, ...]:
        """What must be told of what was done, once."""
        told, self._notices = tuple(self._notices), []
        return told

    def _settle(self) -> None:
        """Wait until the last packet that a detached filter saw is counted; once for all detaches before it."""
        if self._detached:
            libbpf.wait_rcu()
            self._detached = False

    def detach_all(self) -> Removed:
        """See ``detach.detach_all``."""
        return detach_all(self._netlink, self._memory)

    def _add_qdisc(self, ifindex: int, netdev: str, kind: QdiscKind) -> None:
        """Noted first: killed in between, we would else leave a qdisc that nobody removes."""
        netns, place = self._netlink.netns, (ifindex, netdev, kind.value)
        known = place in self._memory.created_qdiscs(netns)
        self._memory.note_qdisc(netns, *place)
        try:
            self._netlink.add_qdisc(ifindex, kind)
        except KernelError:
            if not known:
                self._memory.forget_qdisc(netns, *place)
            raise

    def _program(self, job: str, punt: bool) -> tuple[int, FilterName]:
        """What a filter runs, and its name; ``Gone`` when the job's program is not loaded."""
        if not job and punt:
            return self._loaded.punt_fd, FilterName(self._loaded.punt_program.digest)
        if not job:
            return self._loaded.prog_fd, FilterName(self._loaded.program.digest)
        if job == DROP:
            return self._tunnels.drop()
        fd, tag = self._loaded.jobs.attachable(job)
        return fd, FilterName(tag, job)

    def _need_slot(self, slot: int, ifindex: int, netdev: str, direction: Direction, job: str) -> None:
        """``Gone`` unless the slot is this hook's (and job's): its assignment may have failed just before."""
        found = self._loaded.maps.slots().get(slot)
        hook = found and (found.ifindex, found.name, found.direction, found.own)
        account = self._loaded.maps.accounts().get(AccountKey(job, netdev, direction)) if job else None
        if hook != (ifindex, netdev, direction, bool(job)) or (job and (account is None or account.slot != slot)):
            problem = f"slot {slot} is not assigned to it"
            raise kernel_error("count", f"{netdev} {direction}", errno.ENOENT, problem=problem)

    def _need_detached(self, job: str) -> None:
        """``Busy`` while a filter runs the job's program: unpinned now, nobody could adopt it any more."""
        for item in self._netlink.dump_all(self._netlink.qdiscs()):
            if item.own is not None and item.own.job == job:
                problem = f"{describe(item)} still runs it"
                raise kernel_error("unload the program of", f"job {job}", errno.EBUSY, problem=problem)

    def _need_unused(self, slot: int, netdev: str) -> None:
        """``Busy`` while a filter of ours counts into the slot: freed now, it would mix two ports."""
        found = self._loaded.maps.slots().get(slot)
        if found is None:
            return
        for item in self._netlink.filters(found.ifindex, QdiscKind.CLSACT):  # its parents reach an ingress qdisc too
            if item.own is not None and item.classid == slot:
                problem = f"{describe(item)} still counts into it"
                raise kernel_error("release", f"slot {slot} of {netdev}", errno.EBUSY, problem=problem)
