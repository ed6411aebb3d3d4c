"""Control protocols are told apart on what comes in on the ports of a job for all ports, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from sonic_telegen.errors import PermissionDenied
from sonic_telegen.model.action import Action, Replace
from sonic_telegen.model.job import BOTH, Direction, JobSpec
from sonic_telegen.model.kernel import AccountKey, Link, Qdisc, QdiscKind, Slot, TcFilter
from sonic_telegen.model.match import Match
from sonic_telegen.model.status import Status
from sonic_telegen.reconcile.plan import plan
from tests.support.world import PROGRAM, PUNT_PROGRAM, World
from tests.unit.test_loop import Rig
from tests.unit.test_plan import Rows, jobs, settle, wanted, worlds

INGRESS, EGRESS = Direction.INGRESS, Direction.EGRESS


def programs(world: World) -> dict[tuple[str, Direction], int]:
    """Which interface program each hook runs."""
    return {(world.links[f.ifindex].name, f.direction): f.prog_id for f in world.filters if f.own and not f.own.job}


def ports(*names: str) -> World:
    world = World()
    world.links = {index: Link(index, name) for index, name in enumerate(names, start=1)}
    return world


@settings(max_examples=300, deadline=None)
@given(jobs, worlds())
def test_exactly_the_incoming_hooks_of_a_job_for_all_ports_run_that_program(rows: Rows, world: World) -> None:
    target = settle(rows, world)

    everywhere = any(row[0] == "all" and INGRESS in row[1] for row in rows.values())
    for (name, way), program in programs(world).items():
        punt = everywhere and way is INGRESS and name.startswith("Ethernet")
        assert program == (PUNT_PROGRAM if punt else PROGRAM).prog_id
    assert plan(target, world.observe()) == ()


def test_a_filter_that_counts_into_a_slot_to_be_freed_goes_when_it_can_get_no_other() -> None:
    world = World()
    world.slot_count = 4
    world.links, world.qdiscs = {3: Link(3, "Ethernet8")}, {3: Qdisc(3, QdiscKind.CLSACT)}
    gone = Slot(1, 1, "Ethernet0", INGRESS, 1)
    nobodys = Slot(2, 3, "Ethernet8", INGRESS, 1, own=True)
    world.slots = {slot.index: slot for slot in (gone, nobodys)}
    stray = TcFilter(3, INGRESS, 1, 1, "bpf", f"telegen/if@{PROGRAM.digest}", PUNT_PROGRAM.prog_id, nobodys.index)
    world.filters = [stray]
    target = settle({"a": ("Ethernet8", BOTH, Match(vlan=7))}, world)
    assert stray not in world.filters
    assert programs(world)["Ethernet8", INGRESS] == PROGRAM.prog_id
    assert plan(target, world.observe()) == ()


def test_the_program_is_swapped_in_place_when_such_a_job_comes_and_goes() -> None:
    world = ports("Ethernet0")
    one: Rows = {"a": ("Ethernet0", BOTH, Match())}
    settle(one, world)
    world.packet(1, INGRESS)
    both: Rows = {**one, "every": ("all", (INGRESS,), Match())}

    for rows, after in ((both, PUNT_PROGRAM), (one, PROGRAM)):
        (action,) = [a for a in plan(wanted(rows, world), world.observe()) if isinstance(a, Replace)]
        assert (action.filter.direction, action.punt) == (INGRESS, after is PUNT_PROGRAM)
        settle(rows, world)
        world.packet(1, INGRESS)
        assert programs(world) == {("Ethernet0", INGRESS): after.prog_id, ("Ethernet0", EGRESS): PROGRAM.prog_id}
    assert world.total(AccountKey("a", "Ethernet0", INGRESS)) == 3


def test_only_the_job_for_all_ports_is_not_running_while_its_program_is_missing() -> None:
    rig = Rig(JobSpec("a", "Ethernet0"), JobSpec("every", "all"))
    assert {s.status for s in rig.run().jobs.values()} == {Status.RUNNING}

    real = rig.world.apply

    def apply(action: Action) -> None:
        if isinstance(action, Replace):
            raise PermissionDenied("replace filter", "Ethernet0 ingress", 1)
        real(action)

    (item,) = rig.world.filters
    rig.world.filters = [replace(item, prog_id=PROGRAM.prog_id, name=f"telegen/if@{PROGRAM.digest}")]
    rig.world.apply = apply  # type: ignore[method-assign]
    told = rig.run().jobs
    assert told["a"].status is Status.RUNNING
    assert told["every"].status is Status.FAILED
    assert "Ethernet0" in told["every"].message
