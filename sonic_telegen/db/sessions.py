"""ERSPAN sessions of a job to fields of its result row, and these to what doors show. Pure; rubbish never raises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sonic_telegen.db import codec, view
from sonic_telegen.db.codec import Row, printable
from sonic_telegen.model.result import SHOWN_SESSIONS
from sonic_telegen.model.sample import CLASSES, JobSample, SessionRecord

TEXTS = ("source", "destination")
WHOLES = ("session", "packets", "bytes", "lost", "repeated", "restarts")
TIMES = ("first_at", "last_at")
PAIR = ("packets", "bytes")


def kept(own: JobSample) -> dict[str, str]:
    """The fields of a job that is about mirrored frames; none of another."""
    if own.sessions is None:
        return {}
    top = [_told(record) for record in own.sessions[:SHOWN_SESSIONS]]
    return {
        "sessions": str(len(own.sessions)),
        "top_sessions": json.dumps(top, separators=(",", ":")),
        "sessions_lost": str(sum(record.lost for record in own.sessions)),
        "sessions_beyond": str(own.beyond.packets),
        "sessions_beyond_bytes": str(own.beyond.bytes),
    }


def _told(record: SessionRecord) -> dict[str, Any]:
    return {
        "session": record.session.number,
        "source": record.session.source,
        "destination": record.session.destination,
        "packets": record.packets,
        "bytes": record.bytes,
        "classes": {
            name: [counted.packets, counted.bytes] for name, counted in zip(CLASSES, record.classes, strict=True)
        },
        "lost": record.lost,
        "repeated": record.repeated,
        "restarts": record.restarts,
        "first_at": codec.timestamp(record.first_ns),
        "last_at": codec.timestamp(record.last_ns),
    }


def shown(row: Row) -> dict[str, Any] | None:
    """What a result row has of sessions, None where the job is not about mirrored frames."""
    count = codec.parse_whole(row.get("sessions", ""))
    if count is None:
        return None
    lost, *beyond = (
        codec.parse_whole(row.get(f"sessions_{name}", "")) or 0 for name in ("lost", "beyond", "beyond_bytes")
    )
    top = [_one(item) for item in _listed(row.get("top_sessions", "")) if isinstance(item, dict)]
    return {"count": count, "lost": lost, "beyond": dict(zip(PAIR, beyond, strict=True)), "top": top}


def _listed(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def _one(item: Mapping[str, Any]) -> dict[str, Any]:
    classes = item.get("classes")
    return {
        **{name: printable(str(item.get(name, ""))) for name in TEXTS},
        **{name: _whole(item.get(name)) for name in WHOLES},
        "classes": {name: _pair(classes.get(name) if isinstance(classes, dict) else None) for name in CLASSES},
        **{name: view.time(str(item.get(name, ""))) for name in TIMES},
    }


def _pair(found: object) -> dict[str, int]:
    numbers = found if isinstance(found, list) and len(found) == len(PAIR) else [0] * len(PAIR)
    return dict(zip(PAIR, map(_whole, numbers), strict=True))


def _whole(found: object) -> int:
    return found if type(found) is int and found >= 0 else 0
