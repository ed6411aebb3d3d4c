"""How CONFIG_DB spells keys of several parts, list fields and rows without fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Key: TypeAlias = "str | tuple[str, ...]"
Typed: TypeAlias = "dict[str, Any]"  # values: str, or list[str] of a field that is stored as ``name@``
Raw: TypeAlias = "dict[str, str]"


def raw_to_typed(raw_data: Mapping[str, str] | None) -> Typed | None:
    """A stored row as a dict: the placeholder ``NULL`` dropped, ``x@`` split to a list (``""`` -> ``[""]``)."""
    if raw_data is None:
        return None
    typed: Typed = {}
    for field, value in raw_data.items():
        if field == "NULL":
            continue
        if field.endswith("@"):
            typed[field[:-1]] = value.split(",")
        else:
            typed[field] = value
    return typed


def typed_to_raw(typed_data: Mapping[str, Any] | None) -> Raw:
    """A dict as it is stored: None -> ``{}`` (no row), ``{}`` -> the placeholder, lists joined, all else ``str()``.

    TypeError for list items that are no str.
    """
    if typed_data is None:
        return {}
    if not typed_data:
        return {"NULL": "NULL"}
    raw: Raw = {}
    for field, value in typed_data.items():
        if type(value) is list:
            raw[field + "@"] = ",".join(value)
        else:
            raw[field] = str(value)
    return raw


def serialize_key(key: object, separator: str = "|") -> str:
    """A tuple joined by the separator, anything else as ``str()``."""
    return separator.join(key) if type(key) is tuple else str(key)


def deserialize_key(key: str, separator: str = "|") -> Key:
    """A tuple if there is a separator in it, else the key as it is."""
    parts = key.split(separator)
    return tuple(parts) if len(parts) > 1 else key


def upper(table: str) -> str:
    """ASCII letters in upper case, all else as it is (C's toupper)."""
    return table.translate(_UPPER)


class KeyFunction:
    """A key function: ``f(key, separator='|')`` on the class, ``f(key)`` with its own separator on an object."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Callable[..., Any]:
        if instance is None:
            return self._function
        return lambda key: self._function(key, instance.KEY_SEPARATOR)


_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
