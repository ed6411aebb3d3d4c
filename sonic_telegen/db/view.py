"""Rows to what the doors show: JSON-able values, the same for REST and ``show … --json``. Pure; rubbish never raises.

A time is RFC 3339 text or None. A number that cannot be read is 0 where it counts something, else None. A job's field
that does not hold what it should is shown as its row has it: such a row is rejected, and somebody wants to see why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sonic_telegen.db import codec, schema
from sonic_telegen.db.codec import Row, printable
from sonic_telegen.model.job import Direction, ResultDetail
from sonic_telegen.model.sample import CLASSES, SIZE_BOUNDS
from sonic_telegen.model.status import JobStatus, Status
from sonic_telegen.model.values import TRUTH, Whole

NOT_TOLD = "the agent has not told of it yet"
AGENT_WHOLES = ("pid", "jobs", "jobs_running", "otlp_failures")
AGENT_TRUTHS = ("btf",)
AGENT_TIMES = ("started_at", "otlp_last_success", "updated_at")
AGENT_TEXTS = (
    "version",
    "commit",
    "kernel",
    "loader",
    "loader_reason",
    "attach",
    "otlp_endpoint",
    "otlp_last_error",
    "config_error",
    "listen",
    "listen_error",
    "notice",
)


def job(job_id: str, row: Row | None, status_row: Row | None) -> dict[str, Any]:
    """A job's row joined with its status; ``row`` None when it is gone, ``status_row`` None before anything was told.

    Fields that the row lacks show their default or are left out. ``mirror_mode`` is the one in force,
    ``asked_mirror_mode`` what the row says.
    """
    told = codec.parse_status(job_id, status_row) if status_row else None
    shown: dict[str, Any] = {"job_id": printable(job_id)}
    if row is not None:
        shown |= asked(row)
    elif told is not None:
        shown |= {"port": printable(told.port), "direction": printable(told.direction)}
    return shown | _status(told or JobStatus(job_id, Status.STARTING, message=NOT_TOLD), status_row or {})


def asked(row: Row) -> dict[str, Any]:
    """What a row of ``TELEGEN_JOB`` says, typed."""
    shown: dict[str, Any] = {}
    for name, field in schema.JOB_FIELDS.items():
        if name in row:
            shown[f"asked_{name}" if name == "mirror_mode" else name] = value(field, row[name])
        elif (
            field.default
            and field.available
            and (name != "snaplen" or row.get("result_detail") == ResultDetail.PACKETS)
        ):
            shown[name] = value(field, field.default)
    return shown


def value(field: schema.Field, text: str) -> int | bool | str:
    """A field's text as JSON has it: numbers and truths as such, all else as text."""
    try:
        read = field.type.read(text)
    except ValueError:
        return printable(text)
    if field.type == TRUTH:
        return read == "true"
    return read if isinstance(field.type, Whole) and isinstance(read, int) else printable(text)


def _status(told: JobStatus, row: Row) -> dict[str, Any]:
    return {
        "status": told.status.value,
        "reason": told.reason.value,
        "message": printable(told.message),
        "interface": printable(told.interface),
        "mirror_mode": printable(told.mirror_mode),
        "visibility": told.visibility.value,
        "started_at": time(row.get("started_at", "")),
        "expires_at": time(row.get("expires_at", "")),
        "updated_at": time(row.get("updated_at", "")),
        "packets": max(0, told.packets),
        "bytes": max(0, told.bytes),
        "sample_age_ms": codec.parse_whole(row.get("sample_age_ms", "")),
    }


def jobs(rows: Mapping[str, Row], status_rows: Mapping[str, Row]) -> list[dict[str, Any]]:
    """Every job that has a row or a status, by id."""
    return [job(job_id, rows.get(job_id), status_rows.get(job_id)) for job_id in sorted({*rows, *status_rows})]


def interface(name: str, direction: str, row: Row) -> dict[str, Any]:
    """A hook's counters: in all, and by class with packets by size."""
    classes = {cls: counters(cls, row) for cls in CLASSES}
    return {
        "interface": printable(name),
        "direction": printable(direction),
        "ifindex": codec.parse_whole(row.get("ifindex", "")) or 0,
        "packets": sum(counters["packets"] for counters in classes.values()),
        "bytes": sum(counters["bytes"] for counters in classes.values()),
        "classes": classes,
        "updated_at": time(row.get("updated_at", "")),
    }


def counters(cls: str, row: Row) -> dict[str, Any]:
    """Packets, bytes and packets by size of a class in a row of ours."""
    sizes = [codec.parse_whole(text) or 0 for text in row.get(f"{cls}_histogram", "").split(",")]
    return {
        "packets": codec.parse_whole(row.get(f"{cls}_packets", "")) or 0,
        "bytes": codec.parse_whole(row.get(f"{cls}_bytes", "")) or 0,
        "histogram": sizes if len(sizes) == len(SIZE_BOUNDS) + 1 else [0] * (len(SIZE_BOUNDS) + 1),
    }


def interfaces(rows: Mapping[str, Row]) -> list[dict[str, Any]]:
    """Every hook by its key ``netdev|direction``, ports in natural order; a key that is none is left out."""
    shown = []
    for key in sorted(rows, key=natural):
        name, _, direction = key.rpartition(schema.SEPARATOR)
        if name and direction in [way.value for way in Direction]:
            shown.append(interface(name, direction, rows[key]))
    return shown


def natural(name: str) -> list[tuple[int, int, str]]:
    """For sorting: Ethernet4 goes before Ethernet12."""
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in re.split("([0-9]{1,18})", name)]


def agent(row: Row) -> dict[str, Any]:
    """What the agent says of itself; every name always, with its empty value where the row has none."""
    return {
        **{name: printable(row.get(name, "")) for name in AGENT_TEXTS},
        **{name: codec.parse_whole(row.get(name, "")) or 0 for name in AGENT_WHOLES},
        **{name: row.get(name) == "true" for name in AGENT_TRUTHS},
        **{name: time(row.get(name, "")) for name in AGENT_TIMES},
    }


def time(text: str) -> str | None:
    """The text as RFC 3339 UTC; None when it is no time."""
    return codec.timestamp(codec.parse_timestamp(text)) or None
