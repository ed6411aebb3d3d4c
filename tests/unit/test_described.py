"""Keys and values of an operator's maps by bcc's descriptions: what cannot be read is told as it is, never a crash."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.kernel.described import decode, is_zero, summed

KEY = ["key", [["saddr", "unsigned int"], ["port", "unsigned short"], ["name", "char", [5]]], "struct_packed"]


@pytest.mark.parametrize(
    ("description", "raw", "value"),
    [
        ("unsigned int", struct.pack("=I", 7), 7),
        ("int", struct.pack("=i", -7), -7),
        ("unsigned long long", struct.pack("=Q", 2**64 - 1), 2**64 - 1),
        ("long", struct.pack("=q", -1), -1),
        ("unsigned short", struct.pack("=H", 65535), 65535),
        ("short", struct.pack("=h", -2), -2),
        ("unsigned char", b"\xff", 255),
        ("_Bool", b"\x01", True),
        ("unsigned __int128", bytes([1]) + bytes(15), 1),
        (KEY, struct.pack("=IH5s", 1, 2, b"ab"), {"saddr": 1, "port": 2, "name": "ab"}),
        (
            ["s", [["a", "char"], ["__pad_1", "char", [7]], ["b", "unsigned long long", [2]]], "struct_packed"],
            struct.pack("=b7x2Q", -1, 5, 6),
            {"a": -1, "b": [5, 6]},
        ),
        (["s", [["a", "char"], ["b", "unsigned int"]], "struct"], struct.pack("@bI", 1, 2), {"a": 1, "b": 2}),
        (["s", [["m", "short", [2, 2]]], "struct_packed"], struct.pack("=4h", 1, 2, 3, 4), {"m": [[1, 2], [3, 4]]}),
        (["s", [["in", KEY]], "struct_packed"], bytes(11), {"in": {"saddr": 0, "port": 0, "name": ""}}),
        (["u", [["a", "int"]], "union"], b"\x01\x02\x03\x04", "01020304"),
        (["s", [["a", "int", 3]], "struct"], b"\x01\x02\x03\x04", "01020304"),
        ("double", bytes(8), "00" * 8),
        (None, b"\xab", "ab"),
        ("unsigned long long", b"\x01", "01"),
    ],
)
def test_a_value_is_read_by_its_description(description: Any, raw: bytes, value: Any) -> None:
    assert decode(description, raw) == value


ANYTHING = st.recursive(
    st.none() | st.text(max_size=5) | st.sampled_from(["int", "char", "unsigned long"]) | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=8,
)


@given(ANYTHING, st.binary(max_size=20))
def test_no_description_is_a_crash(description: Any, raw: bytes) -> None:
    decode(description, raw)


def test_what_cpus_hold_is_added_up_field_by_field() -> None:
    parts = [{"a": 1, "b": [1, 2], "n": ""}, {"a": 2, "b": [3, 4], "n": "x"}]
    assert summed(parts) == {"a": 3, "b": [4, 6], "n": "x"}
    assert summed([True, False]) is True
    assert (is_zero(summed([0, 0])), is_zero({"a": [0, 0], "b": ""}), is_zero({"a": [0, 1]})) == (True, True, False)
