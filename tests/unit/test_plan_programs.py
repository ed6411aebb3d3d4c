"""Jobs with programs of their own: first loaded, in slots of their own, replaced in place, gone after their end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sonic_telegen.model.action import Action, Attach, Detach, Replace, SetDeadline, UnloadProgram
from sonic_telegen.model.job import BOTH, Direction, JobSpec, MirrorMode, ResultDetail
from sonic_telegen.model.kernel import AccountKey, JobProgram, Link, QdiscKind, Slot
from sonic_telegen.model.match import Match
from sonic_telegen.model.status import Reason, Status
from sonic_telegen.reconcile.desired import desire
from sonic_telegen.reconcile.plan import plan
from sonic_telegen.settings import Settings
from tests.unit.test_loop import SECOND, Rig

INGRESS = Direction.INGRESS
VOICE = JobSpec("voice", "Ethernet0", match=Match(dscp=(46,)))
KEY = AccountKey("voice", "Ethernet0", INGRESS)


def flows(job: str, port: str = "Ethernet0", **more: object) -> JobSpec:
    return JobSpec(job, port, result_detail=ResultDetail.FLOWS, **more)  # type: ignore[arg-type]


def done(rig: Rig) -> list[str]:
    """Kinds of the actions that the next pass would begin with."""
    return [type(action).__name__ for action in planned(rig)]


def planned(rig: Rig) -> tuple[Action, ...]:
    state = rig.world.observe()
    return plan(desire(rig.asked, state, rig.settings({}), {}, rig.now), state)


def ask(rig: Rig, *specs: JobSpec) -> None:
    rig.asked = replace(rig.asked, jobs={spec.id: spec for spec in specs})


def names(rig: Rig) -> list[str]:
    return sorted(f.own.job for f in rig.world.filters if f.own)


def test_its_program_is_loaded_first_and_counts_in_a_slot_of_its_own_beside_the_interface_program() -> None:
    rig = Rig(VOICE)
    assert done(rig) == ["LoadProgram", "AddQdisc", "AssignSlot", "Attach"]

    assert rig.run().jobs["voice"].status is Status.RUNNING

    interface, own = rig.world.filters
    assert (interface.priority, own.priority) == (3, 4)
    assert {s.index: s.own for s in rig.world.slots.values()} == {interface.classid: False, own.classid: True}
    assert rig.world.accounts[KEY].slot == own.classid
    assert planned(rig) == ()


def test_a_filter_of_another_build_is_replaced_in_place_and_counts_on() -> None:
    rig = Rig(VOICE)
    rig.run()
    rig.world.packet(1, INGRESS)
    began = rig.world.accounts[KEY].start_ns
    rig.world.programs["voice"] = replace(rig.world.programs["voice"], build="older")
    before = rig.world.filters[1]

    result = rig.run()

    assert set(result.actions) == {("LoadProgram", "ok"), ("Replace", "ok")}
    assert replace(rig.world.filters[1], prog_id=before.prog_id) == before
    rig.world.packet(1, INGRESS)
    assert (rig.world.total(KEY), rig.world.accounts[KEY].start_ns) == (2, began)


def test_pins_that_vanished_are_made_again_under_the_running_filter() -> None:
    rig = Rig(VOICE)
    rig.run()
    rig.world.packet(1, INGRESS)
    rig.world.programs.clear()
    assert rig.run().jobs["voice"].status is Status.RUNNING
    assert (len(rig.world.filters), rig.world.total(KEY)) == (2, 1)


def test_another_question_is_a_new_job_from_zero() -> None:
    rig = Rig(VOICE)
    rig.run()
    rig.world.packet(1, INGRESS)
    old = rig.world.filters[1]
    ask(rig, replace(VOICE, match=Match(dscp=(34,))))
    first = planned(rig)
    assert Detach(old, "Ethernet0", QdiscKind.INGRESS) in first
    assert UnloadProgram("voice") in first

    assert rig.run().jobs["voice"].status is Status.RUNNING

    assert rig.world.filters[1].prog_id != old.prog_id
    assert (len(rig.world.filters), len(rig.world.slots), rig.world.total(KEY)) == (2, 2, 0)


@pytest.mark.parametrize("initialized", [True, False])
def test_a_question_that_needs_no_program_any_more_gives_it_back(initialized: bool) -> None:
    rig = Rig(VOICE)
    rig.run()
    rig.asked = replace(rig.asked, initialized=initialized)
    ask(rig, JobSpec("voice", "Ethernet0"))
    assert rig.run().jobs["voice"].status is Status.RUNNING
    assert (names(rig), rig.world.programs, len(rig.world.slots)) == ([""], {}, 1)
    ask(rig, VOICE)
    assert rig.run().jobs["voice"].status is Status.RUNNING
    assert names(rig) == ["", "voice"]


def test_the_program_of_an_ended_job_goes_when_its_end_is_told() -> None:
    rig = Rig(VOICE)
    rig.run()
    ask(rig)
    result = rig.run()
    assert (rig.world.filters, list(rig.world.programs)) == ([], ["voice"])
    assert (result.jobs["voice"].status, result.wake_sec) == (Status.STOPPED, 1)
    assert rig.run().wake_sec == 60
    assert rig.world.programs == {}


def test_a_program_that_nobody_was_told_of_goes_at_once() -> None:
    rig = Rig()
    rig.world.programs["lost"] = JobProgram(9, "ee" * 8, "f" * 16, "older")
    assert planned(rig) == (UnloadProgram("lost"),)


def test_while_the_database_is_loaded_programs_and_filters_stay() -> None:
    rig = Rig(VOICE)
    rig.run()
    before = (list(rig.world.filters), dict(rig.world.programs), dict(rig.world.slots))
    rig.asked = replace(rig.asked, jobs={}, initialized=False)
    rig.run()
    assert (rig.world.filters, rig.world.programs, rig.world.slots) == before


def test_a_qdisc_that_carries_what_is_kept_through_a_reload_is_widened_after_it() -> None:
    rig = Rig(VOICE)
    rig.run()
    both = JobSpec("both", "Ethernet0", directions=BOTH)
    rig.asked = replace(rig.asked, jobs={"both": both}, initialized=False)
    assert rig.run().jobs["both"].reason is Reason.INGRESS_QDISC
    assert "telegen/job/voice" in {item.name.partition("@")[0] for item in rig.world.filters}
    rig.asked = replace(rig.asked, initialized=True)
    assert rig.run().jobs["both"].status is Status.RUNNING
    assert rig.world.qdiscs[1].kind is QdiscKind.CLSACT


def test_a_program_waits_for_its_netdev_to_come_back() -> None:
    rig = Rig(VOICE)
    rig.run()
    rig.world.packet(1, INGRESS)
    program = dict(rig.world.programs)
    rig.world.links.clear()
    rig.world.filters.clear()
    rig.world.qdiscs.clear()
    assert rig.run().jobs["voice"].reason is Reason.NETDEV_ABSENT
    assert (rig.world.programs, rig.world.slots) == (program, {})
    rig.world.links[9] = Link(9, "Ethernet0")
    assert rig.run().jobs["voice"].status is Status.RUNNING
    rig.world.packet(9, INGRESS)
    assert (rig.world.programs, rig.world.total(KEY)) == (program, 2)


def test_the_deadline_is_there_before_the_first_packet_and_follows_the_clock() -> None:
    rig = Rig(replace(VOICE, duration_sec=60))
    rig.run()
    (program,) = rig.world.programs.values()
    assert program.deadline_ns == rig.now + 60 * SECOND == rig.asked.told["voice"].expires_ns
    assert rig.run().actions == {}
    rig.world.programs["voice"] = replace(program, deadline_ns=program.deadline_ns - 3600 * SECOND)  # the clock was set
    assert set(rig.run().actions) == {("SetDeadline", "ok")}
    assert rig.world.programs["voice"] == program
    rig.now += 60 * SECOND
    assert rig.run().jobs["voice"].status is Status.DONE
    assert rig.world.filters == []


def test_a_deadline_that_nobody_asked_for_is_taken_away() -> None:
    rig = Rig(VOICE)
    rig.run()
    rig.world.programs["voice"] = replace(rig.world.programs["voice"], deadline_ns=1)
    assert planned(rig) == (SetDeadline("voice", 0),)


def test_slots_of_jobs_that_nobody_counts_in_are_released() -> None:
    rig = Rig(VOICE)
    rig.run()
    rig.world.slots[40] = Slot(40, 1, "Ethernet0", INGRESS, 1, own=True)  # killed before its account was opened
    rig.world.slots[41] = Slot(41, 77, "Ethernet4", INGRESS, 1, own=True)
    assert done(rig) == ["ReleaseSlot", "ReleaseSlot"]
    rig.run()
    assert len(rig.world.slots) == 2


def test_a_filter_of_the_job_that_counts_elsewhere_is_brought_home() -> None:
    rig = Rig(VOICE)
    rig.run()
    interface, own = rig.world.filters
    rig.world.filters[1] = replace(own, classid=interface.classid)  # by somebody else
    assert planned(rig) == (Replace(rig.world.filters[1], "Ethernet0", QdiscKind.INGRESS, own.classid),)
    assert rig.run().jobs["voice"].status is Status.RUNNING
    rig.world.filters[1] = replace(own, priority=9, classid=interface.classid, prog_id=5)
    assert {type(action) for action in planned(rig)} == {Detach, Attach}


def test_placeholder_takes_the_program_away() -> None:
    rig = Rig(VOICE)
    rig.run()
    rig.settings = lambda row: Settings(mirror_mode=MirrorMode.PLACEHOLDER)
    rig.run()
    rig.run()
    assert (rig.world.filters, rig.world.programs) == ([], {})
