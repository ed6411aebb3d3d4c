"""One pass against the modelled kernel: it looks again, retries what may work later, and remembers across reboots."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from sonic_telegen.errors import Busy, ConfigError, Conflict, PermissionDenied, StoreError
from sonic_telegen.model.action import Action, Attach
from sonic_telegen.model.asked import Asked
from sonic_telegen.model.job import Direction, JobSpec, MirrorMode, Owner
from sonic_telegen.model.kernel import KernelState, Link, Qdisc, QdiscKind, TcFilter
from sonic_telegen.model.mirror import SessionAction, SessionNote
from sonic_telegen.model.sample import Sample
from sonic_telegen.model.status import Reason, Status
from sonic_telegen.reconcile.loop import Loop, PassResult
from sonic_telegen.settings import Settings
from sonic_telegen.worker import Worker
from tests.support.world import World

SECOND = 1_000_000_000


class Memory:
    """The journal's part of the contract, in memory."""

    def __init__(self) -> None:
        self.starts: dict[tuple[str, str], int] = {}
        self.ends: dict[tuple[str, str], int] = {}
        self.noted: dict[str, SessionNote] = {}

    def job_started(self, job: str, digest: str) -> int | None:
        return self.starts.get((job, digest))

    def ended(self, job: str, digest: str) -> bool:
        return (job, digest) in self.ends

    def note_start(self, job: str, digest: str, ns: int) -> None:
        self.starts[job, digest] = ns

    def note_end(self, job: str, digest: str, ns: int, why: str) -> None:
        self.ends[job, digest] = ns

    def sessions(self) -> dict[str, SessionNote]:
        return self.noted

    def note_session(self, note: SessionNote) -> None:
        self.noted[note.name] = note

    def forget_except(self, jobs: frozenset[str]) -> None:
        for known in (self.starts, self.ends):
            for key in [key for key in known if key[0] not in jobs]:
                del known[key]


class Rig:
    """A loop over a world, rows and a clock that tests turn by hand."""

    def __init__(self, *specs: JobSpec) -> None:
        self.world, self.memory = World(), Memory()
        self.world.links[1] = Link(1, "Ethernet0")
        self.asked = Asked({spec.id: spec for spec in specs})
        self.now = 1000 * SECOND
        self.on_open: Callable[[], None] = lambda: None
        self.settings: Callable[[Mapping[str, str]], Settings] = lambda row: Settings(mirror_mode=MirrorMode.DIRECT)
        self.opened: list[bool] = []
        self.sessions: list[SessionAction] = []
        self.loop = Loop(self, self.open, self.memory, self.resolve, lambda: None, lambda: self.now)

    def resolve(self, row: Mapping[str, str]) -> Settings:
        return self.settings(row)

    def read(self) -> Asked:
        return self.asked

    def change_session(self, action: SessionAction) -> str:
        self.sessions.append(action)
        return ""

    def open(self, needed: bool) -> World | None:
        self.opened.append(needed)
        self.on_open()
        return self.world if any(self.opened) else None

    def run(self) -> PassResult:
        result = self.loop.run()
        told = {job: replace(status, updated_ns=self.now) for job, status in result.jobs.items()}
        self.asked = replace(self.asked, told=told)
        return result


def test_one_pass_is_enough_for_a_new_job_and_the_next_does_nothing() -> None:
    rig = Rig(JobSpec("a", "Ethernet0"))
    first, second = rig.run(), rig.run()

    assert first.jobs["a"].status is Status.RUNNING
    assert first.actions["Attach", "ok"] == 1
    assert second.actions == {}
    assert second.wake_sec == 60


def test_a_place_that_a_stranger_took_meanwhile_is_avoided_in_the_same_pass() -> None:
    rig = Rig(JobSpec("a", "Ethernet0"))
    rig.world.qdiscs[1] = Qdisc(1, QdiscKind.CLSACT)
    real, thief = rig.world.apply, TcFilter(1, Direction.INGRESS, 3, 1, "u32")

    def apply(action: Action) -> None:
        if isinstance(action, Attach) and thief not in rig.world.filters:
            rig.world.filters.append(thief)
        real(action)

    rig.world.apply = apply  # type: ignore[method-assign]
    result = rig.run()

    assert result.jobs["a"].status is Status.RUNNING
    assert {f.priority for f in rig.world.filters} == {3, 4}
    assert result.actions["Attach", "failed"] == 1


def test_what_a_stranger_undoes_at_every_look_is_tried_again_soon() -> None:
    """The netlink events of the last undoing went with the last look: nothing else would wake the agent."""
    rig = Rig(JobSpec("a", "Ethernet0"))
    real = rig.world.apply

    def apply(action: Action) -> None:
        real(action)
        if isinstance(action, Attach):
            rig.world.filters.clear()

    rig.world.apply = apply  # type: ignore[method-assign]
    waits = [rig.run().wake_sec for _ in range(2)]
    rig.world.apply = real  # type: ignore[method-assign]

    assert waits == [1, 2]
    assert rig.run().jobs["a"].status is Status.RUNNING
    assert rig.run().wake_sec == 60


