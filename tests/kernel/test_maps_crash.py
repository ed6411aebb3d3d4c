"""kill -9 after every single system call of the operations on slots and accounts loses nothing and mixes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sonic_telegen.errors import KernelError
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.maps import Maps
from sonic_telegen.kernel.pins import MAPS
from sonic_telegen.model.kernel import AccountKey
from tests.support.crash import Crash, crashing
from tests.support.objects import bpffs
from tests.support.pinned import IN, OUT, Wire, by_account, by_slot, loaded, totals

A, B = AccountKey("a", "Ethernet0", IN), AccountKey("b", "Ethernet0", IN)
D1, D2 = "1" * 16, "2" * 16

# A port comes, is counted for two jobs, goes, comes back in another slot, its old slot becomes another port's.
STEPS: tuple[tuple[str, Callable[[Maps], None]], ...] = (
    ("assign", lambda m: m.assign_slot(5, 7, "Ethernet0", IN)),
    ("open a", lambda m: m.open_account(A, D1, 5)),
    ("open b", lambda m: m.open_account(B, D1, 5)),
    ("release", lambda m: m.release_slot(5)),
    ("assign other slot", lambda m: m.assign_slot(6, 8, "Ethernet0", IN)),
    ("go on", lambda m: m.open_account(A, D1, 6)),
    ("reuse", lambda m: m.assign_slot(5, 9, "Ethernet4", OUT)),
    ("move", lambda m: m.open_account(A, D1, 5)),
    ("other question", lambda m: m.open_account(B, D2, 6)),
    ("freeze", lambda m: m.freeze_account(A)),
    ("take over", lambda m: m.assign_slot(6, 10, "Ethernet8", IN)),
    ("close", lambda m: m.close_account(B)),
)


CALLS = 24  # that change something in all steps


@pytest.fixture
def pins() -> Iterator[Path]:
    with bpffs() as place, loaded(place / "telegen"):
        yield place / "telegen"


def agent(pins: Path) -> Maps:
    return Maps({name: libbpf.obj_get(str(pins / name)) for name in MAPS})


class World(Wire):
    """Filters on all assigned slots; a new start time of a slot or an account begins a new count."""

    def __init__(self, pin_dir: Path) -> None:
        super().__init__(pin_dir, ())
        self.attach(pin_dir)
        self.slot_starts: dict[int, int] = {}
        self.account_starts: dict[AccountKey, int] = {}

    def send(self) -> None:
        self.look()
        super().send()

    def look(self) -> None:
        """Read the pinned rows, as a next agent would."""
        fresh = agent(self.pin_dir)
        slots = {index: slot.start_ns for index, slot in fresh.slots().items()}
        accounts = {key: account.start_ns for key, account in fresh.accounts().items()}
        fresh.close()
        for index in [index for index, start in slots.items() if self.slot_starts.get(index) != start]:
            self.by_slot.pop(index, None)
        for key in [key for key, start in accounts.items() if self.account_starts.get(key) != start]:
            self.by_account.pop(key, None)
        self.slots, self.slot_starts, self.account_starts = tuple(slots), slots, accounts

    def check(self, maps: Maps) -> None:
        self.look()
        sample = maps.sample()
        assert totals(sample) == self.packets
        assert by_slot(sample) == {slot: self.by_slot.get(slot, 0) for slot in maps.slots()}
        assert by_account(sample) == {key: self.by_account.get(key, 0) for key in maps.accounts()}
        for account in maps.accounts().values():
            assert account.slot == 0 or account.slot in maps.slots()


def run(world: World, maps: Maps, first: int) -> int:
    """Take the steps from ``first`` on; how many were finished is told by the exception's note."""
    for number, (name, step) in enumerate(STEPS[first:], first):
        try:
            step(maps)
        except Crash as crash:
            crash.add_note(f"{number} {name}")
            raise
        world.send()
    return len(STEPS)


def test_no_crash(pins: Path) -> None:
    world, maps = World(pins), agent(pins)
    try:
        with crashing(None, world.send) as calls:
            run(world, maps, 0)
        world.check(maps)
        assert calls.count > len(STEPS), "some steps are more than one call, else this proves nothing"
        assert maps.accounts()[A].slot == 0
        assert B not in maps.accounts()
    finally:
        maps.close()
        world.detach()


@pytest.mark.parametrize("limit", range(1, CALLS + 1))
def test_crash_after_each_call(pins: Path, limit: int) -> None:
    """The step that was broken off is taken again by the next agent, as the next pass would plan it."""
    world, maps = World(pins), agent(pins)
    try:
        with pytest.raises(Crash) as crash, crashing(limit, world.send):
            run(world, maps, 0)
        maps.close()
        maps = agent(pins)
        world.check(maps)
        for _ in range(3):
            world.send()
        world.check(maps)
        with crashing(None, world.send):
            run(world, maps, int(crash.value.__notes__[0].split()[0]))
        world.check(maps)
        assert {index: slot.name for index, slot in maps.slots().items()} == {5: "Ethernet4", 6: "Ethernet8"}
        assert list(maps.accounts()) == [A]
    finally:
        maps.close()
        world.detach()


def test_the_limits_above_cover_every_call(pins: Path) -> None:
    world, maps = World(pins), agent(pins)
    try:
        with crashing(None) as calls:
            run(world, maps, 0)
        assert calls.count == CALLS
    finally:
        maps.close()
        world.detach()


def test_a_call_that_fails_leaves_what_the_kernel_has(pins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in mid-operation is no crash: the agent goes on, and must not remember what was not written."""
    maps = agent(pins)
    try:
        maps.assign_slot(5, 7, "Ethernet0", IN)
        maps.open_account(A, D1, 5)
        real = libbpf.update
        for allowed in range(3):
            left = [allowed]

            def update(fd: int, key: bytes, value: bytes, flags: int = 0, left: list[int] = left) -> None:
                if not left[0]:
                    raise KernelError("update", "map", 12, "no memory")
                left[0] -= 1
                real(fd, key, value, flags)

            with monkeypatch.context() as patch:
                patch.setattr(libbpf, "update", update)
                with pytest.raises(KernelError):
                    maps.assign_slot(5, 9, "Ethernet4", OUT)
            other = agent(pins)
            assert (maps.slots(), maps.accounts()) == (other.slots(), other.accounts())
            other.close()
        maps.assign_slot(5, 9, "Ethernet4", OUT)
        assert maps.slots()[5].name == "Ethernet4"
    finally:
        maps.close()
