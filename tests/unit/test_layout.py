"""Reading counters by a layout: exact for every layout, and carried over to another one."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonic_telegen.errors import KernelError
from sonic_telegen.kernel.layout import MASK, Layout, carry, check_carry, plus
from sonic_telegen.model.sample import SIZE_BOUNDS, Counters
from tests.support.layouts import OURS, PADDED, THREE_CLASSES, WIDE, slot_raw

word = st.integers(0, MASK)
small = st.integers(0, 2**40)


def flat(classes: list[list[int]]) -> list[int]:
    return [number for words in classes for number in words]


@pytest.mark.parametrize("layout", [OURS, PADDED, THREE_CLASSES, WIDE])
def test_layout_survives_packing(layout: Layout) -> None:
    assert Layout.parse(layout.pack()) == layout
    assert len(layout.pack()) == 100
    assert struct.unpack_from("=2I", layout.pack()) == (0x74656C67, layout.version)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"slots": 1}, "slots"),
        ({"slots": 65537}, "slots"),
        ({"classes": 0}, "classes"),
        ({"classes": 9, "slot_size": 4096}, "classes"),
        ({"buckets": 17}, "buckets"),
        ({"slot_size": 384}, "do not fit"),
        ({"class_size": 88}, "do not fit"),
        ({"classes_offset": 12}, "multiple of 8"),
        ({"histogram_offset": 8}, "no room"),
        ({"total_size": 8}, "no room"),
        ({"bounds": (64, 64, *SIZE_BOUNDS[2:])}, "rise"),
        ({"bounds": (0, *SIZE_BOUNDS[1:])}, "rise"),
    ],
)
def test_impossible_layout_is_refused_with_its_reason(change: dict[str, int], said: str) -> None:
    with pytest.raises(KernelError, match=said) as caught:
        Layout.parse(replace(OURS, **change).pack(), "pin /x/meta")  # type: ignore[arg-type]
    assert caught.value.target == "pin /x/meta"


@settings(deadline=None)
@given(st.binary(max_size=140))
def test_any_bytes_are_a_layout_or_refused(raw: bytes) -> None:
    try:
        found = Layout.parse(raw)
    except KernelError:
        return
    assert Layout.parse(found.pack()) == found


def test_foreign_magic_is_named() -> None:
    with pytest.raises(KernelError, match="0x00000000 instead of 0x74656c67"):
        Layout.parse(bytes(100))


@pytest.mark.parametrize("layout", [OURS, PADDED, THREE_CLASSES, WIDE])
@settings(deadline=None)
@given(data=st.data(), numbers=st.sampled_from([small, word]), cpus=st.integers(1, 5))
def test_slot_is_the_sum_over_cpus(
    layout: Layout, data: st.DataObject, numbers: st.SearchStrategy[int], cpus: int
) -> None:
    one_class = st.lists(numbers, min_size=12, max_size=12)
    value = data.draw(
        st.lists(st.lists(one_class, min_size=layout.classes, max_size=layout.classes), min_size=cpus, max_size=cpus)
    )
    found = layout.slot_words(bytearray(slot_raw(layout, value)))
    expected = [sum(column) & MASK for column in zip(*(flat(classes) for classes in value), strict=True)]
    assert found == expected
    counters = layout.counters(found)
    assert counters[0] == Counters(expected[0], expected[1], tuple(expected[2:12]))
    assert len(counters) == layout.classes


def test_full_words_do_not_carry_into_their_neighbours() -> None:
    full = [[MASK] * 12] * 4
    assert OURS.slot_words(slot_raw(OURS, [full, [[1] * 12] * 4])) == [0] * 48
    assert OURS.slot_words(slot_raw(OURS, [[[1] * 12] * 4] * 300)) == [300] * 48


@pytest.mark.parametrize("layout", [OURS, WIDE, THREE_CLASSES])
def test_totals_are_summed_by_class(layout: Layout) -> None:
    gap = bytes([0xEE]) * (layout.total_size - 16)
    raw = b"".join(
        struct.pack("=2Q", 10 * c + cpu, 1000 * c + cpu) + gap for c in range(layout.classes) for cpu in (1, 2)
    )
    counters = layout.counters(layout.total_words(raw, 2))
    assert [(c.packets, c.bytes) for c in counters] == [(20 * c + 3, 2000 * c + 3) for c in range(layout.classes)]


def test_empty_slot_value_names_its_hook_on_every_cpu() -> None:
    value = PADDED.slot_value(9, 2, 3)
    assert len(value) == 3 * PADDED.slot_size
    for at in range(0, len(value), PADDED.slot_size):
        assert struct.unpack_from("=2I", value, at) == (9, 2)
    assert PADDED.slot_words(value) == [0] * 48


@settings(deadline=None)
@given(st.lists(word, min_size=48, max_size=48))
def test_carrying_to_equal_bounds_changes_nothing(words: list[int]) -> None:
    assert carry(words, PADDED, WIDE) == words


@settings(deadline=None)
@given(st.lists(small, min_size=48, max_size=48))
def test_carrying_to_other_bounds_keeps_packets_and_bytes(words: list[int]) -> None:
    other = replace(OURS, buckets=4, bounds=(64, 600, 1518), class_size=48, slot_size=200)
    found = OURS.counters(words), other.counters(carry(words, OURS, other))
    for old, new in zip(*found, strict=True):
        assert (new.packets, new.bytes) == (old.packets, old.bytes)
        assert sum(new.histogram) == sum(old.histogram)
        h = old.histogram  # edges 64 | 127 255 511 | 1023 1518 | 2047 4095 9216 above
        assert new.histogram == (h[0], sum(h[1:4]), sum(h[4:6]), sum(h[6:]))


def test_a_class_the_old_build_did_not_know_begins_at_zero() -> None:
    found = OURS.counters(carry(list(range(1, 37)), THREE_CLASSES, OURS))
    assert found[2].packets == 25
    assert found[3] == Counters(0, 0, (0,) * 10)


def test_what_does_not_fit_is_refused() -> None:
    check_carry(OURS, replace(OURS, slots=8), 7, "pins")
    with pytest.raises(KernelError, match="slot 8 is in use and this build has 8 slots"):
        check_carry(OURS, replace(OURS, slots=8), 8, "pins")
    with pytest.raises(KernelError, match="4 classes, this build 3"):
        check_carry(OURS, THREE_CLASSES, 1, "pins")


def test_sums_wrap() -> None:
    assert plus([MASK, 1], [2, 3]) == [1, 4]
