"""WHO MAY: which jobs get a program of their own and on which hooks. Who has it keeps it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from sonic_telegen.model.budget import PROGRAMS_PER_HOOK, program_bytes
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import JobProgram, KernelState
from sonic_telegen.reconcile.desired import Desired, Wanted

Place = tuple[int, Direction]
Spot = tuple[int, Direction, str]  # a hook and whose program: the job's id, empty for the interface program


def own(job: Wanted) -> bool:
    """Whether the job counts with a program of its own."""
    return job.alive and job.needs_program


def program_of(job: Wanted, state: KernelState) -> JobProgram | None:
    """The pinned program that answers this very question, of whatever build."""
    found = state.programs.get(job.spec.id)
    return found if found is not None and own(job) and found.digest == job.spec.digest() else None


def current(program: JobProgram, job: Wanted, state: KernelState) -> bool:
    """Whether a program that answers the job's question is of this build, and does what the job's mode asks."""
    return program.build == state.job_build and program.mode is job.mode


@dataclass(frozen=True, slots=True)
class Admitted:
    """``spots`` have a place for a job's own program; ``no_memory`` are jobs whose maps would be too much."""

    spots: frozenset[Spot]
    no_memory: frozenset[str]


def admit(desired: Desired, state: KernelState) -> Admitted:
    """Give places and memory: first to those who have them, then in the order of the jobs."""
    no_memory = frozenset(_over_budget(desired, state))
    wishes: dict[Place, list[str]] = defaultdict(list)
    for job in desired.jobs.values():
        if own(job) and job.spec.id not in no_memory:
            for hook in job.hooks:
                wishes[hook.ifindex, hook.direction].append(job.spec.id)
    holders: dict[Place, set[str]] = defaultdict(set)
    for item in state.filters:
        if item.own is not None and item.own.job:
            holders[item.ifindex, item.direction].add(item.own.job)
    spots = set[Spot]()
    for place, jobs in wishes.items():
        staying = set() if desired.teardown else holders[place] - set(jobs)
        jobs.sort(key=lambda job: job not in holders[place])  # stable: among equals the order of the jobs
        spots |= {(*place, job) for job in jobs[: max(0, PROGRAMS_PER_HOOK - len(staying))]}
    return Admitted(frozenset(spots), no_memory)


def _over_budget(desired: Desired, state: KernelState) -> Iterator[str]:
    ours = [job for job in desired.jobs.values() if own(job)]
    kept = {job.spec.id for job in ours if program_of(job, state)}
    waiting = [] if desired.teardown else [p.memory for j, p in state.programs.items() if j not in desired.jobs]
    taken = sum(waiting) + sum(state.programs[job].memory for job in kept)
    for job in ours:
        if job.spec.id in kept or not job.hooks:
            continue
        needed = program_bytes(job.spec)
        if taken + needed > state.job_memory:
            yield job.spec.id
        else:
            taken += needed
