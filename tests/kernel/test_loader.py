"""Loading over whatever is pinned: reuse, another build, missing pins, strangers' pins, repair and removal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.errors import Conflict, KernelError, VerifierRejected
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.loader import load
from sonic_telegen.kernel.pins import MAPS, NAMES, PROGRAMS, remove_pins
from sonic_telegen.model.kernel import AccountKey
from tests.support.objects import ROOT, TELEGEN, bpffs, compiled, open_fds, source_object
from tests.support.pinned import IN, OUT, Clock, NoFilters, Wire, by_account, by_slot, loaded, totals
from tests.support.sources import GOOD

A, FROZEN = AccountKey("a", "Ethernet0", IN), AccountKey("b", "Ethernet4", OUT)


@pytest.fixture
def pins() -> Iterator[Path]:
    with bpffs() as place:
        yield place / "telegen"


def ids(pins: Path) -> dict[str, int]:
    """Kernel id of every pinned object."""
    found = {}
    for name in NAMES:
        fd = libbpf.obj_get(str(pins / name))
        found[name] = (libbpf.prog_info if name in PROGRAMS else libbpf.map_info)(fd).id
        os.close(fd)
    return found


def fill(pins: Path) -> None:
    """Slot 5 with 8 packets (account ``a`` saw 5 of them), a frozen account with 3."""
    with loaded(pins) as found:
        found.maps.assign_slot(5, 7, "Ethernet0", IN)
        found.maps.assign_slot(6, 8, "Ethernet4", OUT)
        found.maps.open_account(FROZEN, "2" * 16, 6)
        wire = Wire(pins, (5, 6))
        wire.attach(pins)
        for _ in range(3):
            wire.send()
        found.maps.release_slot(6)
        found.maps.open_account(A, "1" * 16, 5)
        wire.slots = (5,)
        for _ in range(5):
            wire.send()
        wire.detach()


def test_first_start_pins_everything_and_tells_nothing(pins: Path) -> None:
    with loaded(pins) as found:
        assert sorted(os.listdir(pins)) == sorted(NAMES)  # noqa: PTH208
        assert pins.stat().st_mode & 0o777 == 0o750
        assert found.notices == ()
        assert found.loader == "core"
        assert found.program.prog_id == ids(pins)["prog"] == libbpf.prog_info(found.prog_fd).id
        assert found.program.digest == libbpf.prog_info(found.prog_fd).tag
        assert totals(found.maps.sample()) == 0
        assert found.maps.layout.slots == 2048
        run = libbpf.prog_test_run(found.prog_fd, bytes(60))
        assert run.retval == 0xFFFFFFFF
        assert totals(found.maps.sample()) == 1


def test_next_start_keeps_program_maps_and_counts(pins: Path) -> None:
    fill(pins)
    before = ids(pins)
    with loaded(pins, clock=Clock(10**6)) as found:
        assert ids(pins) == before
        assert found.program.prog_id == before["prog"], "filters of the last agent run the program that is wanted"
        assert found.notices == ("took over 1 slots and 2 accounts",)
        sample = found.maps.sample()
        assert (totals(sample), by_slot(sample)) == (11, {5: 8})
        assert by_account(sample) == {A: 5, FROZEN: 3}
        assert found.maps.start_ns < 10**6


def test_another_build_takes_the_programs_place_only(pins: Path) -> None:
    fill(pins)
    before = ids(pins)
    hooks = NoFilters()
    with loaded(pins, hooks, TG_BUILD=1) as found:
        after = ids(pins)
        assert {name for name in NAMES if before[name] != after[name]} == {"prog", "prog_punt"}
        assert found.program.prog_id == after["prog"]
        assert "takes the place of" in found.notices[0]
        assert hooks.swapped == [], "the next pass replaces filters, one by one and told"
        assert (totals(found.maps.sample()), by_account(found.maps.sample())) == (11, {A: 5, FROZEN: 3})
        libbpf.prog_test_run(found.prog_fd, bytes(60))
        assert totals(found.maps.sample()) == 12
    assert sorted(os.listdir(pins)) == sorted(NAMES)  # noqa: PTH208


LOST_ALL = {"totals": 0, "slots": {}, "accounts": {FROZEN: 3}, "said": "all counters begin again"}
MISSING = {
    "meta": LOST_ALL,
    "base": LOST_ALL,
    "if_stats_percpu": {
        "totals": 11,
        "slots": {},
        "accounts": {FROZEN: 3},
        "said": "all interface counters begin again, those of 1 running accounts too",
    },
    "stats_percpu": {"totals": 0, "slots": {5: 8}, "accounts": {A: 5, FROZEN: 3}, "said": "the totals begin again"},
    "accounts": {"totals": 11, "slots": {5: 8}, "accounts": {}, "said": "the counters of all jobs begin again"},
    "punt_percpu": {
        "totals": 11,
        "slots": {5: 8},
        "accounts": {A: 5, FROZEN: 3},
        "said": "the counters of control protocols begin again",
    },
    "prog": {"totals": 11, "slots": {5: 8}, "accounts": {A: 5, FROZEN: 3}, "said": "this build's takes its place"},
    "prog_punt": {"totals": 11, "slots": {5: 8}, "accounts": {A: 5, FROZEN: 3}, "said": "this build's takes its place"},
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("migrating", [{}, {"TG_LAYOUT_VERSION": 2, "TG_PAD": 3}], ids=["same", "migrating"])
def test_a_missing_pin_is_a_told_reset_of_what_hung_on_it(pins: Path, name: str, migrating: dict[str, int]) -> None:
    fill(pins)
    (pins / name).unlink()
    expected = MISSING[name]
    with loaded(pins, None, Clock(10**6), **migrating) as found:
        sample = found.maps.sample()
        assert (totals(sample), by_slot(sample)) == (expected["totals"], expected["slots"])
        assert by_account(sample) == expected["accounts"]
        if name not in PROGRAMS or not migrating:  # a migration brings a program anyhow
            assert [
                told for told in found.notices if f"{name} had been removed" in told and str(expected["said"]) in told
            ]
        assert (found.maps.start_ns > 10**6) == (expected["totals"] == 0), "never from zero under the old start time"
        assert {libbpf.map_info(found.maps.fd(m)).id for m in ("stats_percpu", "if_stats_percpu")} <= set(
            libbpf.prog_info(found.prog_fd).map_ids
        )
    with loaded(pins, None, None, **migrating) as again:
        assert not [told for told in again.notices if "removed" in told], "told once"


def test_all_pins_gone_is_a_first_start(pins: Path) -> None:
    fill(pins)
    assert remove_pins(pins) == ()
    assert not pins.exists()
    with loaded(pins, clock=Clock(10**6)) as found:
        assert found.notices == ()
        assert found.maps.start_ns > 10**6


@pytest.mark.parametrize("name", MAPS)
def test_a_strangers_map_in_a_pins_place_is_refused_by_name(pins: Path, name: str) -> None:
    fill(pins)
    (pins / name).unlink()
    fd = libbpf.map_create(libbpf.ARRAY, "stranger", 4, 8, 1)
    libbpf.obj_pin(fd, str(pins / name))
    os.close(fd)
    before = open_fds(), ids(pins)
    with pytest.raises(KernelError, match=f"{pins}/{name}") as caught, loaded(pins):
        pass
    assert "detach --all" in str(caught.value)
    assert (open_fds(), ids(pins)) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_program_for_a_map_and_a_map_for_the_program_are_refused(pins: Path, name: str) -> None:
    fill(pins)
    os.rename(pins / ("stats_percpu" if name in PROGRAMS else "prog"), pins / name)  # noqa: PTH104
    with pytest.raises(Conflict, match=rf"{pins}/{name}: it is a (map|prog) where a (map|prog) belongs"), loaded(pins):
        pass


def test_pins_of_a_newer_version_are_refused_untouched(pins: Path) -> None:
    with loaded(pins, TG_LAYOUT_VERSION=3, TG_PAD=1):
        before = ids(pins)
    hooks = NoFilters()
    with pytest.raises(Conflict, match="layout version 3, this build knows 1; install the newer"), loaded(pins, hooks):
        pass
    assert ids(pins) == before
    assert hooks.swapped == []


def test_what_cannot_be_loaded_changes_no_pin(pins: Path) -> None:
    fill(pins)
    before = open_fds(), ids(pins)
    text = (ROOT / TELEGEN).read_text()
    broken = text.replace("\treturn TC_ACT_UNSPEC;\n}", "\treturn *(int *)(long)skb->data_end;\n}")
    assert broken != text
    hooks = NoFilters()
    for source, name, error in ((GOOD, "good", KernelError), (broken, "broken", VerifierRejected)):
        with pytest.raises(error) as caught:
            load(source_object(source, name), pins, hooks)
        assert f"{name}.o" in str(caught.value)
    other_layout = compiled(broken, "broken", ("-DTG_LAYOUT_VERSION=2", "-DTG_PAD=1"))
    with pytest.raises(VerifierRejected):
        load(other_layout, pins, hooks)
    assert (open_fds(), ids(pins)) == before
    assert sorted(os.listdir(pins)) == sorted(NAMES)  # noqa: PTH208
    assert hooks.swapped == []


def test_repair_pins_again_from_what_is_held(pins: Path) -> None:
    fill(pins)
    with loaded(pins) as found:
        before = ids(pins)
        assert found.repair() == ()
        for name in NAMES:
            (pins / name).unlink()
        assert len(found.repair()) == len(NAMES)
        assert ids(pins) == before
        remove_pins(pins)
        assert all("nothing was lost" in told for told in found.repair())
        assert ids(pins) == before
    with loaded(pins) as found:
        assert (totals(found.maps.sample()), by_account(found.maps.sample())) == (11, {A: 5, FROZEN: 3})


def test_repair_leaves_what_is_not_ours(pins: Path) -> None:
    with loaded(pins) as found:
        (pins / "meta").unlink()
        fd = libbpf.map_create(libbpf.ARRAY, "stranger", 4, 8, 1)
        libbpf.obj_pin(fd, str(pins / "meta"))
        assert found.repair() == (f"{pins}/meta is another object now and was left alone",)
        assert ids(pins)["meta"] == libbpf.map_info(fd).id
        os.close(fd)


def test_nothing_leaks(pins: Path) -> None:
    fill(pins)
    before = open_fds()
    for defines in ({}, {"TG_BUILD": 1}, {"TG_PAD": 2}, {"TG_PAD": 1}):
        with loaded(pins, None, None, **defines) as found:
            found.repair()
    assert open_fds() == before
