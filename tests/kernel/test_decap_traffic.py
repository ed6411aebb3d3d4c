"""Jobs about mirrored frames on the real kernel: beside strangers, through restarts and other builds."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.pins import SESSIONS
from sonic_telegen.model.budget import program_bytes
from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import JobSpec, MirrorMode, ResultDetail
from sonic_telegen.model.match import Match
from sonic_telegen.model.sample import SessionRecord
from sonic_telegen.model.status import Status, Visibility
from tests.support import erspan as e
from tests.support import frames as f
from tests.support.hooks import counted, program
from tests.support.jobbox import Agent, agent
from tests.support.net import tc, until
from tests.support.pcap import need_libpcap
from tests.support.stream import Stream

JOB = JobSpec("mirrored", "Ethernet0", mirror_mode=MirrorMode.DECAP)
UDP = f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(30))))
ND = f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(kind=135)))
NOT_MIRRORED = [UDP, ND, f.arp(), e.outer(e.gre(0x6558, UDP))]


def running(a: Agent, *specs: JobSpec) -> None:
    told = a.ask(*specs).jobs.values()
    assert {(s.status, s.visibility) for s in told} == {(Status.RUNNING, Visibility.MIRRORED)}


def sees(a: Agent, packets: int, job: str = JOB.id) -> None:
    assert until(lambda: a.counted(job) == packets), f"{a.counted(job)} of {packets}"


def sessions(a: Agent, job: str = JOB.id) -> dict[int, SessionRecord]:
    found = a.kernel.sample().jobs[job].sessions
    assert found is not None
    return {record.session.number: record for record in found}


def test_every_form_is_counted_by_session_and_a_strangers_filter_sees_every_packet() -> None:
    sent = [e.outer(form(frame)) for form in (e.type_1, e.type_2, e.type_3, e.vendor) for frame in (UDP, ND)]
    with agent() as a, program() as stranger:
        pin = str(a.pins.parent / "stranger")
        libbpf.obj_pin(stranger.prog_fd("stranger"), pin)
        tc(a.switch.namespace, "qdisc add dev Ethernet0 clsact")
        tc(a.switch.namespace, f"filter add dev Ethernet0 ingress prio 9 bpf da pinned {pin}")
        running(a, JOB)
        a.switch.send("Ethernet0", [*sent, *NOT_MIRRORED])
        sees(a, len(sent))
        assert until(lambda: counted(stranger, 0) == len(sent) + len(NOT_MIRRORED))
        found = sessions(a)
    assert {number: [c.packets for c in record.classes] for number, record in found.items()} == {
        0: [2, 0, 2, 0],
        1: [2, 0, 2, 0],
    }
    assert sum(record.bytes for record in found.values()) == 4 * (len(UDP) + len(ND))


def test_the_next_agent_goes_on_with_the_sessions_and_loses_no_sequence_number() -> None:
    numbers = count()

    def send(a: Agent, packets: int) -> None:
        a.switch.send("Ethernet0", [e.outer(e.type_2(UDP, 7, next(numbers))) for _ in range(packets)])

    with agent() as a:
        running(a, JOB)
        send(a, 10)
        sees(a, 10)
        before = a.kernel.observe().programs
        a.die()
        send(a, 90)
        next(numbers)  # one that never comes
        a.start()
        assert (a.kernel.observe().programs, a.run().actions) == (before, {})
        send(a, 100)
        sees(a, 200)
        record = sessions(a)[7]
    assert (record.packets, record.lost, record.restarts) == (200, 1, 0)


def test_another_build_takes_its_place_under_traffic_and_the_sessions_go_on() -> None:
    with agent() as a:
        running(a, JOB)
        with Stream(a.switch, "Ethernet0", [e.outer(e.type_1(UDP))]) as stream:
            for turn in range(3):
                seen = stream.sent
                assert until(lambda seen=seen: stream.sent > seen + 50)  # type: ignore[misc]
                kept = libbpf.map_info(a.loaded.jobs.fds(JOB.id)[SESSIONS]).id
                a.restart(TG_BUILD=turn + 1)
                assert ("Replace", "ok") in a.run().actions
                assert libbpf.map_info(a.loaded.jobs.fds(JOB.id)[SESSIONS]).id == kept
            sent = stream.stop()
        sees(a, sent)
        assert sessions(a)[0].packets == sent


def test_jobs_share_a_port_and_each_answers_its_own_question() -> None:
    need_libpcap()
    jobs = {
        "session": replace(JOB, id="session", erspan=ErspanAsked(key=7)),
        "sender": replace(JOB, id="sender", erspan=ErspanAsked(remote="10.0.0.1")),
        "udp": replace(JOB, id="udp", match=Match(ip_proto=(17,))),
        "expression": replace(JOB, id="expression", match=Match(filter="icmp6")),
        "flows": replace(JOB, id="flows", result_detail=ResultDetail.FLOWS),
    }
    with agent() as a:
        running(a, *jobs.values())
        a.switch.send("Ethernet0", [e.outer(e.type_2(UDP, 7))] * 2)
        a.switch.send("Ethernet0", [e.outer(e.type_2(ND, 8), source=bytes([10, 0, 0, 1]))] * 3)
        a.switch.send("Ethernet0", NOT_MIRRORED)
        sees(a, 5, "flows")
        assert {job: a.counted(job) for job in jobs} == {
            "session": 2,
            "sender": 3,
            "udp": 2,
            "expression": 3,
            "flows": 5,
        }
        flows = {record.flow.protocol: record.packets for record in a.kernel.sample().jobs["flows"].top}
        programs = a.kernel.observe().programs
    assert flows == {17: 2, 58: 3}
    for job, spec in jobs.items():
        assert 0 < programs[job].memory <= program_bytes(spec), job


def test_direct_and_mirrored_on_one_port_are_apart() -> None:
    direct = JobSpec("direct", "Ethernet0")
    with agent() as a:
        assert {s.status for s in a.ask(JOB, direct).jobs.values()} == {Status.RUNNING}
        a.switch.send("Ethernet0", [e.outer(e.type_1(UDP)), *NOT_MIRRORED])
        sees(a, 5, "direct")
        sees(a, 1)
        assert a.kernel.sample().jobs.keys() == {JOB.id}
