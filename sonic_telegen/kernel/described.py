"""Keys and values of an operator's maps as JSON-able values, by bcc's description of their C types. Pure.

A description is a type's name, or ``[name, [[field, type], [field, type, [count]] or [field, type, bits], …], kind]``.
"""

from __future__ import annotations

import sys
from typing import Any

_SIZES = {"char": 1, "_Bool": 1, "short": 2, "int": 4, "float": 4, "long": 8, "double": 8, "__int128": 16}


def decode(description: Any, raw: bytes) -> Any:
    """A number, a dict of fields, a list, text for an array of char; hexadecimal digits for what is not understood."""
    try:
        found, _ = _read(description, raw, 0)
    except (ValueError, KeyError, TypeError, IndexError):
        return raw.hex()
    return found


def summed(values: list[Any]) -> Any:
    """What all CPUs hold together: numbers are added up, fields each for itself; of anything else the first is told."""
    first = values[0]
    if isinstance(first, bool):
        return any(values)
    if isinstance(first, int):
        return sum(values)
    if isinstance(first, dict):
        return {name: summed([value[name] for value in values]) for name in first}
    if isinstance(first, list):
        return [summed(list(column)) for column in zip(*values, strict=True)]
    return next(filter(None, values), first)


def is_zero(value: Any) -> bool:
    """Whether nothing was counted in it."""
    if isinstance(value, dict):
        return all(map(is_zero, value.values()))
    return all(map(is_zero, value)) if isinstance(value, list) else not value


def _read(description: Any, raw: bytes, at: int, packed: bool = False) -> tuple[Any, int]:
    """The value that begins at or behind ``at``, and where it ends."""
    if isinstance(description, str):
        size, signed = _scalar(description)
        at = at if packed else _aligned(at, size)
        if at + size > len(raw):
            raise ValueError("too short")
        number = int.from_bytes(raw[at : at + size], sys.byteorder, signed=signed)
        return bool(number) if description == "_Bool" else number, at + size
    _, fields, *kind = description
    if kind and kind[0] not in ("struct", "struct_packed"):
        raise ValueError("a union")
    packed = kind == ["struct_packed"]  # bcc's usual: its padding is among the fields
    at = at if packed else _aligned(at, _alignment(description))
    found = {}
    for name, type_, *more in fields:
        if more and not isinstance(more[0], list):
            raise ValueError("a bit field")
        found[name], at = _array(type_, more[0], raw, at, packed) if more else _read(type_, raw, at, packed)
    return {name: value for name, value in found.items() if not name.startswith("__pad_")}, at


def _array(type_: Any, counts: list[int], raw: bytes, at: int, packed: bool) -> tuple[Any, int]:
    count, *inner = counts
    items = []
    for _ in range(count):
        item, at = _array(type_, inner, raw, at, packed) if inner else _read(type_, raw, at, packed)
        items.append(item)
    if type_ in ("char", "signed char") and not inner:
        return bytes(item & 255 for item in items).partition(b"\0")[0].decode(errors="replace"), at
    return items, at


def _scalar(name: str) -> tuple[int, bool]:
    words = name.split()
    if "float" in words or "double" in words or "*" in name:
        raise ValueError("no number")
    size = next(_SIZES[word] for word in (*reversed(words), "int") if word in _SIZES)
    if words.count("long") and "int" in words:
        size = 8
    if "short" in words:
        size = 2
    return size, "unsigned" not in words and name != "_Bool"


def _alignment(description: Any) -> int:
    if isinstance(description, str):
        return _scalar(description)[0]
    return max((_alignment(field[1]) for field in description[1]), default=1)


def _aligned(at: int, size: int) -> int:
    return (at + size - 1) // size * size
