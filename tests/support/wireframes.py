"""Frames that filter expressions may match: few addresses and ports, all headers, and frames that were spoilt."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from tests.support import frames as f

SHORTEST, LONGEST = 14, 3000  # what a test run takes

_octets = st.sampled_from([bytes([192, 0, 2, n]) for n in (1, 2, 9)] + [bytes([10, 0, 0, 1]), bytes([224, 0, 0, 5])])
_v6 = st.sampled_from([f.V6_SOURCE, f.V6_ALL_NODES, bytes.fromhex("20010db8" + "00" * 11 + "07")])
_ports = st.sampled_from([1, 2, 7, 22, 53, 68, 80, 179, 443, 3784, 4789, 25000])
_data = st.integers(0, 1400).map(bytes) | st.binary(max_size=60) | st.just(b"GET / HTTP/1.1")
_words = st.integers(0, 10).map(lambda count: bytes(4 * count))


def _tcp(source: int, dest: int, flags: int, options: bytes, data: bytes) -> bytes:
    return struct.pack("!HHIIBBHHH", source, dest, 0, 0, (5 + len(options) // 4) << 4, flags, 1, 0, 0) + options + data


def _udp(source: int, dest: int, data: bytes) -> bytes:
    return struct.pack("!HHHH", source, dest, 8 + len(data), 0) + data


_transport = st.one_of(
    st.tuples(st.just(f.TCP), st.builds(_tcp, _ports, _ports, st.integers(0, 255), _words, _data)),
    st.tuples(st.sampled_from([f.UDP, f.SCTP]), st.builds(_udp, _ports, _ports, _data)),
    st.tuples(
        st.just(f.ICMP), st.builds(lambda kind, data: bytes([kind, 4]) + data, st.sampled_from([0, 3, 8]), _data)
    ),
    st.tuples(st.just(f.ICMPV6), st.builds(f.icmpv6, _data, st.sampled_from([128, 134, 135]))),
    st.tuples(st.sampled_from([2, 41, 47, 50, 51, 89, 103, 112]) | st.integers(0, 255), _data),
)


@st.composite
def _ipv4(draw: st.DrawFn) -> tuple[int, bytes]:
    protocol, payload = draw(_transport)
    fragment = draw(st.sampled_from([0, 0, 0, 0x4000, 0x2000, 0x2001, 0x1FFF]))
    packet = bytearray(f.ipv4(protocol, payload, draw(_words), fragment))
    packet[1], packet[8] = draw(st.integers(0, 255)), draw(st.sampled_from([1, 64, 255]))
    packet[12:20] = draw(_octets) + draw(_octets)
    return f.IPV4, bytes(packet)


@st.composite
def _ipv6(draw: st.DrawFn) -> tuple[int, bytes]:
    protocol, payload = draw(_transport)
    extensions = draw(st.lists(st.sampled_from([f.options(), f.fragment(), f.fragment(9)]), max_size=2))
    packet = bytearray(f.ipv6(protocol, payload, extensions))
    packet[8:40] = draw(_v6) + draw(_v6)
    return f.IPV6, bytes(packet)


_ip = _ipv4() | _ipv6()
_label = st.builds(
    lambda labels, packet: (0x8847, b"".join(x.to_bytes(4, "big") for x in labels) + packet[1]),
    st.lists(st.sampled_from([16 << 12, 17 << 12 | 0x100, 100000 << 12 | 0x100]), min_size=1, max_size=3),
    _ip,
)
_pppoe = _ip.map(
    lambda packet: (0x8864, b"\x11\0\0\1\0\x22" + (b"\0\x21" if packet[0] == f.IPV4 else b"\0\x57") + packet[1])
)
_packets = st.one_of(_ip, _ip, _label, _pppoe, st.tuples(st.integers(0, 0xFFFF), _data))
_tags = st.lists(
    st.tuples(
        st.sampled_from([f.DOT1Q, f.DOT1AD, f.TPID_9100]), st.sampled_from([1, 7, 9, 0xE007]) | st.integers(0, 0xFFFF)
    ),
    max_size=3,
)


@st.composite
def _built(draw: st.DrawFn) -> bytes:
    ethertype, packet = draw(_packets)
    frame = bytearray(f.ether(ethertype, packet, draw(_tags)))
    frame[:12] = draw(st.sampled_from([f.BROADCAST, f.SOURCE, b"\1\0\x5e\0\0\5"])) + draw(
        st.sampled_from([f.SOURCE, f.BROADCAST])
    )
    return bytes(frame[:LONGEST])


@st.composite
def _spoilt(draw: st.DrawFn) -> bytes:
    """A good frame of which some bytes were changed and an end cut off; lengths and types are hit most often."""
    frame = bytearray(draw(_built()))
    for _ in range(draw(st.integers(0, 4))):
        frame[draw(st.integers(0, min(len(frame), 120) - 1))] = draw(st.integers(0, 255))
    return bytes(frame[: draw(st.integers(SHORTEST, len(frame)))])


def taken_by_a_test_run(frame: bytes) -> bool:
    """Newer kernels refuse to run on less than an IP header when the frame's outer type says IP."""
    least = {f.IPV4: 34, f.IPV6: 54}.get(int.from_bytes(frame[12:14], "big"), SHORTEST)
    return len(frame) >= least


frames = st.one_of(_built(), _spoilt(), st.binary(min_size=SHORTEST, max_size=200)).filter(taken_by_a_test_run)
