"""Results of jobs to rows of ``TELEGEN_RESULT_TABLE``, and those to what the doors show. Pure; rubbish never raises.

A row grows with each reading and keeps what a reading does not know: the last one of a job that ended has no flows any
more, and an agent that begins anew has none yet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sonic_telegen.db import codec, sessions, view
from sonic_telegen.db.codec import Row, printable
from sonic_telegen.model.match import PROTOCOLS
from sonic_telegen.model.result import SHOWN_FLOWS, JobResult
from sonic_telegen.model.sample import CLASSES, Counters, FlowRecord, JobSample

EXPORT = ("endpoint", "last_success", "last_error", "failures")  # of the agent's otlp_ fields
FLOW_TEXTS = ("source", "destination", "protocol", "tcp_flags")
FLOW_WHOLES = ("source_port", "destination_port", "dscp", "vlan", "packets", "bytes")
FLOW_TIMES = ("first_at", "last_at")
CAPTURE = ("captured", "capture_lost")
MIRROR = ("mirrored", "mirror_failed")

_FLAGS = "FSRPAUEC"  # FIN, SYN, RST, PSH, ACK, URG, ECE, CWR from bit 0 on
_NAMES = {number: name for name, number in PROTOCOLS.items()}


def result_row(result: JobResult, before: Row | None) -> dict[str, str]:
    """The row, written over ``before`` when that is of the same run; a run that ended keeps its last row."""
    started = codec.timestamp(result.started_ns)
    row = dict(before) if before is not None and before.get("started_at") == started else {}
    if result.ended and row.get("final") == "true":
        return row
    rate = result.sample_rate or codec.parse_whole(row.get("sample_rate", "")) or 1
    row |= {
        "started_at": started,
        "window_ms": str(max(0, result.until_ns - result.started_ns) // 1_000_000),
        "final": "true" if result.ended else "false",
        "sample_rate": str(rate),
    }
    for name, counted in zip(CLASSES, result.classes, strict=True):
        row[f"{name}_packets"], row[f"{name}_bytes"] = str(counted.packets), str(counted.bytes)
        if counted.histogram:
            row[f"{name}_histogram"] = ",".join(map(str, counted.histogram))
    return row if result.own is None else row | _kept(result.own, rate, row)


def _kept(own: JobSample, rate: int, row: Row) -> dict[str, str]:
    """What the job's own program kept; of bursts the greatest of the run."""
    more = {"sampled_packets": str(own.sampled.packets), "sampled_bytes": str(own.sampled.bytes)}
    more |= {"captured": str(own.captured), "capture_lost": str(own.capture_lost)}
    more |= {"mirrored": str(own.mirrored), "mirror_failed": str(own.mirror_failed)}
    if own.tracks:
        top = [_told(record, rate) for record in own.top[:SHOWN_FLOWS]]
        more |= {"flows": str(own.flows), "top_flows": json.dumps(top, separators=(",", ":"))}
        more |= _pair("flow", own.held, rate)
        more |= _pair("flows_untracked", own.untracked, rate, "flows_untracked")
        more |= _pair("flows_evicted", own.evicted, rate, "flows_evicted")
    more |= sessions.kept(own)
    if own.burst is not None and own.burst.bytes > (codec.parse_whole(row.get("burst_bytes", "")) or 0):
        more |= {"burst_bytes": str(own.burst.bytes), "burst_packets": str(own.burst.packets)}
        more["burst_at"] = codec.timestamp(own.burst.at_ns)
    return more


def _pair(name: str, counted: Counters, rate: int, packets: str = "") -> dict[str, str]:
    return {packets or f"{name}_packets": str(rate * counted.packets), f"{name}_bytes": str(rate * counted.bytes)}


