"""TOLD: each job's status from what the second look found, merged with the counters. Pure.

``running`` means that every wanted program was seen on its hook; a return code alone never makes a job running.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sonic_telegen.errors import (
    Conflict,
    KernelError,
    NotSupported,
    PermissionDenied,
    TelegenError,
    VerifierRejected,
)
from sonic_telegen.model.job import Direction, MirrorMode, Owner
from sonic_telegen.model.kernel import KernelState, TcFilter
from sonic_telegen.model.sample import InterfaceSample, Sample
from sonic_telegen.model.status import JobStatus, Reason, Status, Visibility
from sonic_telegen.reconcile.desired import KEEP_TOLD_NS, Desired, Hook, Verdict, Wanted
from sonic_telegen.reconcile.plan import usable_qdisc

Failures = Mapping[tuple[int, Direction], KernelError]

_REASONS: tuple[tuple[type[TelegenError], Reason], ...] = (
    (PermissionDenied, Reason.PERMISSION),
    (NotSupported, Reason.NOT_SUPPORTED),
    (VerifierRejected, Reason.VERIFIER),
    (Conflict, Reason.CONFLICT),
)


def reason_of(problem: TelegenError) -> Reason:
    """The enum value for an error of the kernel."""
    return next((reason for kind, reason in _REASONS if isinstance(problem, kind)), Reason.KERNEL)


def attached(state: KernelState) -> dict[tuple[int, Direction], TcFilter]:
    """The hooks where our program was seen counting into the slot noted for that netdev and direction."""
    slots = {s.index: s for s in state.slots.values()}
    found: dict[tuple[int, Direction], TcFilter] = {}
    for item in state.filters:
        slot = slots.get(item.classid)
        if (
            item.own is not None
            and not item.own.job
            and item.prog_id == state.program.prog_id
            and slot is not None
            and (slot.ifindex, slot.direction) == (item.ifindex, item.direction)
        ):
            found[item.ifindex, item.direction] = item
    return found


def job_statuses(
    desired: Desired,
    state: KernelState | None,
    problem: KernelError | None,
    failures: Failures,
    told: Mapping[str, JobStatus],
    now_ns: int,
) -> dict[str, JobStatus]:
    """The status of every job that has a row or had one within the last hour, counters as last told.

    Args:
        desired: what was wanted in this pass.
        state: the second look; None when the kernel side could not be opened, then ``problem`` says why.
        problem: that error.
        failures: the last failure by hook.
        told: what STATE_DB said before this pass.
        now_ns: Unix ns.
    """
    seen = attached(state) if state else {}
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
        verdict = wanted.verdict or _judge(wanted, desired, state, problem, failures, seen)
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
    seen: Mapping[tuple[int, Direction], TcFilter],
) -> Verdict:
    missing = [hook for hook in wanted.hooks if (hook.ifindex, hook.direction) not in seen]
    if state is None:
        assert problem is not None  # one of the two is always there
        return Verdict(Status.FAILED, reason_of(problem), str(problem))
    if not missing:
        return Verdict(Status.RUNNING, Reason.NONE, "")
    causes = [_cause(hook, desired, state, failures) for hook in missing]
    first = next((c for c in causes if c.status is Status.FAILED), causes[0])
    more = f" (and {len(missing) - 1} more hooks)" if len(missing) > 1 else ""
    if len(missing) < len(wanted.hooks):
        return Verdict(Status.DEGRADED, first.reason, first.message + more)
    return Verdict(first.status, first.reason, first.message + more)


def _cause(hook: Hook, desired: Desired, state: KernelState, failures: Failures) -> Verdict:
    """Why a wanted program is not on its hook."""
    place = f"{hook.netdev} {hook.direction.value}"
    failure = failures.get((hook.ifindex, hook.direction))
    if failure is not None:
        return Verdict(Status.FAILED, reason_of(failure), str(failure))
    if usable_qdisc(desired, state, hook) is None:
        text = f"{place}: an ingress qdisc of somebody else holds ffff:, clsact cannot be added beside it"
        return Verdict(Status.DEGRADED, Reason.INGRESS_QDISC, text)
    if len(state.slots) >= state.slot_count - 1:
        text = f"{place}: all {state.slot_count - 1} counter slots are taken; end a job"
        return Verdict(Status.PENDING, Reason.NO_SLOT, text)
    return Verdict(Status.STARTING, Reason.NOT_ATTACHED, f"{place}: the program is not seen yet")


def _status(wanted: Wanted, verdict: Verdict, state: KernelState | None, before: JobStatus | None) -> JobStatus:
    started = 0
    if state is not None:
        mine = [a for k, a in state.accounts.items() if k.job == wanted.spec.id and a.digest == wanted.spec.digest()]
        started = min((a.start_ns for a in mine), default=0)
    if not started and before is not None and verdict.status in (Status.DONE, Status.STOPPED):
        started = before.started_ns
    direct = wanted.mode is MirrorMode.DIRECT
    return JobStatus(
        job=wanted.spec.id,
        status=verdict.status,
        reason=verdict.reason,
        message=verdict.message,
        port=wanted.spec.port,
        interface=wanted.interface,
        direction=wanted.spec.direction,
        mirror_mode=wanted.mode.value,
        visibility=Visibility.CPU_PATH if direct else Visibility.NONE,
        started_ns=started,
        expires_ns=wanted.expires_ns,
        packets=before.packets if before else 0,
        bytes=before.bytes if before else 0,
        sample_ns=before.sample_ns if before else 0,
    )


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
        total = sample.job(job)
        result[job] = replace(statuses[job], packets=total.packets, bytes=total.bytes, sample_ns=sample.time_ns)
    return result


def interfaces(state: KernelState, sample: Sample) -> tuple[InterfaceSample, ...]:
    """The hooks to show: assigned in the sample and seen attached."""
    seen = {(f.ifindex, f.direction) for f in attached(state).values()}
    return tuple(item for item in sample.interfaces if (item.ifindex, item.direction) in seen)
