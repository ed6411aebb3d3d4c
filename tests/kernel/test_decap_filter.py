"""A filter expression of a job about mirrored frames is about these: libpcap judges the frame, the kernel all of it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from sonic_telegen.kernel import pcap
from sonic_telegen.kernel.ebpf import TooLong
from sonic_telegen.kernel.translate import translate
from sonic_telegen.model.job import MirrorMode
from sonic_telegen.model.match import Match
from tests.support import erspan as e
from tests.support import frames as f
from tests.support.expressions import EXPRESSIONS, SAMPLES
from tests.support.jobprog import JobProgram, spec
from tests.support.patience import examples
from tests.support.pcap import libpcap_matches, need_libpcap, outermost_tag
from tests.support.wireframes import frames

FORMS = (e.type_1, e.type_2, e.type_3, e.vendor)


@pytest.fixture(autouse=True, scope="module")
def _library() -> None:
    need_libpcap()


def decap(expression: str, vlan: int = 0) -> JobProgram:
    return JobProgram(spec(Match(filter=expression, vlan=vlan)), mode=MirrorMode.DECAP)


def takes(program: JobProgram, packet: bytes) -> bool:
    before = program.total()[0]
    program.run(packet)
    return program.total()[0] > before


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_kernel_and_libpcap_agree_on_the_frame_within(expression: str) -> None:
    classic = pcap.compile_expression(expression)
    with decap(expression) as program:
        for number, frame in enumerate(SAMPLES):
            says = libpcap_matches(classic, frame)
            packet = e.outer(FORMS[number % 4](frame), options=bytes(4 * (number % 3))) + b"\x45trailer"
            assert takes(program, packet) == says, frame.hex()
            if (parts := outermost_tag(frame)) and parts[0][0] == f.DOT1Q and parts[0][1] < 0x1000:
                taken = e.type_2(parts[1], vlan=parts[0][1], taken=2)
                assert takes(program, e.outer(taken)) == says, f"tag taken out: {frame.hex()}"


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames)
def test_kernel_and_libpcap_agree_on_any_frame_within(frame: bytes) -> None:
    for expression in ("tcp port 443 or udp", "vlan and ip", "ip6 and icmp6", "greater 100", "ether[14] > 0x45"):
        says = libpcap_matches(pcap.compile_expression(expression), frame)
        with decap(expression) as program:
            for form in FORMS:
                assert takes(program, e.outer(form(frame))) == says, expression


def test_fields_and_expression_must_both_match() -> None:
    udp = f.ether(f.IPV4, f.ipv4(f.UDP, f.udp()), [(f.DOT1Q, 7)])
    with decap("vlan and udp", vlan=7) as program:
        assert takes(program, e.outer(e.type_2(udp)))
        assert not takes(program, e.outer(e.type_2(udp[:12] + b"\x81\0\0\x08" + udp[16:])))
        assert not takes(program, e.outer(e.type_2(f.arp())))
        assert not takes(program, udp), "that is not mirrored"


def test_what_is_no_frame_has_nothing_to_match() -> None:
    for expression, says in (("ip", False), ("not ip", False), ("less 0", True)):
        with decap(expression) as program:
            assert takes(program, e.outer(e.type_3(f.ether(f.IPV4, f.ipv4(f.UDP, f.udp())), kind=2))) == says


def test_the_longest_expression_is_no_longer_than_for_other_jobs() -> None:
    classic = pcap.compile_expression(" or ".join(f"port {number}" for number in range(1, 60)))
    try:
        assert len(translate(classic, inner=True)) < len(translate(classic))
    except TooLong:
        pytest.fail("it is too long")
