"""What differs between kernels below the agent: batches, renames on bpffs, and a new layout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sonic_telegen.demo.frames import mix
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.pins import PinDir
from tests.support.machine import kernel_release
from tests.support.objects import bpffs, telegen_object
from tests.vm.scene import SUPERUSER, scene

BATCH_OF_PERCPU_ARRAYS = (5, 13)  # before it BPF_MAP_LOOKUP_BATCH answers 524


def test_percpu_array_is_read_whole_with_or_without_batches() -> None:
    fd = libbpf.map_create(libbpf.PERCPU_ARRAY, "vm_values", 4, 16, 64)
    try:
        cpus = libbpf.possible_cpus()
        values = [b"".join(bytes([index, cpu]) * 8 for cpu in range(cpus)) for index in range(64)]
        for index, value in enumerate(values):
            libbpf.update(fd, index.to_bytes(4, sys.byteorder), value)
        reader = libbpf.ArrayReader(fd, 16, per_cpu=True)
        assert bytes(reader.read(64)) == b"".join(values)
        assert bytes(reader.read(10)) == b"".join(values[:10])
        assert reader.batched == (kernel_release() >= BATCH_OF_PERCPU_ARRAYS)
    finally:
        os.close(fd)


@contextmanager
def pinned() -> Iterator[tuple[PinDir, int, int]]:
    """A pin directory and two maps, the first pinned there as ``name``."""
    old, new = (libbpf.map_create(libbpf.ARRAY, name, 4, 8, 1) for name in ("vm_old", "vm_new"))
    try:
        with bpffs() as mounted:
            pins = PinDir(mounted / "pins")
            pins.prepare()
            pins.put("name", old)
            yield pins, old, new
    finally:
        os.close(old)
        os.close(new)


def pinned_id(pins: PinDir, name: str) -> int:
    """Kernel id of the pinned map."""
    fd = pins.get(name)
    assert fd is not None
    try:
        return libbpf.map_info(fd).id
    finally:
        os.close(fd)


def test_rename_over_a_pin_replaces_it() -> None:
    with pinned() as (pins, old, new):
        assert pinned_id(pins, "name") == libbpf.map_info(old).id
        pins.replace("name", new)
        assert pinned_id(pins, "name") == libbpf.map_info(new).id
        assert [path.name for path in pins.path.iterdir()] == ["name"]


def test_pin_moves_in_from_the_directory_of_a_migration() -> None:
    with pinned() as (pins, _, new):
        pins.next.make()
        pins.next.put("name", new)
        pins.take("name", pins.next)
        assert pinned_id(pins, "name") == libbpf.map_info(new).id
        assert list(pins.next.path.iterdir()) == []
        pins.take("name", pins.next)  # it has moved already: nothing happens
        assert pinned_id(pins, "name") == libbpf.map_info(new).id


def test_another_layout_is_migrated_under_live_filters() -> None:
    frames = [frame.octets for frame, _ in mix()]
    wider: Path = telegen_object(TG_LAYOUT_VERSION=2, TG_PAD=3)
    with scene(SUPERUSER) as stage:
        with stage.actor() as first:
            before = first.ask(watch=("Ethernet0", "ingress"))
            stage.switch.send("Ethernet0", frames)
        with stage.actor(wider) as second:
            stage.switch.send("Ethernet0", frames)
            migrated = second.ask(watch=("Ethernet0", "ingress"))
            stage.switch.send("Ethernet0", frames)
            found = second.ask(watch=("Ethernet0", "ingress"))
    assert migrated["jobs"]["watch"] == found["jobs"]["watch"] == ["running", "", ""], migrated
    assert found["program"] != before["program"]
    assert found["start_ns"] == before["start_ns"]
    assert any("migrated" in notice for notice in found["notices"]), found["notices"]
    sent = [3 * len(frames), 3 * sum(map(len, frames))]
    assert found["accounts"]["watch"] == sent
    assert [sum(row[n] for row in found["totals"].values()) for n in (0, 1)] == sent
    assert sum(map(sum, (row[2] for row in found["hooks"]["Ethernet0 ingress"].values()))) == sent[0]
