"""Frames for Hypothesis: good ones of every kind that tells apart, and what becomes of them when they are damaged."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.support import frames as f

SHORTEST, LONGEST = 14, 3000  # what a test run takes

ports = st.tuples(*[st.sampled_from([1, 2, 53, 443, 0xFFFF]) | st.integers(0, 0xFFFF)] * 2)
v4_addresses = st.tuples(*[st.sampled_from([f.V4_ADDRESSES[:4], bytes([10, 1, 2, 3]), bytes(4), b"\xff" * 4])] * 2)
v6_addresses = st.tuples(*[st.sampled_from([f.V6_SOURCE, f.V6_ALL_NODES, b"\x20\x01" + bytes(14), b"\xff" * 16])] * 2)
traffic_classes = st.just(0) | st.integers(0, 255)

tags = st.lists(
    st.tuples(st.sampled_from([f.DOT1Q, f.DOT1AD, f.TPID_9100, f.TPID_9200, 0x9300]), st.integers(0, 0xFFFF)),
    max_size=5,
)
words = st.integers(0, 10).map(lambda count: bytes(4 * count))
extensions = st.lists(
    st.one_of(
        st.builds(
            f.options,
            st.sampled_from([f.HOP_BY_HOP, f.ROUTING, f.DESTINATION, f.MOBILITY]),
            st.integers(0, 3) | st.just(40),
        ),
        st.builds(f.fragment, st.sampled_from([0, 0, 1, 0x1FFF]), st.booleans()),
        st.builds(f.authentication, st.integers(0, 6)),
    ),
    max_size=10,
)
data = st.integers(0, 1500).map(bytes) | st.binary(max_size=80)
Packet = st.SearchStrategy[tuple[int, bytes]]

transports: Packet = st.one_of(
    st.builds(
        lambda body, more, ends, flags: (f.TCP, f.tcp(body, more, ends, flags)), data, words, ports, st.integers(0, 255)
    ),
    st.builds(lambda body, ends: (f.UDP, f.udp(body, ends)), data, ports),
    st.builds(lambda body: (f.ICMPV6, f.icmpv6(body)), data),
    st.builds(lambda body, ends: (f.SCTP, f.sctp(body, ends)), data, ports),
    st.tuples(st.integers(0, 255), data),
)
ipv4: Packet = st.builds(
    lambda inner, more, fragment, tos, ends: (f.IPV4, f.ipv4(inner[0], inner[1], more, fragment, tos, b"".join(ends))),
    transports,
    words,
    st.sampled_from([0, 0, 0x4000, 0x2000, 0x2001, 0x1FFF]),
    traffic_classes,
    v4_addresses,
)
ipv6: Packet = st.builds(
    lambda inner, chain, kind, ends: (f.IPV6, f.ipv6(inner[0], inner[1], chain, kind, b"".join(ends))),
    transports,
    extensions,
    traffic_classes,
    v6_addresses,
)
packets: Packet = st.one_of(ipv4, ipv6, st.tuples(st.integers(0, 0xFFFF), data))
built = st.builds(lambda packet, outer: f.ether(packet[0], packet[1], outer), packets, tags)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good frame of which some bytes were changed and an end cut off; lengths and types are hit most often."""
    frame = bytearray(draw(built)[:LONGEST])
    for _ in range(draw(st.integers(0, 4))):
        frame[draw(st.integers(12, min(len(frame), 120) - 1))] = draw(st.integers(0, 255))
    return bytes(frame[: draw(st.integers(SHORTEST, len(frame)))])


frames = st.one_of(built.map(lambda frame: frame[:LONGEST]), mutated(), st.binary(min_size=SHORTEST, max_size=200))
gso_sizes = st.just(0) | st.integers(1, 1600) | st.integers(1, 0xFFFF)
gso_segs = st.just(0) | st.integers(1, 50) | st.integers(1, 0xFFFF)


def taken_by_a_test_run(frame: bytes) -> bool:
    """Newer kernels refuse to run on less than an IP header when the frame's outer type says IP."""
    least = {f.IPV4: 34, f.IPV6: 54}.get(int.from_bytes(frame[12:14], "big"), SHORTEST)
    return len(frame) >= least
