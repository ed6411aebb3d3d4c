"""The messages that make a tunnel's netdev, byte for byte. What a kernel makes of them: tests/vm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sonic_telegen.kernel.erspan import creation, naming
from sonic_telegen.kernel.tcdecode import link
from sonic_telegen.model.erspan import ErspanSpec, Outer
from sonic_telegen.model.kernel import DROP, FilterName, Link

SPEC = ErspanSpec("erspan0", "192.0.2.10", "192.0.2.1", 10, 2, 64, mtu=114)
KEYED = """
    0600 0200 2000 0000      IFLAGS: key
    0600 0300 3000 0000      OFLAGS: sequence, key
    0800 0400 0000000a       IKEY
    0800 0500 0000000a       OKEY
"""
ENDS = """
    0800 0600 c0000201       LOCAL 192.0.2.1
    0800 0700 c000020a       REMOTE 192.0.2.10
    0500 0800 40 000000      TTL 64
    0500 0900 01 000000      TOS: inherit
    0500 0a00 00 000000      PMTUDISC off
    0500 1300 01 000000      IGNORE_DF on
"""
VERSIONS = {
    0: ENDS + "0500 1600 00 000000      ERSPAN_VER",
    1: KEYED + ENDS + "0500 1600 01 000000\n0800 1500 00000000       ERSPAN_INDEX",
    2: KEYED + ENDS + "0500 1600 02 000000\n0500 1700 00 000000 ERSPAN_DIR: ingress\n0600 1800 0000 0000 ERSPAN_HWID",
}


def octets(text: str) -> bytes:
    """The hexadecimal words at the beginning of each line."""
    found = b""
    for line in text.splitlines():
        for word in line.split():
            if len(word) % 2 or set(word) - set("0123456789abcdef"):
                break
            found += bytes.fromhex(word)
    return found


def attribute(kind: int, payload: bytes) -> bytes:
    size = 4 + len(payload)
    return size.to_bytes(2, "little") + kind.to_bytes(2, "little") + payload + bytes(-size % 4)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_netdev_is_made_down_under_its_first_name(version: int) -> None:
    spec = replace(SPEC, ver=version)
    info = attribute(1, b"erspan\0") + attribute(2, octets(VERSIONS[version]))
    expected = bytes(16)  # struct ifinfomsg: no index, no flags
    expected += attribute(3, b"tg~" + spec.digest()[:12].encode() + b"\0") + attribute(4, b"\x72\0\0\0")
    assert creation(spec) == expected + attribute(18, info)


def test_without_an_mtu_the_kernel_takes_that_of_the_way() -> None:
    assert creation(replace(SPEC, mtu=0)).count(attribute(4, b"\x72\0\0\0")) == 0
    assert creation(SPEC).count(attribute(4, b"\x72\0\0\0")) == 1


def test_a_tos_of_its_own_is_sent_as_it_is() -> None:
    assert attribute(9, b"\xb8") in creation(replace(SPEC, tos=184))


def test_it_becomes_ours_in_one_message() -> None:
    head = octets("00 00 0000 07000000 00000000 00000000")
    ours = attribute(20, b"telegen/ab\0")
    no_addresses = attribute(26, attribute(10, attribute(8, b"\x01")))
    assert naming(7, "telegen/ab", "erspan0", True) == head + ours + attribute(3, b"erspan0\0") + no_addresses
    assert naming(7, "telegen/ab", "", False) == head + ours


def test_what_the_kernel_dumps_of_it_is_read_back() -> None:
    body = octets("00 00 0100 07000000 01000000 00000000") + attribute(20, SPEC.alias.encode() + b"\0")
    body += attribute(51, b"\xff\xff\0\0")
    found = link(body + creation(SPEC)[16:])
    ends = ("192.0.2.10", "192.0.2.1")
    assert found == Link(7, SPEC.first_name, "erspan", True, SPEC.alias, *ends, 114, 65535, found.outer)
    assert found.outer == Outer(key=10, ver=2, ttl=64, tos=1, pmtudisc=False, ignore_df=True)
    first = replace(SPEC, ver=0, tos=184)
    assert link(body + creation(first)[16:]).outer == first.outer == Outer(key=0, ver=0, ttl=64, tos=184)
    by_hand = creation(SPEC)[16:].replace(octets("0500 0a00 00"), octets("0500 0a00 01"))
    assert link(body + by_hand.replace(octets("0500 1300 01"), octets("0500 1300 00"))).outer == replace(
        SPEC.outer, pmtudisc=True, ignore_df=False
    )
    assert (found.ours, found.tunnel, found.unnamed, found.fallback) == (True, SPEC.digest(), True, False)


def test_a_netdev_that_takes_any_end_has_none() -> None:
    info = attribute(1, b"gretap\0") + attribute(2, attribute(6, bytes(4)) + attribute(7, bytes(4)))
    found = link(bytes(16) + attribute(3, b"gretap0\0") + attribute(18, info))
    assert (found.remote, found.local, found.fallback, found.ours) == ("", "", True, False)
    assert not replace(found, name="gretap7").fallback


def test_the_guard_has_a_name_of_ours_that_is_no_jobs() -> None:
    name = FilterName("ab" * 8, DROP)
    assert str(name) == "telegen/drop@" + "ab" * 8
    assert FilterName.parse(str(name)) == name
    assert FilterName.parse("telegen/job/drop@" + "ab" * 8) == FilterName("ab" * 8, "drop")
