"""A flow table in the real kernel is read whole, whatever its size, while others change it."""

from __future__ import annotations

import errno
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import pytest

from sonic_telegen.errors import KernelError
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.flows import FlowReader
from sonic_telegen.kernel.jobabi import FLOW_SIZE, KEY_SIZE
from sonic_telegen.kernel.libbpf_hash import read_hash
from sonic_telegen.model.sample import Counters, Flow

LRU_HASH = 9
Make = Callable[[int], int]


def flow_key(number: int, family: int = 4) -> bytes:
    """The key of flow ``number``: ports and addresses tell it."""
    packed = socket.inet_pton(socket.AF_INET, f"10.0.{number >> 8 & 255}.{number & 255}").ljust(16, b"\0")
    other = ip_address("2001:db8::1").packed if family == 6 else packed
    ports = struct.pack(">HH", number & 0xFFFF, 443)
    return other + packed + ports + struct.pack("=H3B3x", 7, 6, 46, family)


def flow_value(packets: int, octets: int, first: int = 100, last: int = 200, flags: int = 0x12) -> bytes:
    return struct.pack("=4QI4x", packets, octets, first, last, flags)


@pytest.fixture
def table() -> Iterator[Make]:
    """Creates flow tables that are closed at the end."""
    fds: list[int] = []

    def make(entries: int) -> int:
        fds.append(libbpf.map_create(LRU_HASH, "flows", KEY_SIZE, FLOW_SIZE, entries))
        return fds[-1]

    yield make
    for fd in fds:
        os.close(fd)


@pytest.mark.parametrize("chunk", [1, 7, 256, 4096])
def test_every_entry_is_read_once_in_chunks_of_any_size(table: Make, chunk: int) -> None:
    fd = table(2048)
    for number in range(600):
        libbpf.update(fd, flow_key(number), flow_value(number, number * 100))
    entries = read_hash(fd, KEY_SIZE, FLOW_SIZE, chunk)
    keys = [bytes(entries.keys[at : at + KEY_SIZE]) for at in range(0, len(entries.keys), KEY_SIZE)]
    values = [bytes(entries.values[at : at + FLOW_SIZE]) for at in range(0, len(entries.values), FLOW_SIZE)]
    kept = {key: libbpf.lookup(fd, key, FLOW_SIZE) for key in libbpf.keys(fd)}
    assert len(keys) == len(set(keys)) == entries.count
    assert dict(zip(keys, values, strict=True)) == kept


def test_an_empty_table_is_no_error(table: Make) -> None:
    found = FlowReader().read(table(64), lambda tick: tick)
    assert (found.flows, found.held, found.top) == (0, Counters(0, 0), ())


def test_another_maps_sizes_are_refused_before_the_kernel_writes(table: Make) -> None:
    with pytest.raises(KernelError, match="44 and 40 bytes") as caught:
        read_hash(table(64), KEY_SIZE, FLOW_SIZE - 8)
    assert caught.value.errno == errno.EINVAL


def test_flows_with_most_bytes_are_told_and_the_rest_is_in_the_sum(table: Make) -> None:
    fd = table(4096)
    for number in range(500):
        libbpf.update(fd, flow_key(number), flow_value(1, 1000 + number * 3 % 500))
    found = FlowReader(top=10).read(fd, lambda tick: tick * 1_000_000)
    expected = sorted((1000 + number * 3 % 500 for number in range(500)), reverse=True)
    assert [record.bytes for record in found.top] == expected[:10]
    assert (found.flows, found.held) == (500, Counters(500, sum(expected)))


def test_a_flow_is_told_in_words(table: Make) -> None:
    fd = table(64)
    libbpf.update(fd, flow_key(258), flow_value(3, 333, first=5, last=9))
    libbpf.update(fd, bytes(KEY_SIZE), flow_value(1, 60))
    reader = FlowReader()
    first = reader.read(fd, lambda tick: 1000 + tick)
    record, other = first.top
    assert record.flow == Flow("10.0.1.2", "10.0.1.2", 258, 443, 6, 46, 7)
    assert (record.packets, record.bytes, record.tcp_flags) == (3, 333, 0x12)
    assert (record.first_ns, record.last_ns, record.begun) == (1005, 1009, 5)
    assert other.flow == Flow("", "", 0, 0, 0, 0, 0)
    libbpf.update(fd, flow_key(259, family=6), flow_value(9, 999))
    second = reader.read(fd, lambda tick: 1000 + tick)
    assert second.top[0].flow.source == "2001:db8::1"
    assert second.top[1].flow is record.flow


def test_a_full_table_that_changes_all_the_time_is_read_within_bounds(table: Make) -> None:
    entries, stop = 1024, threading.Event()
    fd = table(entries)

    def churn() -> None:
        number = 0
        while not stop.is_set():
            libbpf.update(fd, flow_key(number & 0xFFFF), flow_value(1, 64))
            number += 1

    writer = threading.Thread(target=churn)
    writer.start()
    try:
        for _ in range(50):
            found = read_hash(fd, KEY_SIZE, FLOW_SIZE, 128)
            assert found.count <= entries + 128
            keys = [bytes(found.keys[at : at + KEY_SIZE]) for at in range(0, len(found.keys), KEY_SIZE)]
            assert len(keys) == len(set(keys))
    finally:
        stop.set()
        writer.join()
