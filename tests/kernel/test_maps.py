"""Slots and accounts in the pinned maps: what is counted, for whom, and since when."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.errors import Gone, KernelError
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.failure import ENOTSUPP
from sonic_telegen.kernel.libbpf_c import lib
from sonic_telegen.kernel.maps import Maps
from sonic_telegen.kernel.pins import MAPS
from sonic_telegen.kernel.tables import index_key
from sonic_telegen.model.kernel import Account, AccountKey, Slot
from sonic_telegen.model.sample import Counters
from tests.support.objects import bpffs, open_fds
from tests.support.pinned import IN, OUT, Clock, by_account, by_slot, loaded, packet, totals

A, B = AccountKey("a", "Ethernet0", IN), AccountKey("b", "Ethernet0", IN)
D1, D2 = "1" * 16, "2" * 16


@pytest.fixture
def pins() -> Iterator[Path]:
    with bpffs() as place:
        yield place / "telegen"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def maps(pins: Path, clock: Clock) -> Iterator[Maps]:
    with loaded(pins, clock=clock) as found:
        yield found.maps


def count(maps: Maps, slot: int, packets: int = 1, cls: int = 0, size: int = 100) -> None:
    fds = {name: maps.fd(name) for name in MAPS}
    for n in range(packets):
        packet(fds, maps.layout, slot, cls, size, cpu=n % libbpf.possible_cpus())


def reopened(pins: Path) -> Maps:
    """What the next agent sees; its own descriptors, closed by the caller."""
    return Maps({name: libbpf.obj_get(str(pins / name)) for name in MAPS})


def test_a_slot_counts_from_zero_under_its_start_time(maps: Maps, clock: Clock) -> None:
    maps.assign_slot(5, 7, "Ethernet0", IN)
    start = clock.now
    assert maps.slots() == {5: Slot(5, 7, "Ethernet0", IN, start)}
    count(maps, 5, 3, cls=1, size=64)
    count(maps, 5, 1, cls=3, size=9217)
    sample = maps.sample()
    (found,) = sample.interfaces
    assert (found.slot, found.ifindex, found.name, found.direction) == (5, 7, "Ethernet0", IN)
    assert found.start_ns == start < sample.time_ns
    assert found.classes[1] == Counters(3, 192, (3, *[0] * 9))
    assert found.classes[3] == Counters(1, 9217, (*[0] * 9, 1))
    assert sample.totals == (Counters(0, 0), Counters(3, 192), Counters(0, 0), Counters(1, 9217))
    assert sample.start_ns == maps.start_ns


def test_a_reused_slot_is_not_mixed_with_the_last_port(maps: Maps) -> None:
    maps.assign_slot(5, 7, "Ethernet0", IN)
    count(maps, 5, 9)
    first = maps.slots()[5]
    maps.release_slot(5)
    assert maps.slots() == {}
    assert maps.sample().interfaces == ()
    maps.assign_slot(5, 8, "Ethernet4", OUT)
    (found,) = maps.sample().interfaces
    assert (found.ifindex, found.name, found.direction) == (8, "Ethernet4", OUT)
    assert found.start_ns > first.start_ns
    assert all(c == Counters(0, 0, (0,) * 10) for c in found.classes)
    raw = libbpf.lookup(maps.fd("if_stats_percpu"), index_key(5), libbpf.percpu_size(392)) or b""
    heads = [raw[at : at + 8] for at in range(0, len(raw), 392)]
    assert set(heads) == {(8).to_bytes(4, "little") + (2).to_bytes(4, "little")}
    assert totals(maps.sample()) == 9, "the totals go on"


def test_assigning_a_slot_again_freezes_who_counted_there(maps: Maps) -> None:
    maps.assign_slot(5, 7, "Ethernet0", IN)
    maps.open_account(A, D1, 5)
    count(maps, 5, 4)
    maps.assign_slot(5, 8, "Ethernet4", IN)
    count(maps, 5, 2)
    assert by_slot(maps.sample()) == {5: 2}
    assert by_account(maps.sample()) == {A: 4}
    assert maps.accounts()[A].slot == 0


@pytest.mark.parametrize("slot", [0, 2048, -1])
def test_slot_numbers_outside_the_map_are_refused(maps: Maps, slot: int) -> None:
    with pytest.raises(KernelError, match="1 to 2047"):
        maps.assign_slot(slot, 7, "Ethernet0", IN)
    with pytest.raises(Gone, match="not assigned"):
        maps.open_account(A, D1, slot)
    maps.release_slot(slot)
    assert maps.sample().interfaces == ()


def test_an_account_counts_from_its_opening(maps: Maps, clock: Clock) -> None:
    maps.assign_slot(5, 7, "Ethernet0", IN)
    count(maps, 5, 10, size=100)
    maps.open_account(A, D1, 5)
    start = clock.now
    assert maps.accounts() == {A: Account(A, D1, 5, start)}
    count(maps, 5, 3, size=200)
    maps.open_account(A, D1, 5)  # again: nothing happens
    maps.open_account(B, D1, 5)  # two jobs on a port count each for itself
    count(maps, 5, 1, cls=2, size=70)
    accounts = maps.sample().accounts
    assert accounts[A].start_ns == start
    assert accounts[A].classes == (Counters(3, 600), Counters(), Counters(1, 70), Counters())
    assert accounts[B].classes == (Counters(), Counters(), Counters(1, 70), Counters())
    assert maps.sample().job("a") == Counters(4, 670)


def test_an_account_goes_on_in_another_slot(maps: Maps) -> None:
    """The netdev came back with a new ifindex, or the pass gave the hook another slot."""
    for slot in (5, 6):
        maps.assign_slot(slot, slot, "Ethernet0", IN)
        count(maps, slot, 100)
    maps.open_account(A, D1, 5)
    start = maps.accounts()[A].start_ns
    count(maps, 5, 3)
    maps.open_account(A, D1, 6)  # moved without a freeze
    count(maps, 5, 50)
    count(maps, 6, 4)
    assert by_account(maps.sample()) == {A: 7}
    maps.freeze_account(A)
    maps.freeze_account(A)
    count(maps, 6, 50)
    assert by_account(maps.sample()) == {A: 7}
    maps.open_account(A, D1, 5)
    count(maps, 5, 1)
    assert by_account(maps.sample()) == {A: 8}
    assert maps.accounts()[A].start_ns == start


def test_another_digest_is_another_job(maps: Maps) -> None:
    maps.assign_slot(5, 7, "Ethernet0", IN)
    maps.open_account(A, D1, 5)
    start = maps.accounts()[A].start_ns
    count(maps, 5, 3)
    maps.open_account(A, D2, 5)
    count(maps, 5, 2)
    assert by_account(maps.sample()) == {A: 2}
    assert maps.accounts()[A].start_ns > start
    maps.close_account(A)
    maps.close_account(A)
    maps.freeze_account(A)
    assert maps.accounts() == {}
    assert maps.sample().accounts == {}


def test_releasing_a_slot_freezes_its_accounts_only(maps: Maps) -> None:
    maps.assign_slot(5, 7, "Ethernet0", IN)
    maps.assign_slot(6, 7, "Ethernet0", OUT)
    other = AccountKey("a", "Ethernet0", OUT)
    maps.open_account(A, D1, 5)
    maps.open_account(other, D1, 6)
    count(maps, 5, 3)
    maps.release_slot(5)
    count(maps, 6, 2)
    assert by_account(maps.sample()) == {A: 3, other: 2}
    assert {key: account.slot for key, account in maps.accounts().items()} == {A: 0, other: 6}


def test_the_next_agent_reads_the_same(maps: Maps, pins: Path) -> None:
    maps.assign_slot(5, 7, "Ethernet0", IN)
    maps.assign_slot(2047, 9, "PortChannel1000", OUT)
    count(maps, 5, 4)
    maps.open_account(A, D1, 5)
    maps.open_account(B, D2, 2047)
    count(maps, 5, 3)
    count(maps, 2047, 5)
    maps.freeze_account(A)
    fresh = reopened(pins)
    try:
        assert (fresh.slots(), fresh.accounts(), fresh.start_ns) == (maps.slots(), maps.accounts(), maps.start_ns)
        mine, theirs = maps.sample(), fresh.sample()
        assert (theirs.totals, theirs.interfaces, theirs.accounts) == (mine.totals, mine.interfaces, mine.accounts)
        assert by_account(theirs) == {A: 3, B: 5}
    finally:
        fresh.close()


def test_slots_run_out_and_come_back(maps: Maps) -> None:
    """Every slot in use, each with a count of its own; all released and assigned to others: all at zero."""
    for slot in range(1, 2048):
        maps.assign_slot(slot, slot, f"Ethernet{slot}", IN)
    for slot in (1, 2, 1023, 2047):
        count(maps, slot, slot % 7 + 1)
    found = by_slot(maps.sample())
    assert len(found) == 2047
    assert {slot: packets for slot, packets in found.items() if packets} == {1: 2, 2: 3, 1023: 2, 2047: 4}
    for slot in range(1, 2048):
        maps.release_slot(slot)
        maps.assign_slot(slot, 5000 + slot, f"Vlan{slot}", OUT)
    sample = maps.sample()
    assert set(by_slot(sample).values()) == {0}
    assert {found.name for found in sample.interfaces} == {f"Vlan{slot}" for slot in range(1, 2048)}


def test_a_full_accounts_map_refuses_and_keeps_the_rest(maps: Maps) -> None:
    maps.assign_slot(5, 7, "Ethernet0", IN)
    with pytest.raises(KernelError, match="over 64"):
        maps.open_account(AccountKey("j" * 65, "Ethernet0", IN), D1, 5)
    assert maps.accounts() == {}


def test_reading_and_writing_from_two_threads(maps: Maps) -> None:
    """The collector samples while the worker assigns and releases: no torn reading, no exception."""
    stop, errors = threading.Event(), list[BaseException]()

    def collect() -> None:
        try:
            while not stop.is_set():
                for found in maps.sample().interfaces:
                    assert (found.name, found.ifindex) == (f"Ethernet{found.ifindex}", found.ifindex)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=collect)
    thread.start()
    for turn in range(300):
        slot = turn % 7 + 1
        maps.assign_slot(slot, turn, f"Ethernet{turn}", IN)
        maps.open_account(A, D1, slot)
        if turn % 3 == 0:
            maps.release_slot(slot)
    stop.set()
    thread.join()
    assert errors == []


def test_a_kernel_without_batches_gives_the_same_sample(
    maps: Maps, pins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps.assign_slot(5, 7, "Ethernet0", IN)
    maps.open_account(A, D1, 5)
    count(maps, 5, 4, cls=2)
    expected = maps.sample()
    asked: list[int] = []

    def refuse(fd: int, *_: object) -> int:
        asked.append(fd)
        return -ENOTSUPP

    monkeypatch.setattr(lib(), "bpf_map_lookup_batch", refuse)
    fresh = reopened(pins)
    try:
        for _ in range(3):
            found = fresh.sample()
            assert (found.totals, found.interfaces, found.accounts) == (
                expected.totals,
                expected.interfaces,
                expected.accounts,
            )
    finally:
        fresh.close()
    assert len(asked) == 4, "once for each of base, totals, slots and protocols, and never again"


def test_closed_maps_say_so_and_leak_nothing(pins: Path) -> None:
    with loaded(pins):
        pass
    before = open_fds()
    with loaded(pins) as found:
        found.maps.assign_slot(5, 7, "Ethernet0", IN)
        found.maps.sample()
    assert open_fds() == before
    with pytest.raises(KernelError, match="closed"):
        found.maps.sample()
    assert os.listdir(pins)  # noqa: PTH208
