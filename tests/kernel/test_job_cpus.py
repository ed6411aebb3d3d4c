"""Two CPUs in the same program at once, on the same flows: every packet is counted once, on whichever it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Self

import pytest

from sonic_telegen.kernel import jobabi, libbpf
from sonic_telegen.kernel.jobabi import PERCPU_SIZE, WINDOW_NS, PerCpu
from sonic_telegen.kernel.jobstats import Clocks, JobReader
from sonic_telegen.model.job import JobSpec, ResultDetail
from sonic_telegen.model.match import Match
from sonic_telegen.model.sample import JobSample
from tests.support import frames as f
from tests.support.cable import EGRESS, INGRESS, Cable
from tests.support.cpus import at_once, two_cpus
from tests.support.jobprog import JobProgram, spec
from tests.support.net import until

FLOWS = ResultDetail.FLOWS
CLOCKS = Clocks(0, 4_000_000, 0, 1_790_000_000_000_000_000)
OUT, IN = 31, 32
MANY = 2_000_000


def udp(port: int, size: int = 60) -> bytes:
    return f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(size), (port, 53))))


def by_cpu(program: JobProgram) -> list[PerCpu]:
    """``job_percpu`` of the two CPUs."""
    raw = program.raw_percpu()
    return [PerCpu.parse(raw[cpu * PERCPU_SIZE : (cpu + 1) * PERCPU_SIZE]) for cpu in two_cpus()]


def nothing_is_missing(program: JobProgram, *slots: int) -> None:
    """Flows + evicted + untracked = sampled, and all that matched is in the slots."""
    counted, table = program.percpu, program.flows().values()
    assert counted.frames == sum(program.total(slot)[0] for slot in slots)
    assert counted.tracked_packets + counted.untracked_packets == counted.sampled_packets
    assert counted.tracked_bytes + counted.untracked_bytes == counted.sampled_bytes
    assert sum(flow.packets for flow in table) <= counted.tracked_packets
    assert sum(flow.bytes for flow in table) <= counted.tracked_bytes


@pytest.mark.parametrize("rate", [1, 7])
def test_one_flow_that_both_add_to(rate: int) -> None:
    small, large = udp(1), udp(1, 1000)
    with JobProgram(spec(detail=FLOWS, sample_rate=rate), bursts=True) as program:
        program.live(epoch=1)
        began = time.monotonic_ns()
        at_once(partial(program.run, small, repeat=MANY), partial(program.run, large, repeat=MANY))
        windows = (time.monotonic_ns() - began) // WINDOW_NS + 2
        assert program.total() == (2 * MANY, MANY * (len(small) + len(large)))
        one, other = by_cpu(program)
        assert (one.frames, other.frames) == (MANY, MANY)
        for mine, frame in ((one, small), (other, large)):
            assert MANY // rate <= mine.sampled_packets <= -(-MANY // rate)
            assert mine.sampled_bytes == mine.sampled_packets * len(frame)
        (flow,) = program.flows().values()
        assert (flow.packets, flow.bytes) == (program.percpu.sampled_packets, program.percpu.sampled_bytes)
        peaks = jobabi.peaks(program.raw_percpu(), 1)
        assert len(peaks) == 2
        for peak in peaks:
            assert MANY / windows <= peak.packets <= MANY
            assert peak.bytes in (peak.packets * len(small), peak.packets * len(large))
        nothing_is_missing(program, 0)


def test_flows_that_both_begin() -> None:
    """Of two insertions at once one fails, and its packet must be in the entry that was there first."""
    keys = 20_000
    with JobProgram(spec(detail=FLOWS), flows=1 << 17, TG_CHURN=1) as program:  # each frame of a CPU is another flow
        once = partial(program.run, udp(1), repeat=keys)
        at_once(once, once)
        fd = program.maps["job_flows"]
        raw = [libbpf.lookup(fd, key, jobabi.FLOW_SIZE) or b"" for key in list(libbpf.keys(fd))]
        assert len(raw) == keys
        assert {jobabi.Flow.parse(value).packets for value in raw} == {2}
        assert program.percpu.tracked_packets == program.total()[0] == 2 * keys


def test_each_cpu_has_an_insert_budget_of_its_own() -> None:
    with JobProgram(spec(detail=FLOWS), budget=10, window=1 << 30) as program:

        def scan(first: int) -> None:
            for port in range(first, first + 500):
                program.run(udp(port))

        at_once(partial(scan, 1000), partial(scan, 2000))
        assert [(mine.tracked_packets, mine.untracked_packets) for mine in by_cpu(program)] == [(10, 490), (10, 490)]
        assert {key.source_port // 1000 for key in program.flows()} == {1, 2}
        assert len(program.flows()) == 20
        nothing_is_missing(program, 0)


def test_more_flows_than_there_is_room_for_from_both() -> None:
    with JobProgram(spec(detail=FLOWS), flows=256) as program:

        def churn() -> None:
            for port in range(3000):
                program.run(udp(1000 + port % 1500))

        at_once(churn, churn)
        counted = program.percpu
        assert (counted.frames, counted.sampled_packets) == (6000, 6000)
        assert sum(flow.packets for flow in program.flows().values()) < counted.tracked_packets
        assert len(program.flows()) <= 256
        nothing_is_missing(program, 0)


class Watcher(threading.Thread):
    """Reads again and again beside what is in the ``with`` block; ``seen`` is what it read."""

    def __init__(self, read: Callable[[], JobSample]) -> None:
        super().__init__(daemon=True)
        self._read, self._done = read, threading.Event()
        self.seen: list[JobSample] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()

    def run(self) -> None:
        while not self._done.is_set():
            self.seen.append(self._read())


def sender(cable: Cable, frames: list[bytes], rounds: int) -> Callable[[], None]:
    def send() -> None:
        for _ in range(rounds):
            cable.send(frames)

    return send


@pytest.mark.parametrize(("rate", "budget", "entries"), [(1, 1 << 30, 4096), (5, 1 << 30, 4096), (1, 40, 64)])
def test_two_senders_through_the_same_hooks_while_a_reader_reads(rate: int, budget: int, entries: int) -> None:
    """A frame leaves and arrives on its sender's CPU; one program counts both."""
    match, rounds = Match(ip_proto=(17,)), 20
    shared = [udp(port) for port in range(100)]
    mine = [[udp(port, size) for port in range(first, first + 50)] for first, size in ((1000, 200), (2000, 700))]
    misses = [f.arp(), f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(bytes(40))))] * 20
    job = JobSpec("one", "all", match=match, result_detail=FLOWS, sample_rate=rate)
    with Cable() as cable, JobProgram(job, bursts=True, budget=budget, window=1 << 30, flows=entries) as program:
        cable.attach("left", EGRESS, program.fd, OUT)
        cable.attach("right", INGRESS, program.fd, IN)
        behind = cable.stranger("right", INGRESS)
        reader = JobReader(job.digest())
        percpu, flows = program.maps["job_percpu"], program.maps["job_flows"]
        with Watcher(lambda: reader.read(percpu, flows, CLOCKS, 0)) as watcher:
            at_once(*(sender(cable, [*shared, *own, *misses], rounds) for own in mine))
            sent = 2 * rounds * (len(shared) + len(mine[0]) + len(misses))
            assert until(lambda: behind.frames == sent), (behind.frames, sent)
        assert len(watcher.seen) > 2
        for before, now in pairwise(watcher.seen):
            assert now.sampled.packets == now.held.packets + now.evicted.packets + now.untracked.packets
            assert now.sampled.packets >= before.sampled.packets
            assert now.sampled.bytes >= before.sampled.bytes
        octets = rounds * sum(map(len, [*shared, *shared, *mine[0], *mine[1]]))
        packets = 2 * rounds * (len(shared) + len(mine[0]))
        assert program.total(OUT) == program.total(IN) == (packets, octets)
        last, counted = reader.read(percpu, flows, CLOCKS, 0), program.percpu
        assert (last.sampled.packets, last.sampled.bytes) == (counted.sampled_packets, counted.sampled_bytes)
        assert all(one.frames == packets for one in by_cpu(program)), "each CPU saw what its sender sent, twice"
        nothing_is_missing(program, OUT, IN)
        if rate == 1 and entries > 64:
            assert {flow.packets for key, flow in program.flows().items() if key.source_port < 1000} == {4 * rounds}
            assert {flow.packets for key, flow in program.flows().items() if key.source_port >= 1000} == {2 * rounds}
        assert bool(last.untracked.packets) == (budget == 40)
