"""Python and C agree on every structure of a job's own program: the compiler fills one, Python packs or reads it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest

from sonic_telegen.kernel import jobabi, libbpf, sessions
from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import JobSpec, MirrorMode, ResultDetail
from sonic_telegen.model.match import EVERY_FRAME, Match
from sonic_telegen.model.sample import Counters, Session
from tests.support.objects import ROOT, compiled, source_object

SPEC = JobSpec("one", "Ethernet0", match=Match(vlan=7), sample_rate=9, snaplen=300)


def filled(kind: str, values: str) -> bytes:
    """The bytes of ``struct kind`` with these initial values, as the compiler of the programs lays it out."""
    source = f'#include "telegen_job_abi.h"\nconst volatile struct {kind} made __attribute__((used)) = {{ {values} }};'
    with libbpf.Object.open(source_object(source, "filled")) as opened:
        return opened.rodata("made")


def test_config_is_packed_as_the_program_reads_it() -> None:
    match = Match(
        ip_proto=(6, 132, 255),
        src_cidr=ip_network("192.0.2.0/25"),
        dst_cidr=ip_network("10.0.0.0/8"),
        l4_sport=((1, 2), (5, 9)),
        l4_dport=((443, 443),),
        dscp=(0, 46, 63),
        vlan=4094,
        filter="arp",
    )
    spec = JobSpec("one", "all", match=match, sample_rate=65536, snaplen=9216, result_detail=ResultDetail.FLOWS)
    made = filled(
        "tg_job_config",
        ".version = TG_JOB_VERSION, .features = 1023, .sample_rate = 65536, .snaplen = 9216, .protos = { 1 << 6, 0, "
        "1 << 4, 1ull << 63 }, .family = 4, .src = { { 0x000200c0 }, { 0x80ffffff } }, .dst = { { 10 }, { 255 } }, "
        ".sports = 2, .dports = 1, .sport = { { 1, 2 }, { 5, 9 } }, .dport = { { 443, 443 } }, "
        ".vlan = 4094, .dscps = 1ull | 1ull << 46 | 1ull << 63, .flow_budget = 100, .budget_window = 25",
    )
    assert jobabi.pack_config(spec, bursts=True, flow_budget=100, budget_window=25) == made


def test_ipv6_prefixes_fill_all_words() -> None:
    match = Match(src_cidr=ip_network("2001:db8::/33"), dst_cidr=ip_network("::/0"))
    made = filled(
        "tg_job_config",
        ".version = TG_JOB_VERSION, .features = TG_DO_SRC | TG_DO_DST | TG_DO_CAPTURE, .sample_rate = 1, "
        ".snaplen = 128, .family = 6, .src = { { 0xb80d0120 }, { 0xffffffff, 0x80 } }, .budget_window = 1",
    )
    spec = replace(SPEC, match=match, sample_rate=1, snaplen=128, result_detail=ResultDetail.PACKETS)
    assert jobabi.pack_config(spec) == made


def test_a_plain_job_asks_for_no_feature() -> None:
    assert jobabi.features(JobSpec("one", "Ethernet0")) == 0


def test_the_program_mirrors_in_the_mode_that_is_in_force_alone() -> None:
    asked = JobSpec("one", "Ethernet0", mirror_mode=MirrorMode.ERSPAN)
    assert jobabi.features(asked) == 0
    assert jobabi.features(asked, mode=MirrorMode.ERSPAN) == jobabi.Feature.MIRROR


def test_more_ranges_than_there_is_room_for_are_refused() -> None:
    ranges = tuple((port, port) for port in range(10, 28, 2))
    with pytest.raises(ValueError, match="9 ranges of ports, 8 at most"):
        jobabi.pack_config(replace(SPEC, match=Match(l4_dport=ranges)))


def test_live_is_written_and_read() -> None:
    live = jobabi.Live("j" * 64, "0123456789abcdef", "b", 2**63 + 5, 7, MirrorMode.PLACEHOLDER, mirror=9)
    made = filled(
        "tg_job_live",
        f'.deadline = (1ull << 63) + 5, .epoch = 7, .mirror = 9, .job = "{"j" * 64}", '
        '.digest = "0123456789abcdef", .build = "b", .mode = "placeholder"',
    )
    assert live.pack() == made
    assert jobabi.Live.parse(made) == live
    with pytest.raises(ValueError, match="longer than 64"):
        replace(live, job="j" * 65).pack()


def test_counters_are_added_over_cpus_and_peaks_are_those_of_the_epoch() -> None:
    values = (
        ".beyond_packets = {0}13, .beyond_bytes = {0}14, .inner = {{ .at = {1} }}, "
        ".frames = {0}1, .sample_at = 99, .sampled_packets = {0}2, .sampled_bytes = {0}3, .sampled_frames = {0}4, "
        ".tracked_packets = {0}5, .tracked_bytes = {0}6, .untracked_packets = {0}7, .untracked_bytes = {0}8, "
        ".captured = {0}9, .capture_lost = {0}10, .mirrored = {0}11, .mirror_failed = {0}12, .budget_at = 99, "
        ".budget_used = 99, .window = 99, .window_packets = 99, .window_bytes = 99, "
        ".peak = {{ {{ {0}20, {0}21, {0}22, {1}, 9 }}, {{ {0}30, {0}31, {0}32, {2}, 9 }} }}"
    )
    raw = filled("tg_job_percpu", values.format("", 4, 5)) + filled("tg_job_percpu", values.format("0x1", 4, 3))
    assert len(raw) == 2 * jobabi.PERCPU_SIZE
    hexadecimal = [0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x110, 0x111, 0x112, 0x113, 0x114]
    assert jobabi.PerCpu.parse(raw) == jobabi.PerCpu(*(a + b for a, b in zip(range(1, 15), hexadecimal, strict=True)))
    assert jobabi.peaks(raw, 4) == (jobabi.Peak(20, 21, 22, 4), jobabi.Peak(0x120, 0x121, 0x122, 4))
    assert jobabi.peaks(raw, 5) == (jobabi.Peak(30, 31, 32, 5),)
    assert jobabi.peaks(raw, 6) == ()


def test_flow_keys_are_read_by_their_family() -> None:
    rest = ".sport = 0xbb01, .dport = 0x3500, .vlan = 7, .proto = 17, .dscp = 46, .family = "
    four = filled("tg_flow_key", ".saddr = { 0x010200c0 }, .daddr = { 0x0200000a }, " + rest + "4")
    six = filled(
        "tg_flow_key", ".saddr = { 0xb80d0120, 0, 0, 1u << 24 }, .daddr = { 0, 0, 0, 2u << 24 }, " + rest + "6"
    )
    none = filled("tg_flow_key", ".vlan = 9")
    about = (443, 53, 17, 46, 7)
    assert jobabi.FlowKey.parse(four) == jobabi.FlowKey(
        IPv4Address("192.0.2.1"), IPv4Address("10.0.0.2"), *about, family=4
    )
    assert jobabi.FlowKey.parse(six) == jobabi.FlowKey(IPv6Address("2001:db8::1"), IPv6Address("::2"), *about, family=6)
    assert jobabi.FlowKey.parse(none) == jobabi.FlowKey(None, None, 0, 0, 0, 0, 9, 0)


def test_flow_is_read() -> None:
    raw = filled("tg_flow", ".packets = 1, .bytes = 2, .first = 3, .last = 4, .tcp_flags = 0x12, .pad = 9")
    assert jobabi.Flow.parse(raw) == jobabi.Flow(1, 2, 3, 4, 0x12)


def test_sessions_are_read() -> None:
    key = filled("tg_session_key", ".source = 0x010200c0, .dest = 0x0200000a, .session = 1023")
    value = filled(
        "tg_session",
        ".last = 1, .seen = 0xfffffffffffffff5, .lost = 3, .repeated = 4, .restarts = 5, .first = 6, .at = 7, "
        ".classes = { { 8, 9 }, { 10, 11 }, { 12, 13 }, { 14, 15 } }",
    )
    assert sessions.parse_key(key) == Session("192.0.2.1", "10.0.0.2", 1023)
    counted = (Counters(8, 9), Counters(10, 11), Counters(12, 13), Counters(14, 15))
    assert sessions.Value.parse(value) == sessions.Value(1, 2**64 - 11, 3, 4, 5, 6, 7, counted)
    assert sessions.Value.parse(value).open == 2
    assert sessions.Value.parse(bytes(len(value))).open == 0


def test_what_a_job_about_mirrored_frames_asks_of_the_packets_is_packed() -> None:
    made = filled(
        "tg_job_config",
        ".version = TG_JOB_VERSION, .features = TG_DO_REMOTE | TG_DO_LOCAL | TG_DO_SESSION, .sample_rate = 1, "
        ".snaplen = 128, .budget_window = 1, .remote = 0x010200c0, .local = 0x0200000a, .session = 1023",
    )
    asked = ErspanAsked(remote="192.0.2.1", local="10.0.0.2", key=1023)
    spec = replace(SPEC, match=EVERY_FRAME, sample_rate=1, snaplen=128, erspan=asked)
    assert jobabi.pack_config(spec, mode=MirrorMode.DECAP) == made
    assert jobabi.features(spec) == 0, "in another mode these are the ends of a tunnel"


def test_frame_is_read_without_the_room_behind_it() -> None:
    head = filled(
        "tg_frame",
        ".at_ns = 1, .ifindex = 2, .len = 1514, .caplen = 3, .vlan_tci = 5, .vlan_proto = 0x8100, .gso_size = 6, "
        ".direction = 3, .slot = 8",
    )
    assert jobabi.Frame.parse(head + b"abcdef") == jobabi.Frame(1, 2, 1514, 5, 0x8100, 6, 3, 8, b"abc")


def test_numbers_that_are_said_twice_are_the_same() -> None:
    source = (
        '#include "telegen_job_abi.h"\nconst volatile unsigned made[] __attribute__((used)) = '
        "{ TG_JOB_VERSION, TG_FLOWS, TG_MAX_RANGES, TG_WINDOW_NS, TG_SESSIONS };"
    )
    with libbpf.Object.open(compiled(source, "numbers")) as opened:
        made = memoryview(opened.rodata("made")).cast("I").tolist()
    assert made == [jobabi.VERSION, jobabi.FLOWS, jobabi.MOST_RANGES, jobabi.WINDOW_NS, sessions.SESSIONS]
    header = (ROOT / "bpf/telegen_job_abi.h").read_text()
    for feature in jobabi.Feature:
        assert f"TG_DO_{feature.name} = {feature.value},\n" in header
