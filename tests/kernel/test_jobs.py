"""Jobs with programs of their own on the real kernel: what matches is counted, through restarts and other builds."""

from __future__ import annotations

import time
from ipaddress import ip_network

import pytest

from sonic_telegen.errors import Busy
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.pins import JOB_NAMES, remove_pins
from sonic_telegen.model.action import UnloadProgram
from sonic_telegen.model.job import BOTH, Direction, JobSpec, ResultDetail
from sonic_telegen.model.kernel import AccountKey
from sonic_telegen.model.match import Match
from sonic_telegen.model.status import Reason, Status
from tests.support import frames as f
from tests.support.jobbox import Agent, agent
from tests.support.net import until
from tests.support.objects import open_fds, source_object
from tests.support.sources import GOOD
from tests.support.stream import Stream

HIT = f.ether(f.IPV4, f.ipv4(f.UDP, bytes(20)))
MISS = f.ether(f.IPV4, f.ipv4(f.TCP, bytes(20)))
UDP = JobSpec("u.d-p", "Ethernet0", match=Match(ip_proto=(17,)))
FLOWS = JobSpec("flows", "Ethernet0", result_detail=ResultDetail.FLOWS)
SECOND = 1_000_000_000


def running(a: Agent, *specs: JobSpec) -> None:
    assert {s.status for s in a.ask(*specs).jobs.values()} == {Status.RUNNING}


def sees(a: Agent, job: str, packets: int) -> None:
    assert until(lambda: a.counted(job) == packets), f"{a.counted(job)} of {packets}"


def test_a_job_counts_what_matches_in_a_slot_of_its_own() -> None:
    with agent() as a:
        running(a, UDP, JobSpec("plain", "Ethernet0"))
        a.switch.send("Ethernet0", [HIT, MISS, MISS] * 10)
        sees(a, "plain", 30)
        sees(a, UDP.id, 10)
        sample = a.kernel.sample()
        (hook,) = sample.interfaces
        own = sample.own[AccountKey(UDP.id, "Ethernet0", Direction.INGRESS)]
        assert sum(c.packets for c in hook.classes) == 30
        assert (own.classes[0].packets, own.classes[0].bytes) == (10, 10 * len(HIT))
        assert sum(own.classes[0].histogram) == 10
        assert sum(c.packets for c in sample.totals) == 30, "a job's program adds nothing to the totals"
        assert [p for p, _, _ in a.ours()] == [3, 4]
        assert {name.split("/")[1] for name in a.pinned()} == set(JOB_NAMES)


def test_both_directions_and_two_ports_share_one_program() -> None:
    job = JobSpec("all", "all", BOTH, match=Match(ip_proto=(17,)))
    with agent() as a:
        running(a, job)
        a.switch.send("Ethernet0", [HIT, MISS])
        a.switch.send_out("Ethernet4", [HIT, MISS] * 2)
        sees(a, "all", 3)
        programs = {x.prog_id for x in a.kernel.observe().filters if x.own and x.own.job}
        assert len(programs) == 1


def test_the_next_agent_adopts_the_very_same_program_and_its_maps() -> None:
    with agent() as a:
        running(a, UDP, FLOWS)
        a.switch.send("Ethernet0", [HIT, MISS])
        sees(a, UDP.id, 1)
        before, filters = a.kernel.observe().programs, a.ours()
        a.die()
        a.switch.send("Ethernet0", [HIT, MISS])
        a.start()
        assert (a.kernel.observe().programs, a.loaded.jobs.notices) == (before, ())
        assert a.run().actions == {}
        assert a.ours() == filters
        sees(a, UDP.id, 2)
        sees(a, "flows", 4)


def test_another_build_takes_its_place_under_traffic_and_its_flows_go_on() -> None:
    with agent() as a:
        running(a, FLOWS, UDP)
        with Stream(a.switch, "Ethernet0", [HIT]) as stream:
            for turn in range(8):
                seen = stream.sent
                assert until(lambda seen=seen: stream.sent > seen + 50)  # type: ignore[misc]
                a.restart(TG_BUILD=turn + 1)
                flows = libbpf.map_info(a.loaded.jobs.fds("flows")["flows"]).id
                assert ("Replace", "ok") in a.run().actions
                assert libbpf.map_info(a.loaded.jobs.fds("flows")["flows"]).id == flows
            sent = stream.stop()
        sees(a, UDP.id, sent)
        sees(a, "flows", sent)
        assert len(a.ours()) == 3


def test_another_question_begins_at_zero_and_the_old_one_is_gone() -> None:
    with agent() as a:
        running(a, UDP)
        a.switch.send("Ethernet0", [HIT] * 5)
        sees(a, UDP.id, 5)
        running(a, JobSpec(UDP.id, "Ethernet0", match=Match(ip_proto=(6,))))
        a.switch.send("Ethernet0", [HIT, HIT, MISS])
        sees(a, UDP.id, 1)
        assert (len(a.ours()), len(a.pinned()), len(a.kernel.observe().slots)) == (2, len(JOB_NAMES), 2)


def test_an_ended_job_leaves_nothing_behind() -> None:
    with agent() as a:
        a.run()
        a.loaded.jobs.ticks()  # the agent's clock is a program too, and stays
        before = sorted(fd.split(" ", 1)[1] for fd in open_fds() if "bpf" in fd)
        running(a, UDP, FLOWS)
        a.switch.send("Ethernet0", [HIT] * 5)
        sees(a, UDP.id, 5)
        told = a.ask().jobs[UDP.id]
        assert (told.status, told.packets) == (Status.STOPPED, 5)
        assert len(a.pinned()) == 2 * len(JOB_NAMES), "what it found can be read until its end was told"
        a.run()
        state = a.kernel.observe()
        assert (a.ours(), a.pinned(), dict(state.slots), dict(state.programs)) == ([], set(), {}, {})
        assert sorted(fd.split(" ", 1)[1] for fd in open_fds() if "bpf" in fd) == before
        assert a.counted(UDP.id) == 5


