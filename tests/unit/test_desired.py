"""What the rows want: admission, ports, expiry, fallbacks; and what is then told of each job."""

from __future__ import annotations

from dataclasses import replace

from sonic_telegen.errors import Conflict, PermissionDenied
from sonic_telegen.model.asked import Asked, Rejection
from sonic_telegen.model.job import BOTH, Direction, JobSpec, MirrorMode
from sonic_telegen.model.kernel import KernelState, Link, Qdisc, QdiscKind, Slot
from sonic_telegen.model.status import JobStatus, Reason, Status, Visibility
from sonic_telegen.reconcile.desired import Desired, Life, desire
from sonic_telegen.reconcile.plan import plan
from sonic_telegen.reconcile.report import job_statuses, with_counters
from sonic_telegen.settings import Settings
from tests.support.world import PROGRAM, World

DIRECT = Settings(mirror_mode=MirrorMode.DIRECT)
SECOND = 1_000_000_000
NOW = 1_800_000_000 * SECOND


def world_of(*names: str) -> World:
    world = World()
    world.links = {index: Link(index, name) for index, name in enumerate(names, start=1)}
    return world


def want(world: World | None, *specs: JobSpec, settings: Settings = DIRECT, **asked: object) -> Desired:
    rows: dict[str, JobSpec | Rejection] = {spec.id: spec for spec in specs}
    return desire(Asked(rows, **asked), world.observe() if world else None, settings, {}, NOW)  # type: ignore[arg-type]


def settled(world: World, target: Desired) -> KernelState:
    for action in plan(target, world.observe()):
        world.apply(action)
    return world.observe()


def told(target: Desired, state: KernelState | None, **more: object) -> dict[str, JobStatus]:
    arguments = {"problem": None, "failures": {}, "told": {}, "now_ns": NOW, "mirrored": {}, **more}
    return job_statuses(target, state, **arguments)  # type: ignore[arg-type]


def test_a_job_is_running_only_when_its_program_was_seen() -> None:
    world = world_of("Ethernet0")
    target = want(world, JobSpec("a", "Ethernet0"))

    before = told(target, world.observe())["a"]
    after = told(target, settled(world, target))["a"]

    assert (before.status, before.reason) == (Status.STARTING, Reason.NOT_ATTACHED)
    assert (after.status, after.reason, after.message) == (Status.RUNNING, Reason.NONE, "")
    assert (after.visibility, after.interface, after.mirror_mode) == (Visibility.CPU_PATH, "Ethernet0", "direct")


def test_a_program_that_counts_into_another_ports_slot_is_not_running() -> None:
    world = world_of("Ethernet0")
    target = want(world, JobSpec("a", "Ethernet0"))
    settled(world, target)
    (index,) = world.slots
    world.slots[index] = Slot(index, 99, "Ethernet4", Direction.INGRESS, 1)

    assert told(target, world.observe())["a"].status is Status.STARTING


def test_an_absent_netdev_is_pending() -> None:
    target = want(world_of("Ethernet0"), JobSpec("a", "Ethernet4"))
    status = told(target, world_of().observe())["a"]
    assert (status.status, status.reason) == (Status.PENDING, Reason.NETDEV_ABSENT)


def test_all_means_the_front_panel_ports_that_exist() -> None:
    world = world_of("Ethernet0", "Ethernet4", "eth0", "Ethernet-Rec0", "lo")
    by_name = want(world, JobSpec("a", "all", BOTH))
    by_table = want(world, JobSpec("a", "all"), ports=frozenset({"Ethernet4", "Ethernet8"}))

    assert {h.netdev for h in by_name.jobs["a"].hooks} == {"Ethernet0", "Ethernet4"}
    assert len(by_name.jobs["a"].hooks) == 4
    assert {h.netdev for h in by_table.jobs["a"].hooks} == {"Ethernet4"}


def test_a_netdev_of_our_own_is_rejected() -> None:
    world = World()
    world.links = {1: Link(1, "erspan0", alias="telegen/aa")}
    status = told(want(world, JobSpec("a", "erspan0")), world.observe())["a"]
    assert (status.status, status.reason) == (Status.REJECTED, Reason.OWN_NETDEV)


def test_running_jobs_keep_their_place_when_the_limit_falls() -> None:
    world = world_of("Ethernet0", "Ethernet4")
    settled(world, want(world, JobSpec("z", "Ethernet0")))

    target = want(world, JobSpec("a", "Ethernet4"), JobSpec("z", "Ethernet0"), settings=replace(DIRECT, max_jobs=1))

    statuses = told(target, settled(world, target))
    assert statuses["z"].status is Status.RUNNING
    assert (statuses["a"].status, statuses["a"].reason) == (Status.PENDING, Reason.MAX_JOBS)


def test_a_job_that_began_within_the_pass_keeps_its_place() -> None:
    """Its account is younger than the moment at which the pass began."""
    world = world_of("Ethernet0", "Ethernet4")
    jobs, one = (JobSpec("a", "Ethernet0"), JobSpec("b", "Ethernet4")), replace(DIRECT, max_jobs=1)
    state = settled(world, want(world, *jobs, settings=one))
    assert min(account.start_ns for account in state.accounts.values()) > 1
    again = desire(Asked({job.id: job for job in jobs}), state, one, {}, 1)
    assert told(again, state)["a"].status is Status.RUNNING


