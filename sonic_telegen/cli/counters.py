"""Tables of counters and rates, ours beside the ASIC's. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sonic_telegen.cli.tables import ABSENT, grid, shown
from sonic_telegen.model.sample import CLASSES

Hook = Mapping[str, Any]  # of view.interfaces, with what is said below

ASIC_NOTE = (
    "ASIC_PKTS: what the switch counted on the port, CPU_SEEN: how much of it passed the netdev and so the agent."
)
NOT_COMPARED = "ASIC_PKTS counts since the switch started, the agent since it attached: to compare both, begin anew: "


def totals(hooks: Sequence[Hook], aliases: Mapping[str, str]) -> str:
    """Packets and bytes, packets by class, and ``asic_packets`` with ``cpu_percent`` beside them."""
    headers = ["IFACE", "DIR", "PACKETS", "BYTES", *map(str.upper, CLASSES), "ASIC_PKTS", "CPU_SEEN"]
    rows = [
        [
            *_place(hook, aliases),
            shown(hook["packets"]),
            shown(hook["bytes"]),
            *(shown(hook["classes"][name]["packets"]) for name in CLASSES),
            shown(hook["asic_packets"]),
            percent(hook["cpu_percent"]),
        ]
        for hook in hooks
    ]
    return grid(headers, rows, numbers=True)


def rates(hooks: Sequence[Hook], aliases: Mapping[str, str]) -> str:
    """Packets and bits a second of each hook and class, and the ASIC's packets a second."""
    by_class = [f"{name.upper()} {unit}" for name in CLASSES for unit in ("PPS", "BPS")]
    rows = [
        [
            *_place(hook, aliases),
            *_pair(hook),
            *(cell for name in CLASSES for cell in _pair(hook["classes"][name])),
            pps(hook["asic_packets_per_second"]),
            percent(hook["cpu_percent"]),
        ]
        for hook in hooks
    ]
    return grid(["IFACE", "DIR", "PPS", "BPS", *by_class, "ASIC PPS", "CPU_SEEN"], rows, numbers=True)


def totals_per_second(hooks: Sequence[Hook], aliases: Mapping[str, str]) -> str:
    """Rates of each hook in a narrow table, packets a second of each class among them."""
    rows = [
        [*_place(hook, aliases), *_pair(hook), *(pps(hook["classes"][name]["packets_per_second"]) for name in CLASSES)]
        for hook in hooks
    ]
    return grid(["IFACE", "DIR", "PPS", "BPS", *map(str.upper, CLASSES)], rows, numbers=True)


def pps(value: float | None) -> str:
    """Packets a second."""
    return ABSENT if value is None else f"{value:,.1f}/s"


def bps(value: float | None) -> str:
    """Bits a second."""
    if value is None:
        return ABSENT
    for unit in ("b", "kb", "Mb", "Gb"):
        if value < 999.995 or unit == "Gb":
            break
        value /= 1000
    return f"{value:,.2f} {unit}/s"


def percent(value: float | None) -> str:
    """A share; one that rounds to nothing and is not says so."""
    if value is None:
        return ABSENT
    return "<0.01 %" if 0 < value < 0.005 else f"{value:.2f} %"


def _pair(counts: Mapping[str, Any]) -> tuple[str, str]:
    return pps(counts["packets_per_second"]), bps(counts["bits_per_second"])


def _place(hook: Hook, aliases: Mapping[str, str]) -> tuple[str, str]:
    name = hook["interface"]
    return shown(aliases.get(name, name)), hook["direction"]
