"""The real program on mixed frames, read as the agent reads it: seen = unsampled + flows + evicted + untracked."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from sonic_telegen.kernel import jobabi, libbpf
from sonic_telegen.kernel.jobstats import Clocks, JobReader
from sonic_telegen.kernel.layout import Layout
from sonic_telegen.kernel.tables import index_key
from sonic_telegen.model.job import JobSpec, ResultDetail
from sonic_telegen.model.sample import Counters
from tests.support.bpfobj import sk_buff

CLOCKS = Clocks(0, 4_000_000, 0, 1_790_000_000_000_000_000)
OBJECT = Path(__file__).parents[2] / "build" / "telegen_job.bpf.o"


def frame(number: int) -> bytes:
    """UDP over IPv4 of flow ``number``, an IPv6 packet or an ARP request, each of its own size."""
    if number % 7 == 5:
        return bytes(12) + b"\x08\x06" + bytes(28 + number % 40)
    if number % 7 == 6:
        source = bytes(14) + number.to_bytes(2, "big")
        udp = struct.pack(">HHHH", 1000 + number, 53, 8, 0)
        return bytes(12) + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, 8, 17, 64) + source + bytes(16) + udp + bytes(6)
    udp = struct.pack(">HHHH", 1000 + number, 53, 8 + number % 200, 0) + bytes(20 + number % 200)
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    return bytes(12) + b"\x08\x00" + head + bytes((10, 0, 0, 1)) + bytes((10, 0, number >> 8, number & 255)) + udp


def counted(opened: libbpf.Object) -> tuple[Counters, ...]:
    """What slot 0, that of test runs, has by class."""
    layout = Layout.parse(opened.rodata("layout"))
    raw = libbpf.lookup(opened.map_fd("if_stats_percpu"), index_key(0), libbpf.percpu_size(layout.slot_size))
    return layout.counters(layout.slot_words(raw or b""))


@pytest.fixture
def on_one_cpu() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


@pytest.mark.usefixtures("on_one_cpu")
@pytest.mark.parametrize("rate", [1, 5])
@pytest.mark.parametrize(("budget", "entries"), [(1 << 30, 4096), (100, 4096), (1 << 30, 64)])
def test_nothing_is_missing_and_nothing_counted_twice(rate: int, budget: int, entries: int) -> None:
    spec = JobSpec("one", "all", result_detail=ResultDetail.FLOWS, sample_rate=rate)
    with libbpf.Object.open(OBJECT) as opened:
        config = jobabi.pack_config(spec, flow_budget=budget, budget_window=1 << 31)
        opened.set_rodata("config", config)
        opened.set_max_entries("job_flows", entries)
        opened.load()
        program = opened.prog_fd("telegen_job")
        reader, sent = JobReader(spec.digest()), 0
        for round_ in range(3):
            for number in range(round_ * 250, round_ * 250 + 500):
                libbpf.prog_test_run(program, frame(number), sk_buff(0, 0))
                sent += 1
            found = reader.read(opened.map_fd("job_percpu"), opened.map_fd("job_flows"), CLOCKS, 0)
            seen = counted(opened)
            packets, octets = sum(one.packets for one in seen), sum(one.bytes for one in seen)
            assert packets == sent
            parts = (found.held, found.evicted, found.untracked)
            assert found.sampled.packets == sum(part.packets for part in parts)
            assert found.sampled.bytes == sum(part.bytes for part in parts)
            assert sent // rate - 1 <= found.sampled.packets <= sent // rate + 1
            assert found.sampled.bytes <= octets
            if rate == 1:
                assert found.sampled.bytes == octets
        assert bool(found.untracked.packets) == (budget == 100)
        assert bool(found.evicted.packets) == (entries == 64)
