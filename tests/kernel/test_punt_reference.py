"""The program that tells control protocols apart: kernel and reference agree, and no class counts differently."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sonic_telegen.model.sample import PUNT_PROTOCOLS
from tests.support import frames as f
from tests.support.anyframe import LONGEST, extensions, gso_segs, gso_sizes, tags, taken_by_a_test_run, words
from tests.support.anyframe import frames as any_frames
from tests.support.bpfobj import Classifier
from tests.support.objects import PLAIN_OBJECT
from tests.support.patience import examples
from tests.support.punt_frames import EXAMPLES, OSPF, SLOW
from tests.support.punt_reference import PROTOCOLS, protocol
from tests.support.reference import expected

SERVICES = (22, 67, 68, 161, 162, 179, 546, 547, 3784, 3785, 4784, 6343, 8080, 9339, 50051)
ports = st.sampled_from(SERVICES) | st.integers(0, 0xFFFF)
bodies = st.integers(0, 60).map(bytes)
segments = st.one_of(
    st.builds(lambda s, d, body: (f.TCP, f.tcp(body, ports=(s, d))), ports, ports, bodies),
    st.builds(lambda s, d, body: (f.UDP, f.udp(body, (s, d))), ports, ports, bodies),
    st.builds(lambda kind, body: (f.ICMPV6, f.icmpv6(body, kind)), st.integers(126, 143), bodies),
    st.builds(lambda body: (f.ICMP, f.icmp(body)), bodies),
    st.builds(lambda body: (OSPF, body), bodies),
)
packets = st.one_of(
    st.builds(
        lambda inner, more, fragment: (f.IPV4, f.ipv4(inner[0], inner[1], more, fragment)),
        segments,
        words,
        st.sampled_from([0, 0, 0, 0x4000, 0x2000, 0x2001, 1]),
    ),
    st.builds(lambda inner, chain: (f.IPV6, f.ipv6(inner[0], inner[1], chain)), segments, extensions),
    st.builds(lambda kind, body: (SLOW, bytes([kind]) + body), st.integers(0, 3), bodies),
    st.builds(lambda kind, body: (kind, body), st.sampled_from([f.ARP, f.LLDP, SLOW]), bodies),
)
control = st.builds(lambda packet, outer: f.ether(packet[0], packet[1], outer)[:LONGEST], packets, tags)


@st.composite
def cut(draw: st.DrawFn) -> bytes:
    """A control frame that ends somewhere in its headers."""
    frame = draw(control)
    return frame[: draw(st.integers(14, min(len(frame), 140)))]


@pytest.fixture(scope="module", params=[None, PLAIN_OBJECT], ids=["usual", "without perfmon"])
def classifier(request: pytest.FixtureRequest) -> Iterator[Classifier]:
    with Classifier(request.param, program="telegen_if_punt") as loaded:
        yield loaded


def test_the_names_are_those_of_the_product() -> None:
    assert PUNT_PROTOCOLS == PROTOCOLS


@settings(max_examples=examples(3000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given((control | cut() | any_frames).filter(taken_by_a_test_run), gso_sizes, gso_segs)
def test_kernel_and_reference_agree(classifier: Classifier, frame: bytes, size: int, segs: int) -> None:
    """The same classes as the plain program's, and each packet and byte in exactly one protocol."""
    counted = classifier.run(frame, size, segs)
    assert counted == expected(frame, gso_size=size, gso_segs=segs)
    (all_of_it,) = counted.values()
    assert classifier.punts() == {protocol(frame): (all_of_it.packets, all_of_it.bytes)}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_frame_of_each_protocol(classifier: Classifier, name: str) -> None:
    assert protocol(EXAMPLES[name]) == name
    classifier.run(EXAMPLES[name])
    assert classifier.punts() == {name: (1, len(EXAMPLES[name]))}


@pytest.mark.parametrize("service", SERVICES)
def test_ports_beside_a_services_are_not_its(classifier: Classifier, service: int) -> None:
    """Each port and its neighbours, as source and as destination, over both transports and both IP versions."""
    for near in (service - 1, service, service + 1):
        for source, destination in ((near, 40000), (40000, near), (near, 22), (179, near)):
            segments = {f.TCP: f.tcp(ports=(source, destination)), f.UDP: f.udp(ports=(source, destination))}
            for transport, segment in segments.items():
                for frame in (
                    f.ether(f.IPV4, f.ipv4(transport, segment)),
                    f.ether(f.IPV6, f.ipv6(transport, segment)),
                ):
                    classifier.run(frame)
                    assert classifier.punts() == {protocol(frame): (1, len(frame))}


@pytest.mark.parametrize("kind", range(130, 141))
def test_icmp6_is_nd_by_its_type(classifier: Classifier, kind: int) -> None:
    frame = f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(bytes(20), kind)))
    classifier.run(frame)
    assert classifier.punts() == {protocol(frame): (1, len(frame))}
