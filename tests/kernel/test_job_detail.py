"""What a job keeps beside its counters: samples, flows within a budget, bursts, captured frames; until its deadline."""

from __future__ import annotations

import mmap
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sonic_telegen.kernel import jobabi
from sonic_telegen.kernel.jobabi import WINDOW_NS
from sonic_telegen.model.job import ResultDetail
from sonic_telegen.model.match import Match
from tests.support import frames as f
from tests.support.anyframe import frames, taken_by_a_test_run
from tests.support.job_reference import facts
from tests.support.jobprog import JobProgram, on_one_cpu, spec
from tests.support.patience import allowed, examples

FLOWS, PACKETS = ResultDetail.FLOWS, ResultDetail.PACKETS
LATEST = 2**64 - 1
TCP_ONLY = Match(ip_proto=(6,))


@pytest.fixture(autouse=True)
def one_cpu() -> None:
    on_one_cpu()


def tcp(port: int, flags: int = 0x10, size: int = 100) -> bytes:
    return f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(bytes(size), ports=(port, 443), flags=flags)))


def proves_nothing_is_missing(program: JobProgram, *, flows: bool = False) -> None:
    """Matching = sampled + not sampled, sampled = tracked + untracked, and no flow holds what was not tracked."""
    counted, (packets, _) = program.percpu, program.total()
    assert counted.sampled_packets <= packets
    if flows:
        table = program.flows().values()
        assert counted.tracked_packets + counted.untracked_packets == counted.sampled_packets
        assert counted.tracked_bytes + counted.untracked_bytes == counted.sampled_bytes
        assert sum(flow.packets for flow in table) <= counted.tracked_packets
        assert sum(flow.bytes for flow in table) <= counted.tracked_bytes


@pytest.mark.parametrize("rate", [2, 3, 100, 1024, 65536])
def test_one_of_n_frames_is_sampled_and_all_are_counted(rate: int) -> None:
    with JobProgram(spec(sample_rate=rate)) as program:
        program.run(tcp(1), repeat=3 * rate)
        counted = program.percpu
        assert program.total() == (3 * rate, 3 * rate * len(tcp(1)))
        assert (counted.frames, counted.sampled_frames, counted.sampled_packets) == (3 * rate, 3, 3)
        assert counted.sampled_bytes == 3 * len(tcp(1))


def test_the_first_sample_is_drawn() -> None:
    """Were it always the same frame, short traffic on many CPUs would be over- or underrated by all of them."""
    first = set()
    for _ in range(40):
        with JobProgram(spec(sample_rate=4)) as program:
            while not program.percpu.sampled_frames:
                program.run(tcp(1))
            first.add(program.percpu.frames)
    assert first <= {1, 2, 3, 4}
    assert len(first) > 1


def test_an_aggregate_is_one_sample_of_all_its_packets() -> None:
    with JobProgram(spec(sample_rate=2)) as program:
        for _ in range(2):
            program.run(tcp(1, size=1000), gso_size=100, gso_segs=10)
        counted = program.percpu
        wire = 10 * 54 + 1000
        assert program.total() == (20, 2 * wire)
        assert (counted.frames, counted.sampled_packets, counted.sampled_bytes) == (2, 10, wire)


@settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(frames.filter(taken_by_a_test_run), min_size=1, max_size=12))
def test_flows_are_those_of_the_reference(sent: list[bytes]) -> None:
    wanted: Counter[jobabi.FlowKey] = Counter()
    octets: Counter[jobabi.FlowKey] = Counter()
    flags: dict[jobabi.FlowKey, int] = {}
    with JobProgram(spec(detail=FLOWS)) as program:
        for frame in sent:
            program.run(frame)
            seen = facts(frame)
            wanted[seen.key()] += 1
            octets[seen.key()] += len(frame)
            flags[seen.key()] = flags.get(seen.key(), 0) | seen.tcp_flags
        found = program.flows()
        assert {key: flow.packets for key, flow in found.items()} == wanted
        assert {key: flow.bytes for key, flow in found.items()} == octets
        assert {key: flow.tcp_flags for key, flow in found.items()} == flags
        assert all(0 < flow.first <= flow.last for flow in found.values())
        counted = program.percpu
        assert (counted.tracked_packets, counted.untracked_packets) == (len(sent), 0)


def test_only_matching_frames_become_flows() -> None:
    with JobProgram(spec(TCP_ONLY, FLOWS)) as program:
        program.run(tcp(7, flags=2))
        program.run(tcp(7, flags=1))
        program.run(f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(9)))))
        ((key, flow),) = program.flows().items()
        assert (key.source_port, key.protocol, flow.packets, flow.tcp_flags) == (7, 6, 2, 3)


def test_a_scan_costs_no_more_insertions_than_the_budget() -> None:
    with JobProgram(spec(detail=FLOWS), budget=10, window=1 << 30) as program:
        for port in range(1, 501):
            program.run(tcp(port, flags=2))
        program.run(tcp(1), repeat=7)
        assert len(program.flows()) == 10
        counted = program.percpu
        assert (counted.tracked_packets, counted.untracked_packets) == (10 + 7, 490)
        assert counted.untracked_bytes == 490 * len(tcp(1))
        proves_nothing_is_missing(program, flows=True)


def test_the_budget_is_there_again_in_the_next_window() -> None:
    with JobProgram(spec(detail=FLOWS), budget=1, window=1) as program:
        deadline = time.monotonic() + allowed(10)
        port = 1
        while program.percpu.tracked_packets < 3 and time.monotonic() < deadline:
            program.run(tcp(port))
            port += 1
        assert program.percpu.tracked_packets >= 3
        proves_nothing_is_missing(program, flows=True)


