"""Tables of control protocols by port and of the trap groups that police them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sonic_telegen.cli.counters import bps, percent, pps
from sonic_telegen.cli.tables import grid, shown
from sonic_telegen.model.punt import BYTES

Shown = Mapping[str, Any]  # as db.punts.shown has it

UNKNOWN = "unknown"
RATE_NOTE = "PPS and BPS are those between the agent's last two readings; USED is the part of the CIR that they take."
GROUP_NOTE = "The CIR of a group is for all of its protocols on all ports together: the lower table adds them up."
UNKNOWN_NOTE = (
    f"{UNKNOWN}: CoPP's configuration has no trap in force for the protocol, or the agent finds none "
    "(TELEGEN_COPP_CFG; COPP_TRAP, COPP_GROUP and FEATURE in CONFIG_DB)."
)


def protocols(rows: Sequence[Shown], aliases: Mapping[str, str]) -> str:
    """A line for each protocol on each port."""
    headers = ("IFACE", "PROTOCOL", "PACKETS", "PPS", "BPS", "GROUP", "CIR", "USED")
    lines = [
        (
            shown(aliases.get(row["interface"], row["interface"])),
            row["protocol"],
            shown(row["packets"]),
            *_rates(row),
            shown(row["trap_group"] or UNKNOWN),
            cir(row),
            percent(row["used_percent"]),
        )
        for row in rows
    ]
    return grid(headers, lines, numbers=True)


def groups(rows: Sequence[Shown]) -> str:
    """A line for each trap group."""
    lines = [
        (shown(row["trap_group"]), ", ".join(row["protocols"]), *_rates(row), cir(row), percent(row["used_percent"]))
        for row in rows
    ]
    return grid(("GROUP", "PROTOCOLS", "PPS", "BPS", "CIR", "USED"), lines, numbers=True)


def cir(row: Shown) -> str:
    """What a group lets pass in a second."""
    if row["trap_group"] is None:
        return UNKNOWN
    if row["cir"] is None:
        return "none"
    return f"{row['cir']:,} B/s" if row["meter"] == BYTES else f"{row['cir']:,}/s"


def _rates(row: Shown) -> tuple[str, str]:
    return pps(row["packets_per_second"]), bps(row["bits_per_second"])
