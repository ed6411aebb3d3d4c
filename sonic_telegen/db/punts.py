"""Rows of ``TELEGEN_PUNT_TABLE``, and those to what the doors show. Pure; rubbish never raises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sonic_telegen.db import codec, schema, view
from sonic_telegen.db.codec import Row, printable
from sonic_telegen.model.punt import BYTES, PACKETS, PuntStatus
from sonic_telegen.model.sample import PUNT_PROTOCOLS

RATES = ("packets_per_second", "bits_per_second")
MOST_RATE = 1e15  # of either; more is rubbish


def punt_row(told: PuntStatus, now_ns: int) -> dict[str, str]:
    """The row; empty texts for what is not known, a group without ``cir`` for one without a limit."""
    policer = told.policer
    return {
        "ifindex": str(told.ifindex),
        "packets": str(told.counted.packets),
        "bytes": str(told.counted.bytes),
        "pps": _number(told.pps),
        "bps": _number(told.bps),
        "trap_group": printable(policer.group) if policer else "",
        "cir": str(policer.cir) if policer and policer.cir is not None else "",
        "meter": policer.meter if policer else "",
        "updated_at": codec.timestamp(now_ns),
    }


def _number(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.3f}".rstrip("0").rstrip(".")


def shown(rows: Mapping[str, Row]) -> dict[str, list[dict[str, Any]]]:
    """``punt``: every row by its key ``netdev|protocol``; ``groups``: trap groups, over all these rows; worst first."""
    listed = []
    for key, row in rows.items():
        name, _, protocol = key.rpartition(schema.SEPARATOR)
        if name and protocol in PUNT_PROTOCOLS:
            listed.append(_shown(name, protocol, row))
    return {"punt": sorted(listed, key=_rank), "groups": sorted(_groups(listed), key=_rank)}


def _shown(name: str, protocol: str, row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {
        "interface": printable(name),
        "ifindex": codec.parse_whole(row.get("ifindex", "")) or 0,
        "protocol": protocol,
        "packets": codec.parse_whole(row.get("packets", "")) or 0,
        "bytes": codec.parse_whole(row.get("bytes", "")) or 0,
        "packets_per_second": _rate(row.get("pps", "")),
        "bits_per_second": _rate(row.get("bps", "")),
        "trap_group": printable(row.get("trap_group", "")) or None,
        "cir": codec.parse_whole(row.get("cir", "")),
        "meter": BYTES if row.get("meter") == BYTES else PACKETS,
    }
    return found | {"used_percent": _used(found), "updated_at": view.time(row.get("updated_at", ""))}


def _rate(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 <= found <= MOST_RATE else None


def _used(found: Mapping[str, Any]) -> float | None:
    """The rate in percent of the CIR; None where one of them is not known."""
    packets, bits = (found[name] for name in RATES)
    rate = packets if found["meter"] == PACKETS else None if bits is None else bits / 8
    return None if rate is None or not found["cir"] else 100 * rate / found["cir"]


def _groups(listed: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    members: dict[str, list[Mapping[str, Any]]] = {}
    for item in listed:
        if item["trap_group"] is not None:
            members.setdefault(item["trap_group"], []).append(item)
    found = []
    for group, items in members.items():
        told = {item["protocol"] for item in items}
        added: dict[str, Any] = {
            "trap_group": group,
            "protocols": [protocol for protocol in PUNT_PROTOCOLS if protocol in told],
            "cir": items[0]["cir"],
            "meter": items[0]["meter"],
            **{name: _sum(item[name] for item in items) for name in RATES},
        }
        found.append(added | {"used_percent": _used(added)})
    return found


def _sum(rates: Iterable[float | None]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None


def _rank(item: Mapping[str, Any]) -> tuple[Any, ...]:
    """Worst first: by what is used of the CIR, then by rate, then by name."""
    used, rate = (-1.0 if item[name] is None else item[name] for name in ("used_percent", RATES[0]))
    return (-used, -rate, view.natural(item.get("interface", "")), item.get("protocol", item["trap_group"]))
