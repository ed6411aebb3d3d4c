"""A job's own program on other kernels: the verifier takes all combinations of features."""

from __future__ import annotations

import itertools
import os
import struct
from ipaddress import ip_network

import pytest

from sonic_telegen.kernel import jobabi, libbpf
from sonic_telegen.kernel.jobabi import Feature
from sonic_telegen.kernel.libbpf_object import Object
from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import JobSpec, MirrorMode, ResultDetail
from sonic_telegen.model.match import Match
from tests.support import frames as f
from tests.vm.verifier import JOB_LIMIT, job_object, loaded_steps

PORTS = tuple((port, port + 1) for port in range(1, 25, 3))
FOUR, SIX = ip_network("192.0.2.0/24"), ip_network("2001:db8:1:2:3:4:5:0/112")
MATCHES = {
    "any": Match(),
    "protocol": Match(ip_proto=(6,)),
    "ports": Match(ip_proto=(6, 17), l4_sport=PORTS, l4_dport=PORTS),
    "vlan": Match(vlan=7),
    "dscp": Match(dscp=(46,)),
    "IPv4": Match((6, 17), FOUR, FOUR, PORTS, PORTS, (46,), 7, "ip"),
    "IPv6": Match((6, 17), SIX, SIX, PORTS, PORTS, (46,), 7, "ip6"),
}
DIRECT, ERSPAN, DECAP = MirrorMode.DIRECT, MirrorMode.ERSPAN, MirrorMode.DECAP
SENDER = ErspanAsked(remote="192.0.2.1", local="192.0.2.2", key=7)
DETAILS = [
    *itertools.product(ResultDetail, (1, 100), (False, True), (DIRECT,)),
    *itertools.product(ResultDetail, (1, 100), (True,), (ERSPAN, DECAP)),
]


@pytest.mark.parametrize("match", MATCHES.values(), ids=MATCHES)
def test_verifier_accepts_every_combination_with_room_to_spare(match: Match) -> None:
    took = {}
    for detail, rate, bursts, mode in DETAILS:
        job = JobSpec("vm", "all", match=match, result_detail=detail, sample_rate=rate, snaplen=9216, erspan=SENDER)
        with job_object(job, bursts, mode) as (opened, program):
            took[int(jobabi.features(job, bursts, mode)), rate] = loaded_steps(opened, program)
    print(f"verifier on {os.uname().release}: {min(took.values())} to {max(took.values())} steps")
    assert max(took.values()) < JOB_LIMIT, took


def run(opened: Object, frame: bytes) -> None:
    ran = libbpf.prog_test_run(opened.prog_fd("telegen_job"), frame, bytes(192))
    assert (ran.retval, ran.data_out) == (0xFFFFFFFF, frame)


def percpu(opened: Object) -> jobabi.PerCpu:
    raw = libbpf.lookup(opened.map_fd("job_percpu"), bytes(4), libbpf.percpu_size(jobabi.PERCPU_SIZE))
    assert raw is not None
    return jobabi.PerCpu.parse(raw)


def frame(port: int, source: int = 1) -> bytes:
    addresses = bytes([192, 0, 2, source, 192, 0, 2, 2])
    packet = f.ipv4(f.TCP, f.tcp(bytes(1000), ports=(port, 1), flags=2), tos=46 << 2, addresses=addresses)
    return f.ether(f.IPV4, packet, [(f.DOT1Q, 7)])


def test_flows_of_the_matching_frames_are_kept_within_the_budget() -> None:
    job = JobSpec("vm", "all", match=MATCHES["IPv4"], result_detail=ResultDetail.FLOWS)
    with job_object(job, True) as (opened, _):
        assert Feature.FLOWS | Feature.BURST in jobabi.features(job, True)
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        for port in (1, 4, 4, 7, 3):  # two flows, one too many for the budget, and one that does not match
            run(opened, frame(port))
        counted = percpu(opened)
        keys = [jobabi.FlowKey.parse(key) for key in libbpf.keys(opened.map_fd("job_flows"))]
    assert (counted.frames, counted.tracked_packets, counted.untracked_packets) == (4, 3, 1)
    assert sorted(key.source_port for key in keys) == [1, 4]
    assert {(key.dscp, key.vlan, key.protocol) for key in keys} == {(46, 7, 6)}


def test_captured_frames_are_counted_until_the_ring_is_full() -> None:
    job = JobSpec("vm", "all", result_detail=ResultDetail.PACKETS, snaplen=9216)
    with job_object(job, False) as (opened, _):
        for _ in range(100):
            run(opened, frame(1))
        counted = percpu(opened)
    assert counted.captured + counted.capture_lost == 100
    assert counted.captured == 65536 // (8 + jobabi.FRAME_SIZE + 1536)


def test_nothing_is_counted_behind_the_deadline() -> None:
    job = JobSpec("vm", "all", match=MATCHES["protocol"], sample_rate=2)
    with job_object(job, False) as (opened, _):
        libbpf.update(opened.map_fd("job_live"), bytes(4), jobabi.Live("vm", "", "", deadline=1).pack())
        run(opened, frame(1))
        assert percpu(opened).frames == 0
        later = struct.unpack("=Q", b"\xff" * 8)[0]
        libbpf.update(opened.map_fd("job_live"), bytes(4), jobabi.Live("vm", "", "", deadline=later).pack())
        run(opened, frame(1))
        assert percpu(opened).frames == 1