def test_disabled_jobs_and_a_disabled_agent_are_stopped() -> None:
    world = world_of("Ethernet0")
    one = want(world, JobSpec("a", "Ethernet0", enabled=False))
    whole = want(world, JobSpec("a", "Ethernet0"), settings=replace(DIRECT, enabled=False))
    for target in (one, whole):
        status = told(target, world.observe())["a"]
        assert (status.status, status.reason) == (Status.STOPPED, Reason.DISABLED)
        assert plan(target, world.observe()) == ()


def test_a_job_whose_time_is_over_is_done_and_stays_so() -> None:
    world = world_of("Ethernet0")
    spec = JobSpec("a", "Ethernet0", duration_sec=60)
    asked = Asked({"a": spec})
    for life in (Life(start_ns=NOW - 61 * SECOND), Life(start_ns=NOW, ended=True)):
        target = desire(asked, world.observe(), DIRECT, {"a": life}, NOW)
        assert told(target, world.observe())["a"].status is Status.DONE
        assert target.jobs["a"].hooks == ()
    running = desire(asked, world.observe(), DIRECT, {"a": Life(start_ns=NOW - SECOND)}, NOW)
    assert running.jobs["a"].expires_ns == NOW + 59 * SECOND


def test_erspan_and_placeholder_say_that_nothing_is_seen() -> None:
    world = world_of("Ethernet0")
    for mode, reason in ((MirrorMode.ERSPAN, Reason.ERSPAN_UNAVAILABLE), (MirrorMode.PLACEHOLDER, Reason.PLACEHOLDER)):
        target = want(world, JobSpec("a", "Ethernet0"), settings=Settings(mirror_mode=mode))
        status = told(target, world.observe())["a"]
        assert (status.status, status.reason) == (Status.DEGRADED, reason)
        assert (status.interface, status.mirror_mode, status.visibility) == ("erspan0", "placeholder", Visibility.NONE)
        assert "mirror_mode=direct" in status.message
        assert plan(target, world.observe()) == ()


def test_egress_beside_a_strangers_ingress_qdisc_is_degraded() -> None:
    world = world_of("Ethernet0")
    world.qdiscs[1] = Qdisc(1, QdiscKind.INGRESS)
    target = want(world, JobSpec("a", "Ethernet0", BOTH))

    status = told(target, settled(world, target))["a"]

    assert (status.status, status.reason) == (Status.DEGRADED, Reason.INGRESS_QDISC)


def test_no_slot_left_is_told() -> None:
    world = world_of("Ethernet0", "Ethernet4")
    world.slot_count = 2
    target = want(world, JobSpec("a", "Ethernet0"), JobSpec("b", "Ethernet4"))

    statuses = told(target, settled(world, target))

    assert statuses["a"].status is Status.RUNNING
    assert (statuses["b"].status, statuses["b"].reason) == (Status.PENDING, Reason.NO_SLOT)


def test_a_refusal_of_the_kernel_is_told_with_its_reason() -> None:
    world = world_of("Ethernet0")
    target = want(world, JobSpec("a", "Ethernet0"))
    failure = Conflict("add filter", "Ethernet0 ingress", 17, holder="prio 3 u32")

    status = told(target, world.observe(), failures={(1, Direction.INGRESS, ""): failure})["a"]

    assert (status.status, status.reason) == (Status.FAILED, Reason.CONFLICT)
    assert "prio 3 u32" in status.message


def test_a_kernel_side_that_cannot_be_opened_fails_the_jobs_that_need_it() -> None:
    problem = PermissionDenied("load", "telegen.bpf.o", 1, remedy="add CAP_BPF")
    target = want(None, JobSpec("a", "Ethernet0"), JobSpec("b", "Ethernet0", mirror_mode=MirrorMode.PLACEHOLDER))

    statuses = told(target, None, problem=problem)

    assert (statuses["a"].status, statuses["a"].reason) == (Status.FAILED, Reason.PERMISSION)
    assert "CAP_BPF" in statuses["a"].message
    assert statuses["b"].status is Status.DEGRADED


def test_a_deleted_row_is_told_stopped_for_an_hour() -> None:
    before = JobStatus("a", Status.RUNNING, port="Ethernet0", packets=7, updated_ns=NOW - 5 * SECOND)
    (now,) = told(Desired(), KernelState(PROGRAM), told={"a": before}).values()
    assert (now.status, now.reason, now.packets) == (Status.STOPPED, Reason.DELETED, 7)

    soon = replace(now, updated_ns=NOW - 3599 * SECOND)
    assert told(Desired(), KernelState(PROGRAM), told={"a": soon}) == {"a": soon}
    late = replace(now, updated_ns=NOW - 3600 * SECOND)
    assert told(Desired(), KernelState(PROGRAM), told={"a": late}) == {}
    assert told(Desired(teardown=False), KernelState(PROGRAM), told={"a": before}) == {"a": before}


def test_counters_and_start_come_from_the_account() -> None:
    world = world_of("Ethernet0")
    target = want(world, JobSpec("a", "Ethernet0"))
    state = settled(world, target)
    world.packet(1, Direction.INGRESS)

    sample = world.sample()
    status = with_counters(told(target, state), sample)["a"]

    assert (status.packets, status.sample_ns) == (1, sample.time_ns)
    assert status.started_ns == next(iter(state.accounts.values())).start_ns
