"""What a job found, as ``show telegen job`` and ``flows`` print it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sonic_telegen.cli import times
from sonic_telegen.cli.histogram import bars
from sonic_telegen.cli.tables import clean, grid, pairs, shown

Found = Mapping[str, Any]  # as db.results.shown has it

SESSION_COLUMNS = ("SESSION", "SOURCE", "DESTINATION", "PACKETS", "BYTES", "LOST", "LAST SEEN")
FLOW_COLUMNS = ("SOURCE", "DESTINATION", "PROTO", "DSCP", "VLAN", "PACKETS", "BYTES", "FLAGS", "LAST SEEN")


def results(found: Found, width: int, blocks: bool) -> str:
    """Everything but the flows one by one; empty before the first reading."""
    if found["classes"] is None:
        return ""
    parts = [_classes(found), pairs(_lines(found))]
    sizes = [counted["histogram"] for counted in found["classes"].values() if counted["histogram"]]
    if (sessions := found["sessions"]) is not None and sessions["top"]:
        parts.insert(1, _sessions(sessions))
    total = [sum(column) for column in zip(*sizes, strict=True)]
    if any(total):
        parts.append("\n".join(bars(total, width, blocks)))
    return "\n\n".join(parts)


def _classes(found: Found) -> str:
    seconds = (found["window_ms"] or 0) / 1000
    rows = []
    for name, counted in found["classes"].items():
        rates = [_rate(counted["packets"], seconds), _rate(8 * counted["bytes"], seconds)]
        rows.append([name, shown(counted["packets"]), shown(counted["bytes"]), *rates])
    return grid(("CLASS", "PACKETS", "BYTES", "PPS", "BPS"), rows, numbers=True)


def _rate(count: int, seconds: float) -> str:
    return f"{count / seconds:,.1f}" if seconds else shown(None)


def _lines(found: Found) -> list[tuple[str, str]]:
    state = "ended" if found["final"] else "so far"
    lines = [("window", f"{times.span((found['window_ms'] or 0) / 1000)}, {state}; PPS and BPS are means over it")]
    if found["sampled"] is not None:
        rate = found["sample_rate"]
        every = f", 1 in {rate:,}: flows are scaled by it" if rate > 1 else ""
        lines.append(("sampled", _both(found["sampled"]) + every))
    if (flows := found["flows"]) is not None:
        lines += [
            ("flows", f"{flows['count']:,} in the table, {_both(flows['held'])}"),
            ("untracked", f"{_both(flows['untracked'])} in no flow: too many new ones at once"),
            ("evicted", f"{_both(flows['evicted'])} of flows that the table had to give up"),
        ]
    if (sessions := found["sessions"]) is not None:
        lines.append(
            ("sessions", f"{sessions['count']:,}, {sessions['lost']:,} packets lost by their sequence numbers")
        )
        if sessions["beyond"]["packets"]:
            lines.append(("beyond", f"{_both(sessions['beyond'])} of sessions for which there was no room"))
    if (burst := found["burst"]) is not None:
        lines.append(("burst", f"{_both(burst)} within 1 ms at {shown(burst['at'])}"))
    if (capture := found["capture"]) is not None and any(capture.values()):
        lines.append(("captured", f"{capture['captured']:,} frames, {capture['capture_lost']:,} lost"))
    if (mirror := found["mirror"]) is not None and any(mirror.values()):
        lines.append(("mirrored", f"{mirror['mirrored']:,} packets, {mirror['mirror_failed']:,} failed"))
    return lines


def _sessions(sessions: Found) -> str:
    """The sessions with most packets."""
    rows = [
        (
            str(one["session"]),
            *(clean(one[name]) for name in ("source", "destination")),
            *(shown(one[name]) for name in ("packets", "bytes", "lost", "last_at")),
        )
        for one in sessions["top"]
    ]
    return grid(SESSION_COLUMNS, rows)


def _both(counted: Mapping[str, Any]) -> str:
    return f"{counted['packets']:,} packets, {counted['bytes']:,} bytes"


def flows(found: Found) -> str:
    """The flows with most bytes, and below them what is in none of these."""
    table = found["flows"]
    rows = [
        (
            _end(flow["source"], flow["source_port"]),
            _end(flow["destination"], flow["destination_port"]),
            clean(flow["protocol"]),
            *(shown(flow[name]) for name in ("dscp", "vlan", "packets", "bytes")),
            clean(flow["tcp_flags"]),
            shown(flow["last_at"]),
        )
        for flow in table["top"]
    ]
    told = {name: sum(flow[name] for flow in table["top"]) for name in ("packets", "bytes")}
    rest = {name: max(0, table["held"][name] - told[name]) for name in told}
    lines = [
        ("other flows", _both(rest)),
        ("untracked", _both(table["untracked"])),
        ("evicted", _both(table["evicted"])),
    ]
    if found["sample_rate"] > 1:
        lines.append(("sampled", f"1 in {found['sample_rate']:,}; all numbers here are scaled by it"))
    return f"{grid(FLOW_COLUMNS, rows)}\n\n{pairs(lines)}"


def _end(address: str, port: int) -> str:
    if not address:
        return shown(None)
    name = f"[{address}]" if ":" in address and port else address
    return clean(f"{name}:{port}" if port else name)