def test_a_dead_agents_job_stops_counting_at_its_deadline() -> None:
    with agent() as a:
        job = JobSpec("short", "Ethernet0", match=Match(ip_proto=(17,)), duration_sec=2)
        running(a, job)
        (program,) = a.kernel.observe().programs.values()
        assert abs(program.deadline_ns - a.asked.told["short"].expires_ns) < SECOND
        a.switch.send("Ethernet0", [HIT])
        sees(a, "short", 1)
        a.die()
        assert until(lambda: time.time_ns() > program.deadline_ns + SECOND // 10)
        a.switch.send("Ethernet0", [HIT] * 5)
        a.start()
        assert a.counted("short") == 1
        assert len(a.ours()) == 2, "its filter is there, and does nothing"
        assert a.run().jobs["short"].status is Status.DONE
        assert a.ours() == []


def test_the_deadline_is_put_right_when_the_clock_was_set() -> None:
    with agent() as a:
        running(a, JobSpec("long", "Ethernet0", match=Match(vlan=7), duration_sec=600))
        ends = a.asked.told["long"].expires_ns
        a.loaded.jobs.set_deadline("long", ends - 3600 * SECOND)  # what an hour more on the clock makes of it
        assert set(a.run().actions) == {("SetDeadline", "ok")}
        assert abs(a.kernel.observe().programs["long"].deadline_ns - ends) < SECOND // 10
        assert a.run().actions == {}


def test_an_object_of_another_layout_fails_its_jobs_alone() -> None:
    with agent(TG_PAD=2) as a:
        result = a.ask(UDP, JobSpec("plain", "Ethernet0"))
        told = result.jobs[UDP.id]
        assert (told.status, told.reason) == (Status.FAILED, Reason.NOT_SUPPORTED)
        assert "use the objects of one build" in told.message
        assert result.jobs["plain"].status is Status.RUNNING
        assert a.run().actions == {}


def test_pins_removed_by_hand_are_put_back_while_it_runs_and_made_anew_after() -> None:
    with agent() as a:
        running(a, UDP)
        (inner,) = (a.pins / "jobs").iterdir()
        (inner / "prog").unlink()
        (told,) = a.loaded.repair()
        assert told == f"the pins of job {UDP.id} had been removed and are there again, nothing was lost"
        assert len(a.pinned()) == len(JOB_NAMES)
        a.switch.send("Ethernet0", [HIT] * 2)
        sees(a, UDP.id, 2)
        a.die()
        (inner / "live").unlink()
        a.start()
        assert a.loaded.jobs.notices == (f"{inner} held no whole program of a job: removed",)
        assert set(a.run().actions) == {("LoadProgram", "ok"), ("Replace", "ok")}
        a.switch.send("Ethernet0", [HIT])
        sees(a, UDP.id, 3)


def test_a_strangers_pins_in_our_place_are_no_program_of_a_job() -> None:
    with agent() as a, libbpf.Object.open(source_object(GOOD, "good")) as o:
        o.load()
        a.die()
        inner = a.pins / "jobs" / ("a" * 16)
        inner.mkdir(parents=True)
        for name in JOB_NAMES:
            libbpf.obj_pin(o.prog_fd("good"), str(inner / name))
        libbpf.obj_pin(o.prog_fd("good"), str(inner.parent / "mine"))
        a.start()
        assert "held no whole program" in a.loaded.jobs.notices[0]
        assert a.pinned() == {"mine"}


def test_detach_all_takes_filters_and_pins_of_jobs_too() -> None:
    with agent() as a:
        running(a, UDP, FLOWS)
        assert len(a.kernel.detach_all().filters) == 3
        assert remove_pins(a.pins) == ()
        assert (a.ours(), a.pins.exists()) == ([], False)


def test_a_netdev_that_comes_back_is_counted_on_by_the_same_program() -> None:
    with agent() as a:
        running(a, UDP)
        a.switch.send("Ethernet0", [HIT] * 3)
        sees(a, UDP.id, 3)
        a.switch.remove_port("Ethernet0")
        assert a.run().jobs[UDP.id].reason is Reason.NETDEV_ABSENT
        program = a.kernel.observe().programs
        a.switch.add_port("Ethernet0")
        assert a.run().jobs[UDP.id].status is Status.RUNNING
        a.switch.send("Ethernet0", [HIT, MISS])
        sees(a, UDP.id, 4)
        assert a.kernel.observe().programs == program


def test_eight_programs_count_beside_each_other() -> None:
    jobs = [JobSpec(f"j{n}", "Ethernet0", match=Match(dst_cidr=ip_network("192.0.2.2/32"))) for n in range(9)]
    with agent() as a:
        result = a.ask(*jobs)
        assert [result.jobs[f"j{n}"].status for n in range(9)] == [Status.RUNNING] * 8 + [Status.PENDING]
        a.switch.send("Ethernet0", [HIT] * 4)
        for n in range(8):
            sees(a, f"j{n}", 4)
        assert a.counted("j8") == 0


def test_a_program_is_not_unpinned_while_a_filter_runs_it() -> None:
    with agent() as a:
        running(a, UDP)
        with pytest.raises(Busy, match=r"unload the program of on job u\.d-p: .* still runs it"):
            a.kernel.apply(UnloadProgram(UDP.id))
        assert len(a.pinned()) == len(JOB_NAMES)
        assert a.run().actions == {}
