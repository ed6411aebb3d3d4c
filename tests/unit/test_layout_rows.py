"""Rows of ``meta``, ``base`` and ``accounts``, and how raw values become samples."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonic_telegen.errors import KernelError
from sonic_telegen.kernel.decoded import Decoded
from sonic_telegen.kernel.layout import MASK
from sonic_telegen.kernel.rows import (
    KEY_SIZE,
    VALUE_SIZE,
    AccountRow,
    BaseRow,
    base_size,
    is_assigned,
    pack_key,
    pack_meta,
    unpack_key,
    unpack_meta,
)
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import AccountKey, Slot
from sonic_telegen.model.sample import Counters
from tests.support.layouts import OURS, PADDED, slot_raw

KEY = AccountKey("edge-1", "Ethernet0", Direction.EGRESS)
word = st.integers(0, MASK)
names = st.text(st.characters(codec="ascii", exclude_characters="\0/"), min_size=1, max_size=15)


def test_meta_keeps_layout_and_start() -> None:
    raw = pack_meta(PADDED, 1_795_551_803_580_912_395)
    assert len(raw) == 128
    assert unpack_meta(raw, "meta") == (PADDED, 1_795_551_803_580_912_395)
    with pytest.raises(KernelError, match="100 bytes instead of 128"):
        unpack_meta(raw[:100], "meta")


@settings(deadline=None)
@given(st.lists(word, min_size=48, max_size=48), names, word, st.booleans())
def test_base_row_survives_packing(words: list[int], name: str, start: int, assigned: bool) -> None:
    row = BaseRow(tuple(words), assigned, 2**31, name, 2, start, 77)
    raw = row.pack()
    assert len(raw) == base_size(OURS)
    assert BaseRow.unpack(memoryview(raw)) == row
    assert is_assigned(memoryview(raw)) == assigned


def test_base_row_is_a_slot() -> None:
    row = BaseRow((0,) * 48, True, 7, "Ethernet0", 2, 99)
    assert row.slot(5) == Slot(5, 7, "Ethernet0", Direction.EGRESS, 99)
    assert not is_assigned(memoryview(bytes(base_size(OURS))))  # what the kernel gives for a row never written


@settings(deadline=None)
@given(st.lists(word, min_size=16, max_size=16), word, st.integers(0, 65535))
def test_account_survives_packing(offsets: list[int], start: int, slot: int) -> None:
    row = AccountRow("0123456789abcdef", slot, start, tuple(offsets))
    assert AccountRow.unpack(row.pack()) == row
    assert len(row.pack()) == VALUE_SIZE


@settings(deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=64), names)
def test_account_key_survives_packing(job: str, name: str) -> None:
    key = AccountKey(job, name, Direction.INGRESS)
    assert unpack_key(pack_key(key)) == key
    assert len(pack_key(key)) == KEY_SIZE


def test_a_netdev_name_need_not_be_text() -> None:
    key = replace(KEY, name=b"swp\xff1".decode(errors="surrogateescape"))
    assert unpack_key(pack_key(key)) == key


@pytest.mark.parametrize("key", [replace(KEY, job="j" * 65), replace(KEY, name="n" * 16)])
def test_a_key_is_never_cut(key: AccountKey) -> None:
    with pytest.raises(KernelError):
        pack_key(key)


def test_interface_is_live_plus_base_and_shared_while_unchanged() -> None:
    decoded, slot = Decoded(OURS), Slot(5, 7, "Ethernet0", Direction.INGRESS, 1)
    row = BaseRow((100,) * 48, True, 7, "Ethernet0", 1, 1)
    raw = slot_raw(OURS, [[[1] * 12] * 4, [[2] * 12] * 4])
    first = decoded.interface(slot, row, bytearray(raw))
    assert first.classes == (Counters(103, 103, (103,) * 10),) * 4
    assert decoded.interface(slot, row, bytearray(raw)) is first
    more = slot_raw(OURS, [[[1] * 12] * 4, [[3] * 12] * 4])
    assert decoded.interface(slot, row, bytearray(more)).classes[3].packets == 104
    decoded.forget_slot(5)
    assert decoded.interface(slot, replace(row, words=(0,) * 48), bytearray(more)).classes[0].packets == 4


def test_account_is_counted_plus_offset_and_shared_while_unchanged() -> None:
    decoded, counted = Decoded(OURS), tuple(Counters(50, 5000) for _ in range(4))
    began = AccountRow("d" * 16, 5, 9, ((-20) & MASK, (-2000) & MASK) * 8)
    first = decoded.account(KEY, began, counted)
    assert first.classes == (Counters(30, 3000),) * 4
    assert first.start_ns == 9
    assert decoded.account(KEY, began, counted) is first
    frozen = began.frozen((30, 3000) * 8)
    assert decoded.account(KEY, frozen, ()).classes == (Counters(30, 3000),) * 4
    assert struct.unpack_from("=I", frozen.pack(), 16) == (0,)