def test_what_keeps_failing_is_told_and_retried_with_backoff() -> None:
    rig = Rig(JobSpec("a", "Ethernet0"), JobSpec("b", "Ethernet0"))

    def refuse(action: Action) -> None:
        raise Busy("do", "it", 16)

    rig.world.apply = refuse  # type: ignore[method-assign]
    waits = [rig.run().wake_sec for _ in range(8)]

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert rig.asked.told["a"].status is Status.FAILED


def test_a_conflict_waits_for_a_change() -> None:
    rig = Rig(JobSpec("a", "Ethernet0"))

    def refuse(action: Action) -> None:
        raise Conflict("do", "it", 17, holder="somebody")

    rig.world.apply = refuse  # type: ignore[method-assign]
    assert rig.run().wake_sec == 60


def test_a_kernel_side_that_cannot_be_opened_fails_jobs_and_one_that_cannot_be_read_tells_nothing() -> None:
    rig = Rig(JobSpec("a", "Ethernet0"))

    def refuse() -> None:
        raise PermissionDenied("load", "object", 1)

    rig.on_open = refuse
    assert rig.run().jobs["a"].reason is Reason.PERMISSION

    def busy() -> KernelState:
        raise Busy("dump", "filters", 16)

    rig.on_open = lambda: None
    rig.world.observe = busy  # type: ignore[method-assign]
    with pytest.raises(Busy):
        rig.run()


def test_without_a_job_for_the_kernel_it_is_not_opened() -> None:
    rig = Rig(JobSpec("a", "Ethernet0", mirror_mode=MirrorMode.PLACEHOLDER))
    assert rig.run().jobs["a"].status is Status.DEGRADED
    assert rig.opened == [False]


def test_a_duration_is_kept_over_reboots_and_an_ended_job_never_runs_again() -> None:
    spec = JobSpec("a", "Ethernet0", duration_sec=10)
    rig = Rig(spec)
    assert rig.run().wake_sec == pytest.approx(10)
    rig.world = World()  # a reboot: kernel state and STATE_DB are gone
    rig.world.links[1] = Link(1, "Ethernet0")
    rig.asked = replace(rig.asked, told={})
    rig.now += 4 * SECOND
    assert rig.run().wake_sec == pytest.approx(6)
    rig.now += 6 * SECOND
    assert rig.run().jobs["a"].status is Status.DONE
    rig.now -= 9 * SECOND  # not even when the clock is turned back
    assert rig.run().jobs["a"].status is Status.DONE
    assert rig.world.filters == []

    rig.asked = replace(rig.asked, jobs={"a": replace(spec, duration_sec=11)})
    assert rig.run().jobs["a"].status is Status.RUNNING


def test_only_rows_of_rest_are_outlived_an_hour_after_their_end() -> None:
    rig = Rig(JobSpec("a", "Ethernet0", duration_sec=10, owner=Owner.REST), JobSpec("b", "Ethernet0", duration_sec=10))
    rig.run()
    rig.now += 11 * SECOND
    assert (rig.run().jobs["a"].status, rig.run().outlived) == (Status.DONE, frozenset())
    rig.now += 3598 * SECOND
    assert rig.run().outlived == frozenset()
    rig.now += 2 * SECOND
    assert rig.run().outlived == frozenset({"a"})
    rig.asked = replace(rig.asked, initialized=False)
    assert rig.run().outlived == frozenset()


def test_an_end_in_the_middle_of_a_pass_is_told_only_with_the_filter_gone() -> None:
    rig = Rig(JobSpec("a", "Ethernet0", duration_sec=10))
    moments = iter(range(1000 * SECOND, 2000 * SECOND, SECOND // 3))
    rig.loop = Loop(rig, rig.open, rig.memory, rig.resolve, lambda: None, lambda: next(moments))
    seen = []
    for _ in range(60):
        status = rig.run().jobs["a"].status
        assert (status is Status.DONE) == (rig.world.filters == [])
        seen.append(status)
    assert seen[0] is Status.RUNNING
    assert seen[-1] is Status.DONE


def test_bad_settings_keep_the_last_good_ones() -> None:
    rig = Rig(JobSpec("a", "Ethernet0"))
    rig.run()

    def bad(row: Mapping[str, str]) -> Settings:
        raise ConfigError("max_jobs", "x", "use a number")

    rig.settings = bad
    result = rig.run()
    assert "max_jobs" in result.config_error
    assert result.jobs["a"].status is Status.RUNNING


def test_the_worker_waits_out_an_unreachable_redis_and_then_goes_on() -> None:
    rig, told = Rig(JobSpec("a", "Ethernet0")), threading.Event()
    fails = [StoreError("read", "CONFIG_DB", "down")] * 2
    answer = rig.read

    def read() -> Asked:
        if fails:
            raise fails.pop()
        return answer()

    rig.read = read  # type: ignore[method-assign]
    results: list[tuple[PassResult, Sample | None]] = []

    def publish(result: PassResult, sample: Sample | None) -> None:
        results.append((result, sample))
        told.set()

    worker = Worker(rig.loop, publish)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert told.wait(10)
    told.clear()
    worker.counted(Sample(7))
    assert told.wait(10)
    worker.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert [sample for _, sample in results] == [None, Sample(7)]
    assert worker.stats.passes == 1
