"""One pass: read everything, plan, apply, look again, report. Level-triggered: what woke it does not matter.

Errors: what cannot be read (StoreError of the tables, KernelError of a look) is raised and nothing is told: absence of
information is not absence of jobs. A kernel side that cannot be opened, or that may not be looked at, fails the jobs
that need it. An action that fails is noted against its hook and the rest go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sonic_telegen.errors import ConfigError, KernelError, NotSupported, PermissionDenied, Retry
from sonic_telegen.model.action import Action
from sonic_telegen.model.asked import Asked, Rejection
from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.kernel import KernelState
from sonic_telegen.model.mirror import AddSession, SwitchMirrors, session_name
from sonic_telegen.model.sample import Sample
from sonic_telegen.model.status import JobStatus, Status
from sonic_telegen.reconcile.desired import Desired, Life, desire
from sonic_telegen.reconcile.failures import Refused, Undone, undone
from sonic_telegen.reconcile.mirrors import Mirrored, MirrorPlan, failed, plan_mirrors
from sonic_telegen.reconcile.plan import plan
from sonic_telegen.reconcile.programs import own
from sonic_telegen.reconcile.report import attached, job_statuses, missing, outlived, with_counters
from sonic_telegen.reconcile.sides import KernelSide, Memory, Tables
from sonic_telegen.settings import Settings

LOOKS = 4  # plan-and-apply rounds in one pass: a tunnel is made, named, guarded and set up in so many
RESYNC_SEC = 60.0
FIRST_RETRY_SEC, LAST_RETRY_SEC = 1.0, 60.0


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
        self._refused = Refused()
        self._mirrors = SwitchMirrors()

    def run(self) -> PassResult:
        """One pass over everything, decided for one moment: a job that ends in the middle of it is the next pass's."""
        asked = self._tables.read()
        now = self._clock()
        config_error = ""
        try:
            self._settings = self._resolve(asked.global_row)
        except ConfigError as wrong:
            config_error = str(wrong)  # the last good settings stay in force
        asked = replace(asked, jobs={job: self._question(row) for job, row in asked.jobs.items()})
        lives = self._lives(asked)
        side, state, problem = self._open(asked, lives, now)
        failures: dict[Undone, KernelError] = {}
        counts: dict[tuple[str, str], int] = {}
        desired = self._desire(asked, state, lives, now)
        moving = False
        if side is not None and state is not None:
            for _ in range(LOOKS):
                actions = plan(desired, state)
                moving = bool(actions) and self._apply(side, actions, failures, counts, now)
                if not moving:
                    break
                self._before_look()
                state = side.observe()
                desired = self._desire(asked, state, lives, now)
            moving = moving and bool(plan(desired, state))  # the events of what is left were taken by the last look
        sample = side.sample(_silent(state)) if side is not None and state is not None else None
        mirrors = self._mirror(desired, asked, counts, now)
        lives = self._remember(desired, state, mirrors.told, lives, now)
        desired = self._desire(asked, state, lives, now)
        jobs = job_statuses(desired, state, problem, failures, asked.told, now, mirrors.told)
        if sample is not None:
            jobs = with_counters(jobs, sample)
        broken = [*failures.values(), *([problem] if problem else [])]
        broken += [new for new in self._refused.take_new() if new not in broken]
        return PassResult(
            asked,
            self._settings,
            desired,
            state,
            sample,
            jobs,
            self._wake(desired, state, broken, moving, mirrors.due_ns, self._clock()),
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
        needed = any(job.verdict is None and job.session is None for job in blind.jobs.values())
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

    def _desire(self, asked: Asked, state: KernelState | None, lives: Mapping[str, Life], now_ns: int) -> Desired:
        """What is wanted, less what the kernel refused."""
        links = state.links.values() if state else ()
        found = desire(asked, state, self._settings, lives, now_ns, self._refused.tunnels(links, now_ns))
        return replace(found, refused=self._refused.programs(found))

    def _apply(
        self,
        side: KernelSide,
        actions: tuple[Action, ...],
        failures: dict[Undone, KernelError],
        counts: dict[tuple[str, str], int],
        now_ns: int,
    ) -> bool:
        """Do the actions one by one; True when at least one moved something."""
        failures.clear()
        moved = False
        for action in actions:
            kind = type(action).__name__
            try:
                side.apply(action)
                moved = True
                self._refused.done(action)
                counts[kind, "ok"] = counts.get((kind, "ok"), 0) + 1
            except KernelError as problem:
                counts[kind, "failed"] = counts.get((kind, "failed"), 0) + 1
                told = self._refused.failed(action, problem, now_ns)
                for what in () if told else undone(action):
                    failures.setdefault(what, problem)
        return moved

    def _mirror(self, desired: Desired, asked: Asked, counts: dict[tuple[str, str], int], now_ns: int) -> MirrorPlan:
        """Ask for the ASIC's sessions and give them back. A row is noted before it is written."""
        self._mirrors = asked.mirrors.after(self._mirrors)
        found = plan_mirrors(desired, self._mirrors, self._memory.sessions(), self._settings.max_asic_mirrors, now_ns)
        for note in found.notes:
            self._memory.note_session(note)
        problems: dict[str, str] = {}
        for action in found.actions:
            problem = self._tables.change_session(action)
            outcome = (type(action).__name__, "failed" if problem else "ok")
            counts[outcome] = counts.get(outcome, 0) + 1
            if problem:
                name = action.session.name if isinstance(action, AddSession) else action.name
                problems |= {job: problem for job in desired.jobs if session_name(job) == name}
        return failed(found, problems)

    def _question(self, row: JobSpec | Rejection) -> JobSpec | Rejection:
        return self._settings.question(row) if isinstance(row, JobSpec) else row

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
        self,
        desired: Desired,
        state: KernelState | None,
        mirrored: Mapping[str, Mirrored],
        lives: Mapping[str, Life],
        now_ns: int,
    ) -> dict[str, Life]:
        """Note the first attach, or the first sight of an active session, and the end of jobs that have a duration."""
        seen = attached(state) if state else {}
        after = dict(lives)
        for job, wanted in desired.jobs.items():
            if not wanted.spec.duration_sec:
                continue
            life, digest = lives.get(job, Life()), wanted.spec.digest()
            runs = job in mirrored and mirrored[job].start_ns > 0
            runs = runs or (state is not None and len(missing(wanted, state, seen)) < len(wanted.hooks))
            if runs and not life.start_ns:
                self._memory.note_start(job, digest, now_ns)
                after[job] = replace(life, start_ns=now_ns)
            elif wanted.verdict is not None and wanted.verdict.status is Status.DONE and not life.ended:
                self._memory.note_end(job, digest, now_ns, wanted.verdict.reason.value)
                after[job] = replace(life, ended=True)
        return after

    def _wake(
        self,
        desired: Desired,
        state: KernelState | None,
        broken: list[KernelError],
        moving: bool,
        due_ns: int,
        now_ns: int,
    ) -> float:
        """Seconds until the next pass if nothing happens: resync, next expiry, ``due_ns`` or next retry, the earliest.

        A program whose job ended in this pass waits only until that was told. ``moving``: more is to be done than the
        looks of this pass were enough for.
        """
        if moving or any(item.retry is Retry.BACKOFF for item in broken):
            retry, self._retry_sec = self._retry_sec, min(self._retry_sec * 2, LAST_RETRY_SEC)
        else:
            retry, self._retry_sec = RESYNC_SEC, FIRST_RETRY_SEC
        if state is not None and any(job in desired.untold and not _keeps(desired, job) for job in state.programs):
            retry = min(retry, FIRST_RETRY_SEC)
        going = [job for job in desired.jobs.values() if job.alive or job.verdict is None]
        ends = [job.expires_ns for job in going if job.expires_ns]
        ends += [due_ns] if due_ns else []
        expiry = (min(ends) - now_ns) / 1e9 if ends else RESYNC_SEC
        return max(0.0, min(RESYNC_SEC, retry, expiry))


def _silent(state: KernelState) -> frozenset[str]:
    """Jobs whose programs no filter runs: what those kept is final."""
    return frozenset(state.programs) - {item.own.job for item in state.filters if item.own is not None}


def _keeps(desired: Desired, job: str) -> bool:
    wanted = desired.jobs.get(job)
    return not desired.teardown or (wanted is not None and own(wanted))
