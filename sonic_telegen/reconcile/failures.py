"""What failed, by what it leaves undone; and what the kernel refused, so that it is not asked for ever."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sonic_telegen.errors import KernelError, NotSupported, Retry
from sonic_telegen.model.action import (
    Action,
    AddQdisc,
    AssignSlot,
    Attach,
    CreateTunnel,
    DeleteQdisc,
    DeleteTunnel,
    Detach,
    LoadProgram,
    RaiseTunnel,
    RenameTunnel,
    Replace,
    SetDeadline,
    SetMirror,
    SetTunnelMtu,
    UnloadProgram,
)
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import GRE_KINDS, Link
from sonic_telegen.reconcile.desired import Desired
from sonic_telegen.reconcile.programs import Spot
from sonic_telegen.reconcile.tunnels import NotMade

AGAIN_NS = 60 * 1_000_000_000  # after which a kernel without tunnels is asked again: its module may be there by now
Undone = Spot | str  # a spot without its program, a job without its own, or the digest of a tunnel


def undone(action: Action) -> tuple[Undone, ...]:
    """What an action that failed leaves undone."""
    match action:
        case (
            Attach(ifindex=ifindex, direction=direction, job=job)
            | AssignSlot(ifindex=ifindex, direction=direction, job=job)
        ):
            return ((ifindex, direction, job),)
        case Replace(filter=item) | Detach(filter=item):
            return ((item.ifindex, item.direction, item.own.job if item.own else ""),)
        case AddQdisc(ifindex=ifindex) | DeleteQdisc(ifindex=ifindex):
            return ((ifindex, Direction.INGRESS, ""), (ifindex, Direction.EGRESS, ""))
        case LoadProgram(spec=spec):
            return (spec.id,)
        case SetDeadline(job=job) | UnloadProgram(job=job) | SetMirror(job=job):
            return (job,)
        case CreateTunnel(spec=spec) | RenameTunnel(spec=spec) | RaiseTunnel(spec=spec) | SetTunnelMtu(spec=spec):
            return (spec.digest(),)
        case DeleteTunnel(alias=alias):
            return (alias,)
        case _:
            return ()


class Refused:
    """What the kernel would not load or make, over all passes.

    A program is not tried again until its job asks something else. A tunnel is, as often as its error says it may help:
    meanwhile its jobs see nothing, and are told so.
    """

    def __init__(self) -> None:
        self._programs: dict[str, tuple[str, KernelError]] = {}  # by job: the digest of what will not load, and why
        self._tunnels: dict[str, tuple[KernelError, int]] = {}  # by digest, and when it was tried (Unix ns)
        self._new: list[KernelError] = []

    def failed(self, action: Action, problem: KernelError, now_ns: int) -> bool:
        """Remember what one action was answered with; whether it is no news, and its job is told in any case."""
        if isinstance(action, LoadProgram) and problem.retry is Retry.NEVER:
            self._programs[action.spec.id] = (action.spec.digest(), problem)
            self._new.append(problem)
        elif isinstance(action, CreateTunnel):
            known = action.spec.digest() in self._tunnels
            if not known:
                self._new.append(problem)
            self._tunnels[action.spec.digest()] = (problem, now_ns)
            return known and problem.retry is Retry.NEVER
        return False

    def done(self, action: Action) -> None:
        """Forget what went well at last."""
        if isinstance(action, CreateTunnel):
            self._tunnels.pop(action.spec.digest(), None)

    def tunnels(self, links: Collection[Link], now_ns: int) -> Mapping[str, NotMade]:
        """Tunnels that could not be made.

        A netdev of such a kind tells that the kernel knows them meanwhile. There need not be one, so a kernel that did
        not is asked again from time to time.
        """
        if any(link.kind in GRE_KINDS for link in links):
            self._tunnels = {d: item for d, item in self._tunnels.items() if not isinstance(item[0], NotSupported)}
        return {digest: NotMade(why, _again(why, tried, now_ns)) for digest, (why, tried) in self._tunnels.items()}

    def programs(self, desired: Desired) -> Mapping[str, KernelError]:
        """Programs that would not load, by job; those for other questions than the jobs' are forgotten."""
        digests = {job: wanted.spec.digest() for job, wanted in desired.jobs.items()}
        self._programs = {job: item for job, item in self._programs.items() if digests.get(job) == item[0]}
        return {job: problem for job, (_, problem) in self._programs.items()}

    def take_new(self) -> list[KernelError]:
        """What was refused since the last call."""
        found, self._new = self._new, []
        return found


def _again(problem: KernelError, tried_ns: int, now_ns: int) -> bool:
    late = isinstance(problem, NotSupported) and not tried_ns <= now_ns < tried_ns + AGAIN_NS
    return late or problem.retry is not Retry.NEVER
