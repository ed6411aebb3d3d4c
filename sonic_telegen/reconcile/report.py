"""TOLD: each job's status from what the second look found, merged with the counters. Pure.

``running`` means that every wanted program was seen on its hook; a return code alone never makes a job running.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sonic_telegen.errors import (
    Conflict,
    KernelError,
    NoMemory,
    NotSupported,
    PermissionDenied,
    TelegenError,
    VerifierRejected,
)
from sonic_telegen.model.budget import PROGRAMS_PER_HOOK, program_bytes
from sonic_telegen.model.job import ALL_PORTS, COUNTING_MODES, Direction, MirrorMode, Owner
from sonic_telegen.model.kernel import DROP, KernelState, TcFilter
from sonic_telegen.model.sample import InterfaceSample, Sample
from sonic_telegen.model.status import JobStatus, Reason, Status, Visibility
from sonic_telegen.reconcile.desired import KEEP_TOLD_NS, Desired, Hook, Verdict, Wanted
from sonic_telegen.reconcile.failures import Undone
from sonic_telegen.reconcile.mirrors import Mirrored
from sonic_telegen.reconcile.plan import usable_qdisc
from sonic_telegen.reconcile.programs import Admitted, Spot, admit, own, program_of

Failures = Mapping[Undone, KernelError]

_REASONS: tuple[tuple[type[TelegenError], Reason], ...] = (
    (PermissionDenied, Reason.PERMISSION),
    (NotSupported, Reason.NOT_SUPPORTED),
    (VerifierRejected, Reason.VERIFIER),
    (Conflict, Reason.CONFLICT),
    (NoMemory, Reason.NO_MEMORY),
)


def reason_of(problem: TelegenError) -> Reason:
    """The enum value for an error of the kernel."""
    return next((reason for kind, reason in _REASONS if isinstance(problem, kind)), Reason.KERNEL)


def attached(state: KernelState) -> dict[Spot, TcFilter]:
    """The spots where our program was seen counting into the slot noted for that netdev, direction and job."""
    accounts = {(a.slot, a.key.job) for a in state.accounts.values()}
    found: dict[Spot, TcFilter] = {}
    for item in state.filters:
        slot = state.slots.get(item.classid)
        if item.own is not None and item.own.job == DROP:
            found[item.ifindex, item.direction, DROP] = item
        if item.own is None or slot is None or (slot.ifindex, slot.direction) != (item.ifindex, item.direction):
            continue
        job = item.own.job
        programs = (state.programs.get(job),) if job else (state.program, state.punt_program)
        counts = (slot.index, job) in accounts if job else True
        if item.prog_id in {p.prog_id for p in programs if p} and slot.own == bool(job) and counts:
            found[item.ifindex, item.direction, job] = item
    return found


def missing(wanted: Wanted, state: KernelState, seen: Mapping[Spot, TcFilter]) -> list[Hook]:
    """The hooks where nothing counts for the job."""
    if own(wanted) and program_of(wanted, state) is None:
        return list(wanted.hooks)
    job = wanted.spec.id if own(wanted) else ""
    return [hook for hook in wanted.hooks if not _right(seen.get((hook.ifindex, hook.direction, job)), wanted, state)]


def _right(item: TcFilter | None, wanted: Wanted, state: KernelState) -> bool:
    """Whether the filter is there, and tells control protocols apart where the job is about all ports."""
    if item is None or item.own is None or item.own.job or state.punt_program is None:
        return item is not None
    punt = wanted.spec.port == ALL_PORTS and item.direction is Direction.INGRESS
    return not punt or item.prog_id == state.punt_program.prog_id


def job_statuses(
    desired: Desired,
    state: KernelState | None,
    problem: KernelError | None,
    failures: Failures,
    told: Mapping[str, JobStatus],
    now_ns: int,
    mirrored: Mapping[str, Mirrored],
) -> dict[str, JobStatus]:
    """The status of every job that has a row or had one within the last hour, counters as last told.

    Args:
        desired: what was wanted in this pass.
        state: the second look; None when the kernel side could not be opened, then ``problem`` says why.
        problem: that error.
        failures: the last failure by spot, and by job where its program could not be loaded.
        told: what STATE_DB said before this pass.
        now_ns: Unix ns.
        mirrored: what is said of the jobs whose sessions the ASIC is asked for.
    """
    seen = attached(state) if state else {}
    admitted = admit(desired, state) if state else None
    result: dict[str, JobStatus] = {}
    for job, rejection in desired.rejected.items():
        result[job] = JobStatus(
            job,
            Status.REJECTED,
            Reason(rejection.code),
            rejection.message,
            rejection.port,
            direction=rejection.direction,
        )
    for job, wanted in desired.jobs.items():
        if job in mirrored:
            result[job] = _mirrored(wanted, mirrored[job])
            continue
        verdict = wanted.verdict or _judge(wanted, desired, state, problem, failures, seen, admitted)
        result[job] = _status(wanted, verdict, state, told.get(job))
    for job, before in told.items():
        if job not in result:
            after = _after_the_row(before, desired, now_ns)
            if after is not None:
                result[job] = after
    return result


def _judge(
    wanted: Wanted,
    desired: Desired,
    state: KernelState | None,
    problem: KernelError | None,
    failures: Failures,
    seen: Mapping[Spot, TcFilter],
    admitted: Admitted | None,
) -> Verdict:
    if state is None or admitted is None:
        assert problem is not None  # one of the two is always there
        return Verdict(Status.FAILED, reason_of(problem), str(problem))
    refused = desired.refused.get(wanted.spec.id) if own(wanted) else None
    absent = missing(wanted, state, seen)
    if not absent:
        if refused is not None:  # what an earlier build loaded goes on
            return Verdict(Status.DEGRADED, reason_of(refused), str(refused))
        return _on_the_way(wanted, state, failures, seen) or Verdict(Status.RUNNING, Reason.NONE, wanted.note)
    if refused is not None:
        return Verdict(Status.FAILED, reason_of(refused), str(refused))
    causes = [_cause(hook, wanted, desired, state, failures, admitted) for hook in absent]
    first = next((c for c in causes if c.status is Status.FAILED), causes[0])
    more = f" (and {len(absent) - 1} more hooks)" if len(absent) > 1 else ""
    if len(absent) < len(wanted.hooks):
        return Verdict(Status.DEGRADED, first.reason, first.message + more)
    return Verdict(first.status, first.reason, first.message + more)


def _on_the_way(
    wanted: Wanted, state: KernelState, failures: Failures, seen: Mapping[Spot, TcFilter]
) -> Verdict | None:
    """Why nothing is mirrored though the program is on its hooks; None when all is, or nothing is to be."""
    far, link, program = wanted.far, wanted.link, program_of(wanted, state)
    if wanted.tunnel is None or program is None:
        return None
    spots: list[Spot] = [(far.ifindex, far.direction, whose) for whose in ("", DROP)] if far else []
    tried: tuple[Undone, ...] = (wanted.tunnel.digest(), wanted.spec.id, *spots)
    failure = next((failures[what] for what in tried if what in failures), None)
    if failure is not None:
        return Verdict(Status.DEGRADED, reason_of(failure), str(failure))
    if link is None or not link.up or program.mirror != link.ifindex or not all(spot in seen for spot in spots):
        return Verdict(Status.STARTING, Reason.NOT_ATTACHED, f"{wanted.interface}: the tunnel is not seen yet")
    return None


def _cause(
    hook: Hook, wanted: Wanted, desired: Desired, state: KernelState, failures: Failures, admitted: Admitted
) -> Verdict:
    """Why a wanted program is not on its hook."""
    place, job = f"{hook.netdev} {hook.direction.value}", wanted.spec.id
    if own(wanted) and job in admitted.no_memory:
        text = f"its maps need {program_bytes(wanted.spec):,} bytes and all jobs may take {state.job_memory:,}"
        return Verdict(Status.PENDING, Reason.NO_MEMORY, f"{text}; end a job with flows or capture")
    spot = (hook.ifindex, hook.direction, job if own(wanted) else "")
    tried = (job, (hook.ifindex, hook.direction, ""), spot) if own(wanted) else (spot,)
    failure = next((failures[key] for key in tried if key in failures), None)
    if failure is not None:
        return Verdict(Status.FAILED, reason_of(failure), str(failure))
    if usable_qdisc(desired, state, hook) is None:
        text = f"{place}: an ingress qdisc of somebody else holds ffff:, clsact cannot be added beside it"
        return Verdict(Status.DEGRADED, Reason.INGRESS_QDISC, text)
    if own(wanted) and spot not in admitted.spots:
        text = f"{place}: {PROGRAMS_PER_HOOK} jobs have programs of their own there, which is the most; end one"
        return Verdict(Status.PENDING, Reason.NO_PROGRAM_PLACE, text)
    if len(state.slots) >= state.slot_count - 1:
        text = f"{place}: all {state.slot_count - 1} counter slots are taken; end a job"
        return Verdict(Status.PENDING, Reason.NO_SLOT, text)
    return Verdict(Status.STARTING, Reason.NOT_ATTACHED, f"{place}: the program is not seen yet")


def _mirrored(wanted: Wanted, found: Mirrored) -> JobStatus:
    """What is told of a job that the ASIC serves: nothing is counted here."""
    return replace(_status(wanted, found.verdict, None, None), started_ns=found.start_ns)


def _status(wanted: Wanted, verdict: Verdict, state: KernelState | None, before: JobStatus | None) -> JobStatus:
    started = 0
    if state is not None:
        mine = [a for k, a in state.accounts.items() if k.job == wanted.spec.id and a.digest == wanted.spec.digest()]
        started = min((a.start_ns for a in mine), default=0)
    if not started and before is not None and verdict.status in (Status.DONE, Status.STOPPED):
        started = before.started_ns
    return JobStatus(
        job=wanted.spec.id,
        status=verdict.status,
        reason=verdict.reason,
        message=verdict.message,
        port=wanted.spec.port,
        interface=wanted.interface,
        direction=wanted.spec.direction,
        mirror_mode=wanted.mode.value,
        visibility=_visibility(wanted.mode),
        started_ns=started,
        expires_ns=wanted.expires_ns,
        packets=before.packets if before else 0,
        bytes=before.bytes if before else 0,
        sample_ns=before.sample_ns if before else 0,
    )


def _visibility(mode: MirrorMode) -> Visibility:
    if mode is MirrorMode.DECAP:
        return Visibility.MIRRORED
    return Visibility.CPU_PATH if mode in COUNTING_MODES else Visibility.NONE


def _after_the_row(before: JobStatus, desired: Desired, now_ns: int) -> JobStatus | None:
    """What is said of a job whose row is gone: stopped, for an hour; unchanged while absence proves nothing."""
    if not desired.teardown:
        return before
    if before.reason is Reason.DELETED:
        return before if now_ns - before.updated_ns < KEEP_TOLD_NS else None
    status = Status.DONE if before.status is Status.DONE else Status.STOPPED
    return replace(before, status=status, reason=Reason.DELETED, message="the row was deleted")


def outlived(desired: Desired, now_ns: int) -> frozenset[str]:
    """Jobs of REST that ended by themselves an hour ago: their rows may go, nobody else will delete them."""
    if not desired.teardown:
        return frozenset()
    return frozenset(
        job
        for job, wanted in desired.jobs.items()
        if wanted.spec.owner is Owner.REST
        and wanted.verdict is not None
        and wanted.verdict.status is Status.DONE
        and wanted.expires_ns
        and now_ns - wanted.expires_ns >= KEEP_TOLD_NS
    )


def with_counters(statuses: Mapping[str, JobStatus], sample: Sample) -> dict[str, JobStatus]:
    """The statuses with packets and bytes of ``sample`` where the job has an account there."""
    counted = {key.job for key in sample.accounts}
    result = dict(statuses)
    for job in counted & statuses.keys():
        if statuses[job].mirror_mode == MirrorMode.ASIC:
            continue  # what it counted in another mode is no more
        total = sample.job(job)
        result[job] = replace(statuses[job], packets=total.packets, bytes=total.bytes, sample_ns=sample.time_ns)
    return result


def interfaces(state: KernelState, sample: Sample) -> tuple[InterfaceSample, ...]:
    """The hooks to show: assigned in the sample and seen attached."""
    seen = attached(state)
    return tuple(item for item in sample.interfaces if (item.ifindex, item.direction, "") in seen)
