"""A program that is asked for everything at once, and what it must have done with the frames that it was shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from sonic_telegen.kernel import pcap
from sonic_telegen.kernel.jobabi import Feature, FlowKey, Frame
from sonic_telegen.model.job import ResultDetail
from sonic_telegen.model.match import Match
from tests.support.job_reference import facts
from tests.support.jobprog import JobProgram, spec
from tests.support.pcap import libpcap_matches
from tests.support.reference import Count, expected

SNAPLEN = 96


def everything(match: Match, *, rate: int = 1, budget: int = 1 << 30, ring: int = 1 << 22) -> JobProgram:
    """Expression and fields of ``match``, samples, flows, bursts and captured frames in one program."""
    job = spec(match, ResultDetail.FLOWS, sample_rate=rate, snaplen=SNAPLEN)
    return JobProgram(job, bursts=True, budget=budget, window=1 << 30, ring=ring, more=Feature.CAPTURE)


class Asks:
    """Whether a job asks about a frame of the wire: its fields by the reference, its expression by libpcap."""

    def __init__(self, match: Match) -> None:
        self._match = replace(match, filter="")
        self._code = pcap.compile_expression(match.filter) if match.filter else ()

    def about(self, frame: bytes) -> bool:
        return facts(frame).fits(self._match) and (not self._code or libpcap_matches(self._code, frame))


@dataclass(frozen=True, slots=True)
class Seen:
    """The counts of matching frames: by class, by flow."""

    classes: dict[str, Count]
    flows: dict[FlowKey, tuple[int, int]]

    @classmethod
    def of(cls, frames: list[bytes]) -> Seen:
        """What these frames add up to."""
        packets: Counter[FlowKey] = Counter()
        octets: Counter[FlowKey] = Counter()
        classes: dict[str, Count] = {}
        for frame in frames:
            packets[facts(frame).key()] += 1
            octets[facts(frame).key()] += len(frame)
            for name, one in expected(frame).items():
                was = classes.get(name, Count(0, 0, (0,) * len(one.histogram)))
                buckets = tuple(a + b for a, b in zip(was.histogram, one.histogram, strict=True))
                classes[name] = Count(was.packets + one.packets, was.bytes + one.bytes, buckets)
        return cls(classes, {key: (packets[key], octets[key]) for key in packets})

    @property
    def total(self) -> tuple[int, int]:
        """Packets and bytes."""
        return sum(c.packets for c in self.classes.values()), sum(c.bytes for c in self.classes.values())


def flows(program: JobProgram) -> dict[FlowKey, tuple[int, int]]:
    """Packets and bytes by flow, as the kernel has them."""
    return {key: (flow.packets, flow.bytes) for key, flow in program.flows().items()}


def on_the_wire(one: Frame) -> bytes:
    """The first bytes of a captured frame with the tag that lay beside it put back."""
    tag = one.vlan_proto.to_bytes(2, "big") + one.vlan_tci.to_bytes(2, "big") if one.vlan_proto else b""
    return one.data[:12] + tag + one.data[12:]


def proves_nothing_is_missing(program: JobProgram, *slots: int) -> None:
    """Matching = sampled by one in N, sampled = tracked + untracked = captured + lost, flows = tracked."""
    counted, table = program.percpu, program.flows().values()
    totals = [program.total(slot) for slot in slots]
    packets, octets = sum(p for p, _ in totals), sum(b for _, b in totals)
    assert counted.frames <= packets
    assert (counted.sampled_packets <= packets, counted.sampled_bytes <= octets) == (True, True)
    assert counted.tracked_packets + counted.untracked_packets == counted.sampled_packets
    assert counted.tracked_bytes + counted.untracked_bytes == counted.sampled_bytes
    assert counted.captured + counted.capture_lost == counted.sampled_frames
    assert sum(flow.packets for flow in table) == counted.tracked_packets
    assert sum(flow.bytes for flow in table) == counted.tracked_bytes