def _told(record: FlowRecord, rate: int) -> dict[str, Any]:
    flow = record.flow
    flags = "".join(letter for bit, letter in enumerate(_FLAGS) if record.tcp_flags >> bit & 1)
    return {
        "source": flow.source,
        "source_port": flow.source_port,
        "destination": flow.destination,
        "destination_port": flow.destination_port,
        "protocol": _NAMES.get(flow.protocol, str(flow.protocol)),
        "dscp": flow.dscp,
        "vlan": flow.vlan,
        "packets": rate * record.packets,
        "bytes": rate * record.bytes,
        "tcp_flags": flags,
        "first_at": codec.timestamp(record.first_ns),
        "last_at": codec.timestamp(record.last_ns),
    }


def shown(job: Mapping[str, Any], row: Row, agent: Mapping[str, Any]) -> dict[str, Any]:
    """All that is known of what a job found.

    Args:
        job: as ``view.job`` has it.
        row: its result row, empty when there is none; one of an earlier run is taken for none.
        agent: as ``view.agent`` has it.
    """
    began = view.time(row.get("started_at", ""))
    mine: Row = row if began is not None and began == job["started_at"] else {}
    return {
        **{name: job[name] for name in ("job_id", "status", "started_at", "updated_at", "packets", "bytes")},
        "window_ms": _whole(mine, "window_ms") if mine else _window(job),
        "final": mine.get("final") == "true",
        "classes": {name: _counted(name, mine) for name in CLASSES} if mine else None,
        "sample_rate": _whole(mine, "sample_rate") or 1,
        "sampled": _packets(mine, "sampled_packets", "sampled_bytes"),
        "flows": _flows(mine),
        "sessions": sessions.shown(mine),
        "burst": _burst(mine),
        "capture": {name: _whole(mine, name) or 0 for name in CAPTURE} if "captured" in mine else None,
        "mirror": {name: _whole(mine, name) or 0 for name in MIRROR} if "mirrored" in mine else None,
        "export": {name: agent[f"otlp_{name}"] for name in EXPORT},
    }


def _window(job: Mapping[str, Any]) -> int | None:
    began, until = (codec.parse_timestamp(job[name] or "") for name in ("started_at", "updated_at"))
    return max(0, until - began) // 1_000_000 if began and until else None


def _whole(row: Row, name: str) -> int | None:
    return codec.parse_whole(row.get(name, ""))


def _packets(row: Row, packets: str, octets: str) -> dict[str, int] | None:
    counted = _whole(row, packets)
    return None if counted is None else {"packets": counted, "bytes": _whole(row, octets) or 0}


def _counted(cls: str, row: Row) -> dict[str, Any]:
    counters = view.counters(cls, row)
    return counters if row.get(f"{cls}_histogram") else counters | {"histogram": None}


def _burst(row: Row) -> dict[str, Any] | None:
    most = _packets(row, "burst_packets", "burst_bytes")
    return None if most is None else most | {"at": view.time(row.get("burst_at", ""))}


def _flows(row: Row) -> dict[str, Any] | None:
    count = _whole(row, "flows")
    if count is None:
        return None
    nothing = {"packets": 0, "bytes": 0}
    return {
        "count": count,
        "held": _packets(row, "flow_packets", "flow_bytes") or nothing,
        "untracked": _packets(row, "flows_untracked", "flows_untracked_bytes") or nothing,
        "evicted": _packets(row, "flows_evicted", "flows_evicted_bytes") or nothing,
        "top": _top(row.get("top_flows", "")),
    }


def _top(text: str) -> list[dict[str, Any]]:
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [_one(item) for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _one(item: Mapping[str, Any]) -> dict[str, Any]:
    wholes = {name: item.get(name) for name in FLOW_WHOLES}
    return {
        **{name: printable(str(item.get(name, ""))) for name in FLOW_TEXTS},
        **{name: n if type(n) is int and n >= 0 else 0 for name, n in wholes.items()},
        **{name: view.time(str(item.get(name, ""))) for name in FLOW_TIMES},
    }
