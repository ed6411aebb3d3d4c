"""One pass: read everything, plan, apply, look again, report. Level-triggered: what woke it does not matter.

Errors: what cannot be read (StoreError of the tables, KernelError of a look) is raised and nothing is told: absence of
information is not absence of jobs. A kernel side that cannot be opened, or that may not be looked at, fails the jobs
that need it. An action that fails is noted against its hook and the rest go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from sonic_telegen.errors import ConfigError, KernelError, NotSupported, PermissionDenied, Retry
from sonic_telegen.model.action import Action, AddQdisc, AssignSlot, Attach, DeleteQdisc, Detach, Replace
from sonic_telegen.model.asked import Asked
from sonic_telegen.model.job import Direction, JobSpec
from sonic_telegen.model.kernel import KernelState
from sonic_telegen.model.sample import Sample
from sonic_telegen.model.status import JobStatus, Status
from sonic_telegen.reconcile.desired import Desired, Life, desire
from sonic_telegen.reconcile.plan import plan
from sonic_telegen.reconcile.report import attached, job_statuses, outlived, with_counters
from sonic_telegen.settings import Settings

LOOKS = 3  # plan-and-apply rounds in one pass
RESYNC_SEC = 60.0
FIRST_RETRY_SEC, LAST_RETRY_SEC = 1.0, 60.0


class Tables(Protocol):
    """The reader of CONFIG_DB and STATE_DB (``db/store.py``)."""

    def read(self) -> Asked:
        """All rows; raises StoreError."""
        ...


class KernelSide(Protocol):
    """The executor (``kernel/apply.py``)."""

    def observe(self) -> KernelState:
        """The whole look."""
        ...

    def apply(self, action: Action) -> None:
        """Do one thing; raises KernelError."""
        ...

    def sample(self) -> Sample:
        """Read the maps."""
        ...


class Memory(Protocol):
    """What outlives a reboot (``journal.py``)."""

    def job_started(self, job: str, digest: str) -> int | None:
        """Unix ns of the first attach, None when it never ran."""
        ...

    def ended(self, job: str, digest: str) -> bool:
        """Whether its duration is over."""
        ...

    def note_start(self, job: str, digest: str, ns: int) -> None:
        """Remember the first attach."""
        ...

    def note_end(self, job: str, digest: str, ns: int, why: str) -> None:
        """Remember the end."""
        ...

    def forget_except(self, jobs: frozenset[str]) -> None:
        """Drop jobs whose rows are gone."""
        ...


@dataclass(frozen=True, slots=True)
class PassResult:
    """What one pass found; ``wake_sec`` is how long the next may wait when nothing happens."""

    asked: Asked
    settings: Settings
    desired: Desired
    state: KernelState | None
    sample: Sample | None
    jobs: Mapping[str, JobStatus]
    wake_sec: float
    config_error: str = ""
    actions: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (kind, outcome) -> how many
    failures: tuple[str, ...] = ()
    outlived: frozenset[str] = frozenset()  # jobs whose rows the agent may remove


class Loop:
    """Runs passes, one at a time, in the worker thread."""

    def __init__(
        self,
        tables: Tables,
        kernel: Callable[[bool], KernelSide | None],
        memory: Memory,
        resolve: Callable[[Mapping[str, str]], Settings],
        before_look: Callable[[], object],
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """``kernel(needed)`` opens the kernel side (None when it was never needed); raises KernelError.

        ``before_look`` consumes pending netlink events: what they told is part of the look that follows.
        """
        self._tables, self._kernel, self._memory = tables, kernel, memory
        self._resolve, self._before_look, self._clock = resolve, before_look, clock
        self._settings = resolve({})
        self._retry_sec = FIRST_RETRY_SEC

    def run(self) -> PassResult:
        """One pass over everything, decided for one moment: a job that ends in the middle of it is the next pass's."""
        asked = self._tables.read()
        now = self._clock()
        config_error = ""
        try:
            self._settings = self._resolve(asked.global_row)
        except ConfigError as wrong:
            config_error = str(wrong)  # the last good settings stay in force
        lives = self._lives(asked)
        side, state, problem = self._open(asked, lives, now)
        failures: dict[tuple[int, Direction], KernelError] = {}
        counts: dict[tuple[str, str], int] = {}
        desired = desire(asked, state, self._settings, lives, now)
        if side is not None and state is not None:
            for _ in range(LOOKS):
                actions = plan(desired, state)
                if not actions or not _apply(side, actions, failures, counts):
                    break
                self._before_look()
                state = side.observe()
                desired = desire(asked, state, self._settings, lives, now)
        sample = side.sample() if side is not None and state is not None else None
        lives = self._remember(desired, state, lives, now)
        desired = desire(asked, state, self._settings, lives, now)
        jobs = job_statuses(desired, state, problem, failures, asked.told, now)
        if sample is not None:
            jobs = with_counters(jobs, sample)
        broken = [*failures.values(), *([problem] if problem else [])]
        return PassResult(
            asked,
            self._settings,
            desired,
            state,
            sample,
            jobs,
            self._wake(desired, broken, self._clock()),
            config_error,
            counts,
            tuple(str(item) for item in broken),
            outlived(desired, now),
        )

    def _open(
        self, asked: Asked, lives: Mapping[str, Life], now_ns: int
    ) -> tuple[KernelSide | None, KernelState | None, KernelError | None]:
        """The kernel side and its first look. A box without any job never loads a program."""
        blind = desire(asked, None, self._settings, lives, now_ns)
        needed = any(job.verdict is None for job in blind.jobs.values())
        try:
            side = self._kernel(needed)
        except KernelError as problem:
            return None, None, problem
        if side is None:
            return None, None, None
        try:
            self._before_look()
            return side, side.observe(), None
        except (PermissionDenied, NotSupported) as problem:
            return None, None, problem

    def _lives(self, asked: Asked) -> dict[str, Life]:
        found = {}
        for job, spec in asked.jobs.items():
            if isinstance(spec, JobSpec) and spec.duration_sec:
                digest = spec.digest()
                found[job] = Life(self._memory.job_started(job, digest) or 0, self._memory.ended(job, digest))
        if asked.initialized:
            self._memory.forget_except(frozenset(asked.jobs))
        return found

    def _remember(
        self, desired: Desired, state: KernelState | None, lives: Mapping[str, Life], now_ns: int
    ) -> dict[str, Life]:
        """Note the first attach and the end of jobs that have a duration."""
        seen = attached(state) if state else {}
        after = dict(lives)
        for job, wanted in desired.jobs.items():
            if not wanted.spec.duration_sec:
                continue
            life, digest = lives.get(job, Life()), wanted.spec.digest()
            if not life.start_ns and any((h.ifindex, h.direction) in seen for h in wanted.hooks):
                self._memory.note_start(job, digest, now_ns)
                after[job] = replace(life, start_ns=now_ns)
            elif wanted.verdict is not None and wanted.verdict.status is Status.DONE and not life.ended:
                self._memory.note_end(job, digest, now_ns, wanted.verdict.reason.value)
                after[job] = replace(life, ended=True)
        return after

    def _wake(self, desired: Desired, broken: list[KernelError], now_ns: int) -> float:
        """Seconds until the next pass if nothing happens: resync, next expiry or next retry, the earliest."""
        if any(item.retry is Retry.BACKOFF for item in broken):
            retry, self._retry_sec = self._retry_sec, min(self._retry_sec * 2, LAST_RETRY_SEC)
        else:
            retry, self._retry_sec = RESYNC_SEC, FIRST_RETRY_SEC
        ends = [job.expires_ns for job in desired.jobs.values() if job.expires_ns and job.verdict is None]
        expiry = (min(ends) - now_ns) / 1e9 if ends else RESYNC_SEC
        return max(0.0, min(RESYNC_SEC, retry, expiry))


def _apply(
    side: KernelSide,
    actions: tuple[Action, ...],
    failures: dict[tuple[int, Direction], KernelError],
    counts: dict[tuple[str, str], int],
) -> bool:
    """Do the actions one by one; True when at least one moved something."""
    failures.clear()
    moved = False
    for action in actions:
        kind = type(action).__name__
        try:
            side.apply(action)
            moved = True
            counts[kind, "ok"] = counts.get((kind, "ok"), 0) + 1
        except KernelError as problem:
            counts[kind, "failed"] = counts.get((kind, "failed"), 0) + 1
            for place in _places(action):
                failures.setdefault(place, problem)
    return moved


def _places(action: Action) -> tuple[tuple[int, Direction], ...]:
    """The hooks that a failed action leaves without their program."""
    match action:
        case Attach(ifindex=ifindex, direction=direction) | AssignSlot(ifindex=ifindex, direction=direction):
            return ((ifindex, direction),)
        case Replace(filter=item) | Detach(filter=item):
            return ((item.ifindex, item.direction),)
        case AddQdisc(ifindex=ifindex) | DeleteQdisc(ifindex=ifindex):
            return ((ifindex, Direction.INGRESS), (ifindex, Direction.EGRESS))
        case _:
            return ()
