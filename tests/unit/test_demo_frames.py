"""The demo's frames are what their names say: valid headers, real tags, every class."""

from __future__ import annotations

import struct

from sonic_telegen.demo.frames import DOT1AD, DOT1Q, checksum, echo6, ethernet, ipv4, ipv6, mix, udp
from sonic_telegen.model.sample import CLASSES


def test_checksum_of_a_known_header() -> None:
    header = bytes.fromhex("45000073000040004011 0000 c0a80001c0a800c7")  # RFC 1071's sum, a widely printed example
    assert checksum(header) == 0xB861


def test_ipv4_header_is_valid() -> None:
    packet = ipv4(17, udp(5))
    assert checksum(packet[:20]) == 0
    assert struct.unpack("!H", packet[2:4]) == (len(packet),)


def test_icmp6_checksum_covers_the_pseudo_header() -> None:
    packet = ipv6(58, echo6(8))
    payload = packet[40:]
    assert checksum(packet[8:40] + struct.pack("!II", len(payload), 58) + payload) == 0


def test_tags_stand_before_the_ethertype_outermost_first() -> None:
    frame = ethernet(0x0800, bytes(60), (DOT1AD, 7), (DOT1Q, 100))
    assert struct.unpack("!5H", frame[12:22]) == (DOT1AD, 7, DOT1Q, 100, 0x0800)
    assert len(frame) == 14 + 8 + 60


def test_short_frames_are_padded_and_long_ones_are_not() -> None:
    assert len(ethernet(0x0806, bytes(28))) == 60
    assert len(ethernet(0x0806, bytes(100))) == 114


def test_mix_has_every_class_and_fits_the_ports() -> None:
    frames = [frame for frame, weight in mix() if weight > 0]
    assert {frame.cls for frame in frames} == set(CLASSES)
    assert max(len(frame.octets) for frame in frames) <= 9216 + 14
    assert min(len(frame.octets) for frame in frames) >= 60
