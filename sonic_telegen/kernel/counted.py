"""What an operator's maps hold: every entry of the kinds that can be read, CPUs added up, zeros left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.compiler import Table
from sonic_telegen.kernel.described import decode, is_zero, summed

_PLAIN = {1: "hash", 2: "array", 9: "lru_hash"}  # enum bpf_map_type
_PER_CPU = {5: "percpu_hash", 6: "percpu_array", 10: "lru_percpu_hash"}
_ARRAYS = (2, 6)
KINDS = _PLAIN | _PER_CPU


@dataclass(frozen=True, slots=True)
class Counted:
    """A map's entries, as JSON-able keys and values."""

    name: str
    kind: str
    entries: tuple[tuple[Any, Any], ...]


def unreadable(tables: Sequence[Table]) -> list[str]:
    """Names of maps whose content cannot be told."""
    return [table.name for table in tables if libbpf.map_info(table.fd).type not in KINDS]


def read(tables: Sequence[Table]) -> list[Counted]:
    """All maps, in the order of the source."""
    found = []
    for table in tables:
        info = libbpf.map_info(table.fd)
        if info.type in KINDS:
            rows = sorted(_entries(table, info), key=lambda row: _order(row[0]))
            found.append(Counted(table.name, KINDS[info.type], tuple(rows)))
    return found


def _order(key: Any) -> tuple[Any, ...]:
    if isinstance(key, dict):
        return tuple(part for value in key.values() for part in _order(value))
    return (0, key, "") if isinstance(key, int) else (1, 0, str(key))


def _entries(table: Table, info: libbpf.MapInfo) -> Iterator[tuple[Any, Any]]:
    per_cpu = info.type in _PER_CPU
    stride = (info.value_size + 7) // 8 * 8
    size = libbpf.percpu_size(info.value_size) if per_cpu else info.value_size
    for key in libbpf.keys(table.fd):
        raw = libbpf.lookup(table.fd, key, size)
        if raw is None:  # gone since
            continue
        parts = [raw[at : at + info.value_size] for at in range(0, size, stride)] if per_cpu else [raw]
        value = summed([decode(table.leaf, part) for part in parts])
        if info.type not in _ARRAYS or not is_zero(value):
            yield decode(table.key, key), value
