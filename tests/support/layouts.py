"""Layouts for tests: this build's, and values made by them with ``struct`` alone, not by the code under test."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace

from sonic_telegen.kernel.layout import Layout
from sonic_telegen.model.sample import SIZE_BOUNDS

OURS = Layout(1, 2048, 4, 10, 16, 392, 8, 96, 16, SIZE_BOUNDS)
PADDED = replace(OURS, version=2, slot_size=416, classes_offset=32)
THREE_CLASSES = replace(OURS, classes=3, slot_size=296)
WIDE = replace(OURS, slot_size=8 + 4 * 112 + 16, class_size=112, histogram_offset=24, total_size=32)


def slot_raw(layout: Layout, cpus: Sequence[Sequence[Sequence[int]]], ifindex: int = 7, direction: int = 1) -> bytes:
    """A slot's value: for each CPU and class a list [packets, bytes, bucket, ...]; gaps are filled with 0xee."""
    value = b""
    for classes in cpus:
        one = bytearray(b"\xee" * layout.slot_size)
        struct.pack_into("=II", one, 0, ifindex, direction)
        for number, words in enumerate(classes):
            at = layout.classes_offset + number * layout.class_size
            struct.pack_into("=2Q", one, at, *words[:2])
            struct.pack_into(f"={layout.buckets}Q", one, at + layout.histogram_offset, *words[2:])
        value += bytes(one)
    return value
