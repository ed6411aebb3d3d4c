"""Rates between two readings of the counters, ours beside the ASIC's. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Key = tuple[str, str]  # netdev, direction


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one moment.

    Attributes: ``told`` when the agent had read them (Unix s), ``hooks`` as ``view.interfaces`` gives them, ``asic``
    the packets that COUNTERS_DB has for a port and direction, read at ``read`` (Unix s).
    """

    told: float
    hooks: Sequence[Mapping[str, Any]]
    asic: Mapping[Key, int] = field(default_factory=dict)
    read: float = 0.0


def key(hook: Mapping[str, Any]) -> Key:
    """What identifies a hook in a reading."""
    return hook["interface"], hook["direction"]


def rates(before: Reading, after: Reading) -> list[dict[str, Any]]:
    """Packets and bits a second of every hook of ``after``.

    None where there is none: a hook that is new, counters that began anew in between, a port that the ASIC does not
    count.
    """
    old = {key(hook): hook for hook in before.hooks}
    return [_rate(old.get(key(hook)), hook, before, after) for hook in after.hooks]


def percent(part: float | None, whole: float | None) -> float | None:
    """``part`` of ``whole`` in percent; None where there is nothing to compare."""
    return None if part is None or not whole else 100 * part / whole


def _rate(old: Mapping[str, Any] | None, new: Mapping[str, Any], before: Reading, after: Reading) -> dict[str, Any]:
    length = after.told - before.told
    same = old is not None and old["ifindex"] == new["ifindex"] and length > 0
    classes = {
        name: _per_second(old["classes"][name] if same and old else None, now, length)
        for name, now in new["classes"].items()
    }
    total = _per_second(old if same else None, new, length)
    asic = _asic(key(new), before, after)
    return {
        "interface": new["interface"],
        "direction": new["direction"],
        **total,
        "classes": classes,
        "asic_packets_per_second": asic,
        "cpu_percent": percent(total["packets_per_second"], asic),
    }


def _per_second(old: Mapping[str, Any] | None, new: Mapping[str, Any], length: float) -> dict[str, float | None]:
    packets = new["packets"] - old["packets"] if old else -1
    octets = new["bytes"] - old["bytes"] if old else -1
    if packets < 0 or octets < 0:
        return {"packets_per_second": None, "bits_per_second": None}
    return {"packets_per_second": packets / length, "bits_per_second": 8 * octets / length}


def _asic(where: Key, before: Reading, after: Reading) -> float | None:
    length = after.read - before.read
    if length <= 0 or where not in before.asic or where not in after.asic:
        return None
    grown = after.asic[where] - before.asic[where]
    return grown / length if grown >= 0 else None
