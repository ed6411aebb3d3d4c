"""The maps change their layout while packets pass, and the loader is killed after any system call: nothing is lost.

Packets are simulated here, one in every slot behind each call that changes something, into the maps of the program that
the filter runs at that moment. ``test_migrate_traffic.py`` does it with real ones.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sonic_telegen.errors import KernelError
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.loader import load
from sonic_telegen.kernel.pins import NAMES
from sonic_telegen.kernel.tables import index_key
from sonic_telegen.model.kernel import AccountKey
from sonic_telegen.model.sample import Sample
from tests.support.crash import Crash, crashing
from tests.support.objects import bpffs, open_fds, telegen_object
from tests.support.pinned import IN, OUT, Clock, NoFilters, Wire, by_account, by_slot, loaded, totals

A, B, FROZEN = (AccountKey(job, "Ethernet0", IN) for job in ("a", "b", "frozen"))
OLD, NEW, NEWER = {"TG_PAD": 0}, {"TG_LAYOUT_VERSION": 2, "TG_PAD": 3}, {"TG_LAYOUT_VERSION": 3, "TG_SLOTS": 64}
CALLS = 21  # that change something in a migration of two slots


@pytest.fixture
def pins() -> Iterator[Path]:
    with bpffs() as place:
        yield place / "telegen"


@pytest.fixture
def wire(pins: Path) -> Iterator[Wire]:
    """Two slots that have counted under the old layout, with two accounts open and one frozen."""
    with loaded(pins, None, Clock(), **OLD) as found:
        wire = Wire(pins, (5, 6))
        found.maps.assign_slot(5, 7, "Ethernet0", IN)
        found.maps.assign_slot(6, 7, "Ethernet0", OUT)
        wire.attach(pins)
        found.maps.open_account(FROZEN, "3" * 16, 5)
        wire.send()
        found.maps.freeze_account(FROZEN)
        found.maps.open_account(A, "1" * 16, 5)
        wire.send()
        found.maps.open_account(B, "2" * 16, 6)
        for _ in range(20):
            wire.send()
    yield wire
    wire.detach()


def check(pins: Path, wire: Wire, defines: dict[str, int], starts: dict[str, object]) -> None:
    """Everything ever sent is there, now and after more of it, under the start times of before."""
    with loaded(pins, wire, Clock(10**6), **defines) as found:
        for _ in range(3):
            sample = found.maps.sample()
            assert totals(sample) == wire.packets
            assert by_slot(sample) == wire.by_slot
            assert by_account(sample) == wire.by_account
            wire.send()
        assert seen_starts(found.maps.sample()) == starts
        assert sorted(os.listdir(pins)) == sorted(NAMES)  # noqa: PTH208
        for slot, head in ((5, (7, 1)), (6, (7, 2))):
            size = found.maps.layout.slot_size
            raw = libbpf.lookup(found.maps.fd("if_stats_percpu"), index_key(slot), libbpf.percpu_size(size)) or b""
            assert {struct.unpack_from("=2I", raw, at) for at in range(0, len(raw), size)} == {head}
        ids = {libbpf.map_info(found.maps.fd(name)).id for name in ("stats_percpu", "if_stats_percpu")}
        assert ids <= set(libbpf.prog_info(found.prog_fd).map_ids)
        assert ids <= {libbpf.map_info(fd).id for fd in wire.fds.values()}, "the filter counts into the pinned maps"


def seen_starts(sample: Sample) -> dict[str, object]:
    return {
        "totals": sample.start_ns,
        "slots": {found.slot: (found.start_ns, found.name, found.ifindex) for found in sample.interfaces},
        "accounts": {key: found.start_ns for key, found in sample.accounts.items()},
    }


def starts_of(pins: Path) -> dict[str, object]:
    with loaded(pins, None, None, **OLD) as found:
        return seen_starts(found.maps.sample())


@pytest.mark.parametrize("defines", [NEW, NEWER, {"TG_PAD": 1}, {"TG_SLOTS": 7}], ids=str)
def test_migration_keeps_counts_and_starts(pins: Path, wire: Wire, defines: dict[str, int]) -> None:
    starts, before = starts_of(pins), open_fds()
    built = telegen_object(**defines)  # compiling makes calls of its own
    with crashing(None, wire.send) as calls:
        found = load(built, pins, wire)
    assert calls.count == CALLS, "the crash tests must cover every call"
    assert f"migrated the pinned maps in {pins} to another layout, counts kept" in found.notices
    found.close()
    assert open_fds() == before
    check(pins, wire, defines, starts)


@pytest.mark.parametrize("limit", range(1, CALLS + 1))
def test_crash_after_each_call_then_the_same_build_again(pins: Path, wire: Wire, limit: int) -> None:
    starts = starts_of(pins)
    built = telegen_object(**NEW)
    with pytest.raises(Crash), crashing(limit, wire.send):
        load(built, pins, wire)
    wire.send()
    check(pins, wire, NEW, starts)


@pytest.mark.parametrize("limit", range(1, CALLS + 1, 2))
def test_crash_after_each_call_then_a_third_layout(pins: Path, wire: Wire, limit: int) -> None:
    """The migration that was broken off is brought to its end with its own program, then the next one begins."""
    starts = starts_of(pins)
    built = telegen_object(**NEW)
    with pytest.raises(Crash), crashing(limit, wire.send):
        load(built, pins, wire)
    wire.send()
    with crashing(None, wire.send):
        load(telegen_object(**NEWER), pins, wire).close()
    check(pins, wire, NEWER, starts)


def test_crash_upon_crash(pins: Path, wire: Wire) -> None:
    """Killed again and again at random calls, until one start gets through; then back and forth between layouts."""
    rng = random.Random(20)
    starts, crashes = starts_of(pins), 0
    for turn in range(20):
        defines = {"TG_PAD": 1 + turn % 2}
        while True:
            try:
                with crashing(rng.randrange(1, CALLS + 4), wire.send):
                    load(telegen_object(**defines), pins, wire).close()
                break
            except Crash:
                crashes += 1
    assert crashes > 15
    check(pins, wire, defines, starts)


def test_a_swap_that_fails_is_taken_up_again(pins: Path, wire: Wire) -> None:
    """Netlink said no: the filters go on counting into the old maps, and so does the next start."""
    starts = starts_of(pins)

    class Broken:
        def swap(self, prog_fd: int, others: Mapping[int, int]) -> None:
            raise KernelError("replace filter", "Ethernet0", 105)

    with pytest.raises(KernelError, match="replace filter"):
        load(telegen_object(**NEW), pins, Broken())
    wire.send()
    check(pins, wire, NEW, starts)


def test_an_older_agent_after_an_unfinished_migration_is_refused(pins: Path, wire: Wire) -> None:
    """A downgrade in the middle: the migration is finished, since filters may count there, then the newer pins told."""
    starts = starts_of(pins)
    with pytest.raises(Crash), crashing(12, wire.send):
        load(telegen_object(**NEW), pins, wire)
    assert (pins / "next" / "prog").exists()
    with pytest.raises(KernelError, match="layout version 2, this build knows 1"):
        load(telegen_object(**OLD), pins, wire)
    check(pins, wire, NEW, starts)


def test_slots_that_do_not_fit_are_refused_and_nothing_changes(pins: Path, wire: Wire) -> None:
    starts = starts_of(pins)
    hooks = NoFilters()
    with (
        pytest.raises(KernelError, match="slot 6 is in use and this build has 6 slots"),
        loaded(pins, hooks, TG_SLOTS=6),
    ):
        pass
    assert hooks.swapped == []
    check(pins, wire, OLD, starts)


def test_leftovers_without_a_program_are_removed(pins: Path, wire: Wire) -> None:
    starts = starts_of(pins)
    (pins / "next").mkdir()
    fd = libbpf.obj_get(str(pins / "if_stats_percpu"))
    libbpf.obj_pin(fd, str(pins / "next" / "if_stats_percpu"))
    os.close(fd)
    hooks = NoFilters()
    with loaded(pins, hooks) as found:
        assert any("unfinished migration" in told for told in found.notices)
    assert hooks.swapped == []
    check(pins, wire, OLD, starts)


def test_the_pins_a_migration_began_from_are_gone(pins: Path, wire: Wire) -> None:
    """Somebody removed pins while a migration waited to be finished: told, reset, and no crash."""
    with pytest.raises(Crash), crashing(12, wire.send):
        load(telegen_object(**NEW), pins, wire)
    (pins / "base").unlink()
    with loaded(pins, None, Clock(10**6), **NEW) as found:
        assert any("gave up a migration" in told for told in found.notices)
        assert any("all counters begin again" in told for told in found.notices)
        assert found.maps.start_ns > 10**6
        assert totals(found.maps.sample()) == 0
    assert sorted(os.listdir(pins)) == sorted(NAMES)  # noqa: PTH208
