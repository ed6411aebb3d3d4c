"""The pinned maps as kernel objects: which shape each has, made, checked, and read whole."""

from __future__ import annotations

import errno
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sonic_telegen.errors import KernelError
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.failure import kernel_error
from sonic_telegen.kernel.layout import MAGIC, Layout
from sonic_telegen.kernel.pins import ACCOUNTS, BASE, IF_STATS, META, PRIOR, PROGRAMS, PUNT, STATS, PinDir
from sonic_telegen.kernel.rows import (
    KEY_SIZE,
    MAX_ACCOUNTS,
    META_SIZE,
    VALUE_SIZE,
    AccountRow,
    BaseRow,
    base_size,
    is_assigned,
    pack_key,
    unpack_key,
    unpack_meta,
)
from sonic_telegen.model.kernel import AccountKey

PUNT_SIZE, PUNT_SLOTS = 256, 2048  # struct tg_punts, TG_PUNT_SLOTS: the same in every layout
_TYPES = {libbpf.HASH: "hash", libbpf.ARRAY: "array", libbpf.PERCPU_ARRAY: "percpu_array"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What must be equal for a map to be the one that is meant; sizes in bytes."""

    type: int
    key_size: int
    value_size: int
    max_entries: int

    def __str__(self) -> str:
        kind = _TYPES.get(self.type, f"type {self.type}")
        return f"{kind} of {self.max_entries} x {self.value_size} bytes (key {self.key_size})"


def shape(name: str, layout: Layout) -> Shape:
    """The shape of the map with that pin name under a layout."""
    return {
        STATS: Shape(libbpf.PERCPU_ARRAY, 4, layout.total_size, layout.classes),
        IF_STATS: Shape(libbpf.PERCPU_ARRAY, 4, layout.slot_size, layout.slots),
        PRIOR: Shape(libbpf.PERCPU_ARRAY, 4, layout.slot_size, layout.slots),
        META: Shape(libbpf.ARRAY, 4, META_SIZE, 1),
        BASE: Shape(libbpf.ARRAY, 4, base_size(layout), layout.slots),
        PUNT: Shape(libbpf.PERCPU_ARRAY, 4, PUNT_SIZE, PUNT_SLOTS),
        ACCOUNTS: Shape(libbpf.HASH, KEY_SIZE, VALUE_SIZE, MAX_ACCOUNTS),
    }[name]


def make(name: str, layout: Layout) -> int:
    """A new map, not pinned; the descriptor is the caller's."""
    s = shape(name, layout)
    flags = libbpf.F_NO_PREALLOC if s.type == libbpf.HASH else 0  # else 65,536 accounts would take 13 MB at once
    return libbpf.map_create(s.type, name, s.key_size, s.value_size, s.max_entries, flags)


def need_kind(name: str, fd: int, where: str) -> None:
    """Raise ``Conflict`` when a program is pinned where a map belongs, or the other way round."""
    kind, wanted = libbpf.kind(fd), "prog" if name in PROGRAMS else "map"
    if kind != wanted:
        raise _stranger(where, f"it is a {kind} where a {wanted} belongs")


def need(name: str, fd: int, where: str, layout: Layout) -> None:
    """Raise ``Conflict`` when the map pinned at ``where`` has not the shape that the layout says."""
    i = libbpf.map_info(fd)
    found, wanted = Shape(i.type, i.key_size, i.value_size, i.max_entries), shape(name, layout)
    if found != wanted:
        raise _stranger(where, f"it is a {found} where a {wanted} belongs")


def _stranger(where: str, problem: str) -> KernelError:
    remedy = "remove that pin, or all with `sonic-telegen detach --all` (counters then begin again)"
    return kernel_error("use pin", where, errno.EEXIST, remedy, problem)


def read_meta(fd: int, where: str) -> tuple[Layout, int]:
    """Layout of the counter maps and start time of the totals (Unix ns). ``KernelError`` when it is none of ours."""
    i = libbpf.map_info(fd)
    if (i.type, i.key_size) != (libbpf.ARRAY, 4):
        raise _stranger(where, f"it is no array but {_TYPES.get(i.type, f'type {i.type}')}")
    return unpack_meta(libbpf.lookup(fd, index_key(0), i.value_size) or b"", where)


def meta_version(fd: int) -> int:
    """Version of the layout, readable also when a later build made the row another size; 0 when it is none of ours."""
    i = libbpf.map_info(fd)
    raw = libbpf.lookup(fd, index_key(0), i.value_size) if (i.type, i.key_size) == (libbpf.ARRAY, 4) else None
    magic, version = struct.unpack_from("=II", (raw or b"").ljust(8, b"\0"))
    return version if magic == MAGIC else 0


def need_all(pins: PinDir, fds: Mapping[str, int], names: Collection[str]) -> Layout:
    """See that the maps have the shapes which the layout in ``meta`` says, before anything reads them by it."""
    layout, _ = read_meta(fds[META], pins.at(META))
    for name in names:
        need(name, fds[name], pins.at(name), layout)
    return layout


def index_key(index: int) -> bytes:
    """The key of an array's entry."""
    return struct.pack("=I", index)


def read_base(fd: int, layout: Layout) -> dict[int, BaseRow]:
    """Rows of ``base``: row 0 (the totals') and those of assigned slots."""
    size = base_size(layout)
    raw = memoryview(libbpf.read_array(fd, size, layout.slots, per_cpu=False))
    rows = {index: raw[index * size : (index + 1) * size] for index in range(layout.slots)}
    return {index: BaseRow.unpack(row) for index, row in rows.items() if index == 0 or is_assigned(row)}


def read_accounts(fd: int) -> dict[AccountKey, AccountRow]:
    """All rows of ``accounts``."""
    found = {}
    for key in libbpf.keys(fd):
        value = libbpf.lookup(fd, key, VALUE_SIZE)
        if value is not None:
            found[unpack_key(key)] = AccountRow.unpack(value)
    return found


def drop_accounts(fd: int, slots: Collection[int]) -> int:
    """Forget accounts that count in a slot not among ``slots``: their total cannot be known. How many there were."""
    lost = [key for key, row in read_accounts(fd).items() if row.slot and row.slot not in slots]
    for key in lost:
        libbpf.delete(fd, pack_key(key))
    return len(lost)
