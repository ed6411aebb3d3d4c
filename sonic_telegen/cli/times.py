"""Moments as people read them."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime

from sonic_telegen.db import codec

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def now() -> float:
    """Unix s."""
    return time.time()


def seconds(told: str | None) -> float | None:
    """Unix s of an RFC 3339 time, None when it is none."""
    found = codec.parse_timestamp(told or "")
    return found / 1e9 if found else None


def text(moment: float | None) -> str | None:
    """RFC 3339 UTC of Unix s; None for None."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def span(length: float) -> str:
    """``5 s``, ``12 min``, ``3 h 12 min``, ``2 d 4 h``: the two largest units, seconds only below a minute."""
    whole = max(0, int(length))
    for (unit, size), (smaller, part) in itertools.pairwise(_UNITS):
        if whole >= size:
            rest = whole % size // part if smaller != "s" else 0
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def ago(told: str | None, at: float) -> str:
    """How long before ``at`` (Unix s) that time was; ``never`` when it is none."""
    found = seconds(told)
    return "never" if found is None else f"{span(at - found)} ago"
