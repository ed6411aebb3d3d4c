"""What a slot counted by control protocol outlives the agent, another build and another layout, and no other hook."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.libbpf_object import Object
from sonic_telegen.kernel.maps import Maps
from sonic_telegen.kernel.tables import index_key
from sonic_telegen.model.sample import PUNT_PROTOCOLS, PuntSample
from tests.support.objects import bpffs, telegen_object
from tests.support.pinned import IN, OUT, Clock, by_slot, loaded

WORDS = struct.Struct("=32Q")


@pytest.fixture
def pins() -> Iterator[Path]:
    with bpffs() as place:
        yield place / "telegen"


def frame(maps: Maps, slot: int, protocol: str, size: int, cpu: int) -> None:
    """What the program does with one frame of a protocol."""
    fd, at = maps.fd("punt_percpu"), 2 * PUNT_PROTOCOLS.index(protocol)
    raw = libbpf.lookup(fd, index_key(slot), libbpf.percpu_size(WORDS.size)) or b""
    cpus = [list(words) for words in WORDS.iter_unpack(raw)]
    cpus[cpu][at] += 1
    cpus[cpu][at + 1] += size
    libbpf.update(fd, index_key(slot), b"".join(WORDS.pack(*words) for words in cpus))


def read(maps: Maps, *slots: int) -> dict[int, PuntSample]:
    maps.punted = frozenset(slots)
    return {found.slot: found for found in maps.sample().punts}


def counted(found: PuntSample) -> dict[str, tuple[int, int]]:
    pairs = zip(PUNT_PROTOCOLS, found.protocols, strict=True)
    return {name: (c.packets, c.bytes) for name, c in pairs if c.packets or c.bytes}


def test_they_are_summed_over_cpus_and_only_of_the_slots_where_they_count(pins: Path) -> None:
    with loaded(pins) as found:
        maps = found.maps
        maps.assign_slot(5, 7, "Ethernet0", IN)
        maps.assign_slot(6, 7, "Ethernet0", OUT)
        for cpu in range(libbpf.possible_cpus()):
            frame(maps, 5, "bgp", 100 + cpu, cpu)
        frame(maps, 5, "other", 60, 0)
        assert read(maps) == {}
        (only,) = read(maps, 5, 9).values()
        cpus = libbpf.possible_cpus()
        assert counted(only) == {"bgp": (cpus, 100 * cpus + cpus * (cpus - 1) // 2), "other": (1, 60)}
        assert (only.name, only.direction, only.start_ns) == ("Ethernet0", IN, maps.slots()[5].start_ns)
        assert read(maps, 5)[5] is only, "nothing moved, nothing was done again"


def test_a_slot_that_is_assigned_again_counts_from_zero_under_a_new_start(pins: Path) -> None:
    with loaded(pins) as found:
        maps = found.maps
        maps.assign_slot(5, 7, "Ethernet0", IN)
        frame(maps, 5, "arp", 60, 0)
        before = read(maps, 5)[5]
        maps.release_slot(5)
        maps.assign_slot(5, 8, "Ethernet4", IN)
        after = read(maps, 5)[5]
        assert (counted(before), counted(after)) == ({"arp": (1, 60)}, {})
        assert after.start_ns > before.start_ns


@pytest.mark.parametrize("defines", [{}, {"TG_BUILD": 1}, {"TG_LAYOUT_VERSION": 2, "TG_PAD": 3}, {"TG_SLOTS": 64}])
def test_they_go_on_after_a_restart_of_whatever_build(pins: Path, defines: dict[str, int]) -> None:
    with loaded(pins) as found:
        found.maps.assign_slot(5, 7, "Ethernet0", IN)
        frame(found.maps, 5, "lacp", 124, 0)
        before = read(found.maps, 5)
    with loaded(pins, None, Clock(10**6), **defines) as again:
        assert read(again.maps, 5) == before
        ids = {libbpf.map_info(again.maps.fd(m)).id for m in ("stats_percpu", "if_stats_percpu", "punt_percpu")}
        assert ids <= set(libbpf.prog_info(again.punt_fd).map_ids), "what counts next is counted there"


def test_pins_of_a_build_that_told_none_apart_are_taken_over_and_the_counting_begins(pins: Path) -> None:
    with loaded(pins) as found:
        found.maps.assign_slot(5, 7, "Ethernet0", IN)
    for name in ("punt_percpu", "prog_punt"):
        (pins / name).unlink()
    with loaded(pins, clock=Clock(10**6)) as again:
        assert again.notices == ("took over 1 slots and 0 accounts",)
        assert by_slot(again.maps.sample()) == {5: 0}
        now = read(again.maps, 5)[5]
        assert counted(now) == {}
        assert now.start_ns > 10**6 > again.maps.slots()[5].start_ns


def test_the_plain_program_knows_nothing_of_it() -> None:
    """What it costs must not depend on the other."""
    with Object.open(telegen_object()) as o:
        o.load()
        assert libbpf.map_info(o.map_fd("punt_percpu")).id not in libbpf.prog_info(o.prog_fd("telegen_if")).map_ids
