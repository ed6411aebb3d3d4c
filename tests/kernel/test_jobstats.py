"""A job's maps in the real kernel are read so that what was seen, kept, lost and refused always adds up."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

import pytest

from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.jobabi import FLOW_SIZE, KEY_SIZE, OFF, PERCPU_SIZE, Peak
from sonic_telegen.kernel.jobstats import Clocks, JobReader, burst
from sonic_telegen.kernel.tables import index_key
from sonic_telegen.model.sample import NOTHING, Burst, Counters, JobSample
from tests.kernel.test_flows import LRU_HASH, flow_key, flow_value

CLOCKS = Clocks(ticks=1000, tick_ns=4_000_000, monotonic_ns=50_000_000_000, time_ns=1_790_000_000_000_000_000)


class Job:
    """The two maps of a job, written by hand as its program would."""

    def __init__(self, flows: int) -> None:
        self.percpu = libbpf.map_create(libbpf.PERCPU_ARRAY, "percpu", 4, PERCPU_SIZE, 1)
        self.flows = libbpf.map_create(LRU_HASH, "flows", KEY_SIZE, FLOW_SIZE, flows)
        self.reader = JobReader("d" * 16)

    def close(self) -> None:
        os.close(self.percpu)
        os.close(self.flows)

    def count(
        self,
        sampled: Counters = NOTHING,
        tracked: Counters = NOTHING,
        untracked: Counters = NOTHING,
        captured: int = 0,
        lost: int = 0,
        peaks: tuple[Peak, Peak] = (Peak(0, 0, 0, 0), Peak(0, 0, 0, 0)),
    ) -> None:
        """Set the counters, all of them on the first CPU but for one frame that was sampled on the last."""
        pairs = (sampled, tracked, untracked)
        rest = (0, captured, lost, 0, 0, 0, 0, 0, 0, 0)
        first = [sampled.packets, 0, sampled.packets, sampled.bytes, sampled.packets]
        for pair in pairs[1:]:
            first += [pair.packets, pair.bytes]
        raw = struct.pack("=18Q", *first, *rest[1:])
        for peak in peaks:
            raw += struct.pack("=3QI4x", peak.bytes, peak.packets, peak.at_ns, peak.epoch)
        cpus = libbpf.possible_cpus()
        libbpf.update(self.percpu, index_key(0), raw + bytes(PERCPU_SIZE) * (cpus - 1))

    def read(self, epoch: int = 0) -> JobSample:
        return self.reader.read(self.percpu, self.flows, CLOCKS, epoch)


@pytest.fixture
def job() -> Iterator[Job]:
    made = Job(1024)
    yield made
    made.close()


@pytest.fixture
def summary() -> Iterator[Job]:
    made = Job(OFF)
    yield made
    made.close()


def adds_up(sample: JobSample) -> bool:
    parts = (sample.held, sample.evicted, sample.untracked)
    whole = (sum(part.packets for part in parts), sum(part.bytes for part in parts))
    return (sample.sampled.packets, sample.sampled.bytes) == whole


def test_what_is_in_no_flow_was_evicted_or_refused(job: Job) -> None:
    job.count(Counters(100, 9000), Counters(90, 8000), Counters(10, 1000))
    libbpf.update(job.flows, flow_key(1), flow_value(50, 4000))
    libbpf.update(job.flows, flow_key(2), flow_value(20, 1000))
    found = job.read()
    assert (found.digest, found.tracks, found.flows) == ("d" * 16, True, 2)
    assert (found.held, found.evicted) == (Counters(70, 5000), Counters(20, 3000))
    assert (found.untracked, found.sampled) == (Counters(10, 1000), Counters(100, 9000))
    assert [record.first_ns for record in found.top] == [CLOCKS.time_ns - 900 * 4_000_000] * 2
    assert adds_up(found)


def test_frames_between_the_readings_neither_unbalance_nor_turn_back_the_sums(job: Job) -> None:
    job.count(Counters(60, 6000), Counters(60, 6000))
    libbpf.update(job.flows, flow_key(1), flow_value(40, 4000))
    before = job.read()
    assert before.evicted == Counters(20, 2000)
    libbpf.update(job.flows, flow_key(1), flow_value(55, 5500))  # 15 came after the counters were read
    during = job.read()
    assert (during.evicted, during.sampled) == (Counters(20, 2000), Counters(75, 7500))
    assert adds_up(during)
    job.count(Counters(75, 7500), Counters(75, 7500))
    after = job.read()
    assert (after.evicted, after.sampled) == (Counters(20, 2000), Counters(75, 7500))


def test_without_a_flow_table_the_sampled_and_captured_are_told(summary: Job) -> None:
    summary.count(Counters(7, 700), captured=5, lost=2)
    found = summary.read()
    assert (found.sampled, found.tracks, found.flows) == (Counters(7, 700), False, 0)
    assert (found.captured, found.capture_lost, found.burst) == (5, 2, None)
    assert found.held == found.evicted == found.untracked == NOTHING


def test_the_burst_is_that_of_the_epoch_asked_for(summary: Job) -> None:
    summary.count(peaks=(Peak(3000, 2, 49_000_000_000, 4), Peak(9000, 6, 49_500_000_000, 5)))
    assert summary.read(epoch=4).burst == Burst(3000, 2, CLOCKS.time_ns - 1_000_000_000)
    assert summary.read(epoch=5).burst == Burst(9000, 6, CLOCKS.time_ns - 500_000_000)
    assert summary.read(epoch=6).burst is None


def test_cpus_that_had_their_peak_in_the_same_window_are_added() -> None:
    peaks = (Peak(500, 5, 1_000_000, 1), Peak(900, 3, 2_000_000, 1), Peak(600, 6, 1_000_000, 1))
    assert burst(peaks, lambda ns: ns + 7) == Burst(1100, 11, 1_000_007)
    assert burst((), lambda ns: ns) is None


def test_rest_is_what_no_told_flow_has(job: Job) -> None:
    job.reader = JobReader("d", top=1)
    job.count(Counters(100, 9000), Counters(90, 8000), Counters(10, 1000))
    libbpf.update(job.flows, flow_key(1), flow_value(50, 4000))
    libbpf.update(job.flows, flow_key(2), flow_value(20, 1000))
    assert job.read().rest == Counters(50, 5000)
