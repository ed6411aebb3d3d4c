"""pcapng blocks against a reader that shares no code with them, and the cutter against every way to cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.model import pcapng
from sonic_telegen.model.job import Direction
from tests.support.pcapng import parse

TIME_NS = 1_790_000_000_123_456_789


def whole() -> bytes:
    return (
        pcapng.section("job x")
        + pcapng.interface("Ethernet0", 128)
        + pcapng.packet(0, TIME_NS, 1514, b"\x01\x02\x03", Direction.INGRESS)
        + pcapng.interface("Ethernet4", 128)
        + pcapng.packet(1, TIME_NS + 1, 60, bytes(60), Direction.EGRESS)
        + pcapng.packet(1, TIME_NS + 2, 61, bytes(61), None)
        + pcapng.statistics(0, TIME_NS, 5, 2, "two are missing")
    )


def test_what_is_packed_is_what_another_reader_finds() -> None:
    found = parse(whole())
    assert found.comment == "job x"
    assert found.interfaces == [("Ethernet0", 128), ("Ethernet4", 128)]
    assert [(p.interface, p.time_ns, p.length, p.data, p.flags) for p in found.packets] == [
        ("Ethernet0", TIME_NS, 1514, b"\x01\x02\x03", 1),
        ("Ethernet4", TIME_NS + 1, 60, bytes(60), 2),
        ("Ethernet4", TIME_NS + 2, 61, bytes(61), 0),
    ]
    assert found.statistics == [("Ethernet0", 5, 2, "two are missing")]


@given(st.binary(max_size=70), st.integers(0, 2**64 - 1), st.sampled_from([*Direction, None]))
def test_any_frame_is_packed_with_its_bytes(data: bytes, time_ns: int, direction: Direction | None) -> None:
    head = pcapng.section("") + pcapng.interface("é" * 5, 0)
    (found,) = parse(head + pcapng.packet(0, time_ns, 9216, data, direction)).packets
    assert (found.interface, found.time_ns, found.data) == ("é" * 5, time_ns, data)


@given(st.lists(st.integers(0, len(whole())), max_size=6).map(sorted))
def test_a_stream_is_cut_into_the_same_blocks_however_it_comes(cuts: list[int]) -> None:
    raw, blocks, found = whole(), pcapng.Blocks(), []
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        found += blocks.feed(raw[start:end])
    assert b"".join(block for _, block in found) == raw
    assert blocks.left == b""
    assert [kind for kind, _ in found] == [
        pcapng.SECTION,
        pcapng.INTERFACE,
        pcapng.PACKET,
        pcapng.INTERFACE,
        pcapng.PACKET,
        pcapng.PACKET,
        pcapng.STATISTICS,
    ]


def test_what_blocks_say_is_found_again() -> None:
    found = dict(reversed(pcapng.Blocks().feed(whole())))
    assert pcapng.comment_of(pcapng.SECTION, found[pcapng.SECTION]) == "job x"
    assert pcapng.comment_of(pcapng.STATISTICS, found[pcapng.STATISTICS]) == "two are missing"
    assert pcapng.name_of(found[pcapng.INTERFACE]) == "Ethernet0"
    assert pcapng.counts_of(found[pcapng.STATISTICS]) == (5, 2)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\x06\0\0\0\x08\0\0\0" + bytes(8), id="too short"),
        pytest.param(b"\x06\0\0\0\x0d\0\0\0" + bytes(8), id="no multiple of 4"),
        pytest.param(b"\x06\0\0\0\xf0\xff\xff\x7f", id="too long"),
        pytest.param(b"\x06\0\0\0\x0c\0\0\0\x10\0\0\0", id="another length at the end"),
    ],
)
def test_what_is_no_block_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="a block"):
        pcapng.Blocks().feed(raw)
