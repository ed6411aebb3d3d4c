"""What a job's own program keeps beside its slots, read while it runs: sums that agree, though nothing stands still.

The per-CPU counters are read before the flow table and the slots after it, so ``sampled`` is never more than what the
slots say. What the table lost since is what was tracked less what it holds. Frames that came between the two readings
make that too small, never too large; it does not go back, and what was tracked is taken as held and evicted together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.flows import TOP, FlowReader, Table
from sonic_telegen.kernel.jobabi import OFF, PERCPU_SIZE, Peak, PerCpu, peaks
from sonic_telegen.kernel.sessions import SessionReader
from sonic_telegen.kernel.tables import index_key
from sonic_telegen.model.sample import NOTHING, Burst, Counters, JobSample


@dataclass(frozen=True, slots=True)
class Clocks:
    """One moment on all clocks: ticks of the kernel (``tick_ns`` each), its monotonic clock, and Unix time."""

    ticks: int
    tick_ns: int
    monotonic_ns: int
    time_ns: int

    def of_tick(self, tick: int) -> int:
        """Unix ns of a tick."""
        return self.time_ns - (self.ticks - tick) * self.tick_ns

    def of_monotonic(self, ns: int) -> int:
        """Unix ns of a moment of the monotonic clock."""
        return self.time_ns - (self.monotonic_ns - ns)


class JobReader:
    """Reads one job's maps, again and again; another question (``digest``) or other maps want another reader."""

    def __init__(self, digest: str, maps: int = 0, top: int = TOP) -> None:
        self.digest, self._maps = digest, maps
        self._flows, self._sessions = FlowReader(top), SessionReader()
        self._evicted = NOTHING

    def read(self, percpu: int, flows: int, clocks: Clocks, epoch: int, sessions: int | None = None) -> JobSample:
        """One reading of the maps, ``sessions`` of a job that has them.

        ``epoch`` is that of the peaks, which the program must have left just now.
        """
        raw = libbpf.lookup(percpu, index_key(0), libbpf.percpu_size(PERCPU_SIZE)) or b""
        tracks = libbpf.map_info(flows).max_entries > OFF
        table = self._flows.read(flows, clocks.of_tick) if tracks else None
        told = self._told(PerCpu.parse(raw), table, clocks.ticks, burst(peaks(raw, epoch), clocks.of_monotonic))
        return told if sessions is None else replace(told, sessions=self._sessions.read(sessions, clocks.of_tick))

    def _told(self, counted: PerCpu, table: Table | None, read_at: int, most: Burst | None) -> JobSample:
        found = JobSample(
            digest=self.digest,
            maps=self._maps,
            sampled=Counters(counted.sampled_packets, counted.sampled_bytes),
            read_at=read_at,
            burst=most,
            captured=counted.captured,
            capture_lost=counted.capture_lost,
            mirrored=counted.mirrored,
            mirror_failed=counted.mirror_failed,
            beyond=Counters(counted.beyond_packets, counted.beyond_bytes),
        )
        return found if table is None else self._with(found, counted, table)

    def _with(self, found: JobSample, counted: PerCpu, table: Table) -> JobSample:
        tracked, held = Counters(counted.tracked_packets, counted.tracked_bytes), table.held
        untracked = Counters(counted.untracked_packets, counted.untracked_bytes)
        gone = Counters(
            max(self._evicted.packets, tracked.packets - held.packets),
            max(self._evicted.bytes, tracked.bytes - held.bytes),
        )
        self._evicted = gone
        return replace(
            found,
            sampled=_sum(held, gone, untracked),
            tracks=True,
            held=held,
            evicted=gone,
            untracked=untracked,
            flows=table.flows,
            top=table.top,
        )


def burst(found: tuple[Peak, ...], unix_ns: Callable[[int], int]) -> Burst | None:
    """The window with most bytes; what CPUs saw in the same one is added up, as far as it was the peak of each."""
    windows: dict[int, tuple[int, int]] = {}
    for peak in found:
        octets, packets = windows.get(peak.at_ns, (0, 0))
        windows[peak.at_ns] = (octets + peak.bytes, packets + peak.packets)
    if not windows:
        return None
    at_ns, (octets, packets) = max(windows.items(), key=lambda item: (item[1], -item[0]))
    return Burst(octets, packets, unix_ns(at_ns))


def _sum(*parts: Counters) -> Counters:
    return Counters(sum(part.packets for part in parts), sum(part.bytes for part in parts))