def test_more_flows_than_there_is_room_for_evict_others_and_lose_no_count() -> None:
    with JobProgram(spec(detail=FLOWS), flows=256) as program:
        for port in range(1, 2001):
            program.run(tcp(port))
        counted, table = program.percpu, program.flows()
        assert counted.tracked_packets == 2000
        assert len(table) <= 256
        evicted = counted.tracked_packets - sum(flow.packets for flow in table.values())
        assert evicted == 2000 - len(table)
        proves_nothing_is_missing(program, flows=True)


def test_sampled_flows_hold_what_was_sampled() -> None:
    with JobProgram(spec(detail=FLOWS, sample_rate=10)) as program:
        program.run(tcp(1), repeat=1000)
        (flow,) = program.flows().values()
        assert (program.total()[0], program.percpu.sampled_packets, flow.packets) == (1000, 100, 100)


def test_the_peak_is_the_window_with_most_bytes() -> None:
    with JobProgram(spec(), bursts=True) as program:
        program.live(epoch=1)
        before = time.monotonic_ns()
        program.run(tcp(1), repeat=5000)
        after = time.monotonic_ns()
        (peak,) = jobabi.peaks(program.raw_percpu(), 1)
        assert peak.bytes == peak.packets * len(tcp(1))
        windows = (after - before) // WINDOW_NS + 2
        assert 5000 / windows <= peak.packets <= 5000
        assert peak.at_ns % WINDOW_NS == 0
        assert before - WINDOW_NS <= peak.at_ns <= after


def test_a_lower_window_leaves_the_peak_and_the_next_epoch_has_its_own() -> None:
    with JobProgram(spec(), bursts=True) as program:
        program.live(epoch=6)
        program.run(tcp(1), repeat=2000)
        (burst,) = jobabi.peaks(program.raw_percpu(), 6)
        wait_for_another_window()
        program.run(tcp(1))
        assert jobabi.peaks(program.raw_percpu(), 6) == (burst,)
        wait_for_another_window()
        program.live(epoch=7)
        program.run(tcp(1))
        (quiet,) = jobabi.peaks(program.raw_percpu(), 7)
        assert (quiet.packets, quiet.bytes) == (1, len(tcp(1)))
        assert jobabi.peaks(program.raw_percpu(), 6) == (burst,)
        program.live(epoch=8)
        wait_for_another_window()
        program.run(tcp(1))
        assert [peak.packets for peak in jobabi.peaks(program.raw_percpu(), 8)] == [1]


def wait_for_another_window() -> None:
    window = time.monotonic_ns() // WINDOW_NS
    while time.monotonic_ns() // WINDOW_NS == window:
        pass


@pytest.mark.parametrize("snaplen", [64, 128, 129, 512, 1000, 1536, 9216])
def test_frames_are_captured_up_to_snaplen(snaplen: int) -> None:
    sent = [tcp(1, size=size) for size in (0, 10, 74, 75, 458, 459, 1460, 1482, 1483, 3000)]
    with JobProgram(spec(detail=PACKETS, snaplen=snaplen)) as program:
        program.name_slot(0, 3)
        before = time.monotonic_ns()
        for frame in sent:
            program.run(frame)
        found = program.captured()
        assert [one.data for one in found] == [frame[:snaplen] for frame in sent]
        assert [one.length for one in found] == [len(frame) for frame in sent]
        assert {(one.ifindex, one.vlan_proto, one.gso_size, one.direction, one.slot) for one in found} == {
            (1, 0, 0, 3, 0)
        }
        assert [before <= one.at_ns <= time.monotonic_ns() for one in found] == [True] * len(sent)
        assert (program.percpu.captured, program.percpu.capture_lost) == (len(sent), 0)


def test_frames_that_find_the_ring_full_are_counted_as_lost() -> None:
    with JobProgram(spec(detail=PACKETS), ring=mmap.PAGESIZE) as program:
        program.run(tcp(1), repeat=500)
        counted = program.percpu
        assert counted.captured == mmap.PAGESIZE // (8 + jobabi.FRAME_SIZE + 128)
        assert counted.captured + counted.capture_lost == counted.sampled_frames == 500


def test_sampled_capture_takes_one_in_n() -> None:
    with JobProgram(spec(TCP_ONLY, PACKETS, sample_rate=10)) as program:
        program.run(tcp(1), repeat=200)
        program.run(f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(9)))), repeat=200)
        assert (program.total()[0], program.percpu.captured, len(program.captured())) == (200, 20, 20)


@pytest.mark.parametrize(("deadline", "counts"), [(0, True), (LATEST, True), (1, False)])
def test_behind_its_deadline_a_job_does_nothing(deadline: int, counts: bool) -> None:
    with JobProgram(spec(detail=PACKETS), bursts=True) as program:
        program.live(deadline=deadline, epoch=1)
        program.run(tcp(1))
        assert bool(program.slot()) == counts
        assert any(program.raw_percpu()) == counts
        assert len(program.captured()) == counts


def test_a_job_without_detail_leaves_its_counters_alone() -> None:
    with JobProgram(spec(TCP_ONLY)) as program:
        program.run(tcp(1))
        assert program.total()[0] == 1
        assert not any(program.raw_percpu())


def test_another_build_counts_the_same_under_another_tag() -> None:
    with JobProgram(spec(TCP_ONLY, FLOWS), TG_BUILD=1) as other, JobProgram(spec(TCP_ONLY, FLOWS)) as program:
        assert program.tag != other.tag
        for one in (program, other):
            one.run(tcp(1))
            assert (one.total(), list(one.flows())) == ((1, len(tcp(1))), [facts(tcp(1)).key()])
