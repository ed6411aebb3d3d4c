"""Sessions of mirrored frames: sequence numbers against a reference, the bounded table, and what is read of it."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sonic_telegen.kernel import jobabi
from sonic_telegen.kernel.sessions import SessionReader
from sonic_telegen.model.job import MirrorMode, ResultDetail
from sonic_telegen.model.match import EVERY_FRAME, Match
from sonic_telegen.model.sample import Session
from tests.support import erspan as e
from tests.support import frames as f
from tests.support.jobprog import JobProgram, on_one_cpu, spec
from tests.support.patience import examples

REMOTE, LOCAL = str(IPv4Address(e.REMOTE)), str(IPv4Address(e.LOCAL))
TCP = f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(bytes(100), ports=(40000, 443), flags=2), tos=46 << 2), [(f.DOT1Q, 7)])
LAST = 2**32 - 1
steps = st.integers(-70, 70) | st.sampled_from([-64, -63, 63, 64, 65, 1000, 2**20 - 1, 2**20, 2**31 - 1, -(2**31)])


def decap(
    match: Match = EVERY_FRAME, detail: ResultDetail = ResultDetail.SUMMARY, sample_rate: int = 1, sessions: int = 256
) -> JobProgram:
    return JobProgram(spec(match, detail, sample_rate=sample_rate), mode=MirrorMode.DECAP, sessions=sessions)


def numbered(number: int) -> bytes:
    return e.outer(e.type_2(f.arp(), 1, number))


@settings(max_examples=examples(600), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, LAST) | st.just(LAST - 3), st.lists(steps, max_size=40))
@example(0, [1] * 200)
@example(LAST - 3, [1] * 10)
def test_what_sequence_numbers_say_is_what_the_reference_says(first: int, ways: list[int]) -> None:
    wanted, at = e.Session(), first
    with decap() as program:
        for step in [0, *ways]:
            at = (at + step) & LAST
            program.run(numbered(at))
            wanted.number(at)
        (value,) = program.sessions().values()
    assert (value.lost, value.repeated, value.restarts) == (wanted.lost, wanted.repeated, wanted.restarts)
    assert wanted.highest is not None
    assert value.last == wanted.highest % 2**32
    assert value.open == wanted.open


def test_packets_that_overtake_each_other_are_not_lost() -> None:
    with decap() as program:
        for number in (1, 3, 2, 5, 4, *range(6, 100)):
            program.run(numbered(number))
        (value,) = program.sessions().values()
    assert (value.lost, value.open, value.repeated) == (0, 0, 0)


def test_what_was_told_lost_is_not_taken_back_when_it_comes_late() -> None:
    reader = SessionReader()
    with decap() as program:

        def lost() -> int:
            (record,) = reader.read(program.maps["job_sessions"], lambda tick: tick)
            return record.lost

        for number in (1, 4):
            program.run(numbered(number))
        assert lost() == 2
        program.run(numbered(2))
        assert lost() == 2
        for number in (5, 7):
            program.run(numbered(number))
        assert lost() == 2, "3 and 6"
        program.run(numbered(200))
        assert lost() == 2 + 192


def test_a_frame_that_does_not_match_is_not_lost() -> None:
    with decap(Match(ip_proto=(6,))) as program:
        for number, frame in enumerate([TCP, f.arp(), f.arp(), TCP]):
            program.run(e.outer(e.type_2(frame, 5, number)))
        ((session, value),) = program.sessions().items()
        assert program.total() == (2, 2 * len(TCP))
    assert session == Session(REMOTE, LOCAL, 5)
    assert (value.lost, value.open, [c.packets for c in value.classes]) == (0, 0, [2, 0, 0, 0])


def test_two_senders_with_the_same_session_have_numbers_of_their_own() -> None:
    with decap() as program:
        for number in range(100):
            program.run(e.outer(e.type_2(f.arp(), 1, number)))
            program.run(e.outer(e.type_2(f.arp(), 1, 5000 + number), source=bytes([10, 0, 0, 1])))
        found = program.sessions()
    assert [(value.lost, value.open, value.restarts) for value in found.values()] == [(0, 0, 0)] * 2
    assert sorted(session.source for session in found) == ["10.0.0.1", REMOTE]


def test_sessions_beyond_the_table_count_beside_it() -> None:
    with decap(sessions=4) as program:
        for packet in [e.outer(e.type_2(f.arp(), number)) for number in range(10)] * 3:
            program.run(packet)
        held = sum(c.packets for value in program.sessions().values() for c in value.classes)
        counted, total = program.percpu, program.total()
    assert total == (30, 30 * len(f.arp()))
    assert (held, counted.beyond_packets) == (12, 18)
    assert counted.beyond_bytes == 18 * len(f.arp())


def test_records_say_since_when_and_have_most_packets_first() -> None:
    with decap() as program:
        for session, times in ((1, 2), (2, 5), (3, 1)):
            for number in range(times):
                program.run(e.outer(e.type_3(TCP, session, number)))
        found = SessionReader().read(program.maps["job_sessions"], lambda tick: tick)
    assert [(record.session.number, record.packets, record.bytes) for record in found] == [
        (2, 5, 5 * len(TCP)),
        (1, 2, 2 * len(TCP)),
        (3, 1, len(TCP)),
    ]
    assert all(0 < record.begun == record.first_ns <= record.last_ns for record in found)


def test_flows_are_those_of_the_frames_within() -> None:
    with decap(detail=ResultDetail.FLOWS) as program:
        program.run(e.outer(e.type_2(TCP)))
        program.run(e.outer(e.type_2(TCP[:12] + TCP[16:], vlan=7, taken=2)))
        ((key, flow),) = program.flows().items()
    assert (key.source_port, key.destination_port, key.vlan, key.dscp, key.protocol) == (40000, 443, 7, 46, 6)
    assert (flow.packets, flow.bytes, flow.tcp_flags) == (2, 2 * len(TCP) - 4, 2)


@pytest.mark.parametrize("form", [e.type_1, e.type_2, e.type_3, e.vendor])
def test_captured_is_the_frame_within(form: object) -> None:
    assert callable(form)
    with decap(detail=ResultDetail.PACKETS) as program:
        program.name_slot(0, 3)
        program.run(e.outer(form(TCP)) + b"trailer of the packet")
        (frame,) = program.captured()
    assert (frame.data, frame.length, frame.vlan_proto) == (TCP[:128], len(TCP), 0)


def test_a_tag_that_was_taken_out_is_captured_beside_the_frame() -> None:
    bare = TCP[:12] + TCP[16:]
    with decap(detail=ResultDetail.PACKETS) as program:
        program.run(e.outer(e.type_2(bare, vlan=7, taken=2)))
        (frame,) = program.captured()
    assert (frame.data, frame.length) == (bare[:128], len(TCP))
    assert (frame.vlan_proto, frame.vlan_tci) == (0x8100, 7)


def test_sampling_thins_flows_and_not_counters() -> None:
    on_one_cpu()
    with decap(detail=ResultDetail.FLOWS, sample_rate=10) as program:
        for number in range(100):
            program.run(e.outer(e.type_2(TCP, 1, number)))
        counted, total = program.percpu, program.total()
        (value,) = program.sessions().values()
    assert (counted.frames, counted.sampled_frames, total[0]) == (100, 10, 100)
    assert value.classes[0].packets == 100


def test_nothing_is_done_behind_the_deadline() -> None:
    with decap() as program:
        program.live(deadline=1)
        program.run(numbered(1))
        assert (program.slot(), program.sessions()) == ({}, {})
        program.live(deadline=2**64 - 1)
        program.run(numbered(1))
        assert len(program.sessions()) == 1


def test_bursts_are_of_the_frames_within() -> None:
    with JobProgram(spec(), mode=MirrorMode.DECAP, bursts=True) as program:
        program.run(numbered(1))
        (peak,) = jobabi.peaks(program.raw_percpu(), 0)
    assert (peak.packets, peak.bytes) == (1, len(f.arp()))
