"""The plan against any world Hypothesis finds: it converges, never touches a stranger, counts nothing twice."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from sonic_telegen.errors import Busy
from sonic_telegen.model.asked import Asked
from sonic_telegen.model.job import BOTH, Direction, JobSpec, MirrorMode
from sonic_telegen.model.kernel import (
    Account,
    AccountKey,
    JobProgram,
    KernelState,
    Link,
    Qdisc,
    QdiscKind,
    Slot,
    TcFilter,
)
from sonic_telegen.model.match import Match
from sonic_telegen.reconcile.desired import Desired, Hook, desire
from sonic_telegen.reconcile.plan import plan, usable_qdisc
from sonic_telegen.reconcile.programs import own
from sonic_telegen.reconcile.report import attached
from sonic_telegen.settings import Settings
from tests.support.world import BUILD, PROGRAM, World

DIRECT = Settings(mirror_mode=MirrorMode.DIRECT)
NAMES = ("Ethernet0", "Ethernet4", "Ethernet8", "eth0", "PortChannel1")

Row = tuple[str, tuple[Direction, ...], Match]
Rows = dict[str, Row]
ways = st.sampled_from(Direction)
digests = st.sampled_from(["f" * 16, *(JobSpec(job, "Ethernet0", match=Match(vlan=7)).digest() for job in ("a", "b"))])
directions = st.sampled_from([(Direction.INGRESS,), (Direction.EGRESS,), BOTH])
questions = st.sampled_from([Match(), Match(), Match(vlan=7), Match(dscp=(46,))])
jobs = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.tuples(st.sampled_from([*NAMES, "all", "gone0"]), directions, questions),
    max_size=4,
)
filters = st.builds(
    TcFilter,
    ifindex=st.integers(1, 5),
    direction=st.sampled_from(Direction),
    priority=st.integers(1, 6),
    handle=st.integers(1, 3),
    kind=st.sampled_from(["bpf", "u32", "flower"]),
    name=st.sampled_from(
        ["", "cilium", "telegen/if@" + "aa" * 8, "telegen/if@" + "bb" * 8, "telegen/job/a@" + "cc" * 8]
    ),
    prog_id=st.sampled_from([76, 77, 78, 5, 500]),
    classid=st.integers(0, 6),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World(slot_count=draw(st.sampled_from([4, 16, 2048])))
    for index, name in enumerate(NAMES, start=1):
        if draw(st.booleans()):
            world.links[index] = Link(index, name)
            if draw(st.booleans()):
                world.qdiscs[index] = Qdisc(index, draw(st.sampled_from(QdiscKind)), draw(st.booleans()))
    places = set()
    for item in draw(st.lists(filters, max_size=10)):
        qdisc = world.qdiscs.get(item.ifindex)
        place = (item.ifindex, item.direction, item.priority)
        if qdisc is None or place in places or (qdisc.kind is QdiscKind.INGRESS and item.direction is Direction.EGRESS):
            continue
        places.add(place)
        world.filters.append(item)
    for slot in draw(st.sets(st.integers(1, world.slot_count - 1).filter(lambda n: n < 8), max_size=4)):
        index = draw(st.integers(1, 5))
        name, way, own = draw(st.tuples(st.sampled_from([NAMES[index - 1], "old0"]), ways, st.booleans()))
        world.slots[slot] = Slot(slot, index, name, way, 1, own)
        if draw(st.booleans()):
            key = AccountKey(draw(st.sampled_from("abx")), name, way)
            world.accounts[key] = Account(key, draw(digests), slot, 1)
            world.offset[key] = 0
    for job in draw(st.sets(st.sampled_from("abx"))):
        build = draw(st.sampled_from([BUILD, "old"]))
        world.programs[job] = JobProgram(draw(st.sampled_from([5, 500])), "cc" * 8, draw(digests), build)
    return world


def spec_of(job: str, row: Row) -> JobSpec:
    return JobSpec(job, row[0], row[1], match=row[2])


def wanted(rows: Rows, world: World, initialized: bool = True) -> Desired:
    specs = {job: spec_of(job, row) for job, row in rows.items()}
    return desire(Asked(specs, initialized=initialized), world.observe(), DIRECT, {}, 1)


def strangers(world: World) -> list[TcFilter]:
    return [f for f in world.filters if f.own is None]


def settle(rows: Rows, world: World, initialized: bool = True) -> Desired:
    for _ in range(4):
        target = wanted(rows, world, initialized)
        for action in plan(target, world.observe()):
            with suppress(Busy):
                world.apply(action)
    return wanted(rows, world, initialized)


@settings(max_examples=400, deadline=None)
@given(jobs, worlds())
def test_any_world_converges_and_strangers_stay(rows: Rows, world: World) -> None:
    before, foreign = strangers(world), {q for q in world.qdiscs.values() if not q.ours}

    target = settle(rows, world)

    assert plan(target, world.observe()) == ()
    assert strangers(world) == before
    assert foreign <= set(world.qdiscs.values())


@settings(max_examples=400, deadline=None)
@given(jobs, worlds())
def test_every_reachable_hook_has_exactly_one_program_and_no_other_has_any(rows: Rows, world: World) -> None:
    target = settle(rows, world)

    state = world.observe()
    seen = attached(state)
    spots = {(*place, ""): hook for place, hook in target.hooks().items()}
    for job in target.jobs.values():
        if own(job):
            spots |= {(h.ifindex, h.direction, job.spec.id): h for h in job.hooks}
    for spot, hook in spots.items():
        if usable_qdisc(target, state, hook) is not None and len(state.slots) < state.slot_count - 1:
            assert spot in seen
    ours = [(f.ifindex, f.direction, f.own.job) for f in world.filters if f.own]
    assert len(ours) == len(set(ours))
    assert set(ours) <= set(spots)
    assert len({f.classid for f in seen.values()}) == len(seen)
    assert {job: p.digest for job, p in state.programs.items()} == {
        job.spec.id: job.spec.digest()
        for job in target.jobs.values()
        if own(job) and (job.spec.id in {spot[2] for spot in seen} or job.spec.id in state.programs)
    }


@settings(max_examples=300, deadline=None)
@given(jobs, worlds())
def test_without_the_flag_nothing_that_works_is_taken_away(rows: Rows, world: World) -> None:
    settle(rows, world)
    before = list(world.filters)

    settle({}, world, initialized=False)

    assert world.filters == before


def one_port(*ways: Direction, match: Match = Match()) -> tuple[World, Rows]:  # noqa: B008 - frozen
    world = World()
    world.links[1] = Link(1, "Ethernet0")
    return world, {"a": ("Ethernet0", ways, match)}


def test_two_jobs_on_a_port_share_one_program_and_count_from_their_own_start() -> None:
    world, rows = one_port(Direction.INGRESS)
    settle(rows, world)
    world.packet(1, Direction.INGRESS)
    settle({**rows, "b": ("Ethernet0", (Direction.INGRESS,), Match())}, world)
    world.packet(1, Direction.INGRESS)

    assert len(world.filters) == 1
    assert world.total(AccountKey("a", "Ethernet0", Direction.INGRESS)) == 2
    assert world.total(AccountKey("b", "Ethernet0", Direction.INGRESS)) == 1


def test_a_netdev_that_comes_back_gets_a_new_slot_and_the_job_goes_on() -> None:
    world, rows = one_port(Direction.INGRESS)
    settle(rows, world)
    world.packet(1, Direction.INGRESS)
    old = world.filters[0].classid
    world.filters.clear()
    world.qdiscs.clear()
    world.links = {9: Link(9, "Ethernet0")}
    settle(rows, world)
    world.packet(9, Direction.INGRESS)

    (now,) = world.filters
    assert now.classid != old
    assert world.counted[now.classid] == 1
    assert world.total(AccountKey("a", "Ethernet0", Direction.INGRESS)) == 2


def test_ingress_alone_takes_an_ingress_qdisc_and_egress_a_clsact() -> None:
    for ways, kind in (((Direction.INGRESS,), QdiscKind.INGRESS), (BOTH, QdiscKind.CLSACT)):
        world, rows = one_port(*ways)
        settle(rows, world)
        assert world.qdiscs[1] == Qdisc(1, kind, ours=True)


def test_our_own_ingress_qdisc_gives_way_to_clsact_when_egress_is_asked_for() -> None:
    world, rows = one_port(Direction.INGRESS)
    settle(rows, world)
    world.packet(1, Direction.INGRESS)
    settle({**rows, "b": ("Ethernet0", (Direction.EGRESS,), Match())}, world)
    world.packet(1, Direction.INGRESS)

    assert world.qdiscs[1].kind is QdiscKind.CLSACT
    assert {f.direction for f in world.filters} == set(Direction)
    assert world.total(AccountKey("a", "Ethernet0", Direction.INGRESS)) == 2


def test_a_strangers_ingress_qdisc_is_joined_and_never_replaced() -> None:
    world, rows = one_port(*BOTH)
    world.qdiscs[1] = Qdisc(1, QdiscKind.INGRESS)
    world.filters.append(TcFilter(1, Direction.INGRESS, 3, 0x800, "u32"))
    target = settle(rows, world)

    (own,) = [f for f in world.filters if f.own]
    assert (own.direction, own.priority) == (Direction.INGRESS, 4)
    assert usable_qdisc(target, world.observe(), Hook(1, "Ethernet0", Direction.EGRESS)) is None


def test_the_last_job_takes_its_filter_and_our_empty_qdisc_with_it() -> None:
    world, rows = one_port(*BOTH)
    settle(rows, world)
    settle({}, world)

    assert (world.filters, world.qdiscs, world.slots) == ([], {}, {})


def test_a_qdisc_of_ours_stays_while_a_stranger_uses_it() -> None:
    world, rows = one_port(*BOTH)
    settle(rows, world)
    world.filters.append(TcFilter(1, Direction.INGRESS, 1, 1, "u32"))
    settle({}, world)

    assert world.qdiscs[1].ours
    assert [f.kind for f in world.filters] == ["u32"]


def test_another_builds_filter_is_replaced_in_place() -> None:
    world, rows = one_port(Direction.INGRESS)
    settle(rows, world)
    (ours,) = world.filters
    world.filters[0] = TcFilter(1, Direction.INGRESS, 3, 1, "bpf", "telegen/if@" + "bb" * 8, 12, ours.classid)

    (action,) = plan(wanted(rows, world), world.observe())

    world.apply(action)
    assert world.filters == [ours]


def test_an_empty_state_plans_nothing() -> None:
    assert plan(Desired(), KernelState(PROGRAM)) == ()
