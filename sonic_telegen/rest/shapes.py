"""JSON schemas of what is sent, made from the tables' own words; what ``db/view.py`` makes fits them."""

from __future__ import annotations

from typing import Any

from sonic_telegen.db import punts, results, schema, sessions, view
from sonic_telegen.model.job import Direction, Owner
from sonic_telegen.model.punt import METERS
from sonic_telegen.model.sample import CLASSES, PUNT_PROTOCOLS, SIZE_BOUNDS
from sonic_telegen.model.status import Reason, Status, Visibility
from sonic_telegen.model.values import JOB_ID, Several, Spelt
from sonic_telegen.rest.body import FILTERS, OWNER, RESERVED
from sonic_telegen.rest.json_schema import Schema, accepted, shown
from sonic_telegen.rest.problem import ERRORS

TEXT: Schema = {"type": "string"}
BYTES: Schema = {"type": "string", "format": "binary"}
OBJECT: Schema = {"type": "object"}
TRUE_OR_FALSE: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TIME: Schema = {"type": ["string", "null"], "format": "date-time"}


def record(members: dict[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    """An object of exactly these members."""
    required = [name for name in members if name not in optional]
    return {"type": "object", "properties": members, "required": required, "additionalProperties": False}


def words(choices: type[Status] | type[Reason] | type[Visibility] | type[Direction]) -> Schema:
    """One word of an enumeration."""
    return {"type": "string", "enum": [str(choice.value) for choice in choices]}


def start() -> Schema:
    """The body of a start: every field that this version has, as its value type takes it."""
    fields = {
        name: accepted(field.type) | {"description": _told(field)}
        for name, field in schema.JOB_FIELDS.items()
        if field.available
    }
    fields[OWNER] = {"const": Owner.REST.value, "description": schema.JOB_FIELDS[OWNER].description}
    job_id = accepted(JOB_ID) | {"not": {"enum": list(RESERVED)}, "description": "Made up when left out"}
    members = {"job_id": job_id, **fields}
    if matching := {name: fields[name] for name in schema.MATCH_FIELDS if name in fields}:
        members[FILTERS] = {"type": "object", "properties": matching, "additionalProperties": False}
    mandatory = [name for name, field in schema.JOB_FIELDS.items() if field.mandatory]
    return record(members, tuple(name for name in members if name not in mandatory))


def _told(field: schema.Field) -> str:
    """What the field means, and how it is written where a pattern does not show it."""
    spelt = isinstance(field.type, Several | Spelt)
    return f"{field.description}: {field.values}" if spelt else field.description


_STATUS = {
    "status": words(Status),
    "reason": words(Reason),
    "message": TEXT,
    "interface": TEXT,
    "mirror_mode": TEXT | {"description": "The mode in force"},
    "visibility": words(Visibility),
    "started_at": TIME,
    "expires_at": TIME,
    "updated_at": TIME,
    "packets": COUNT,
    "bytes": COUNT,
    "sample_age_ms": {"type": ["integer", "null"], "minimum": 0},
}


def job() -> Schema:
    """``view.job``."""
    asked = {f"asked_{n}" if n in _STATUS else n: shown(field.type) for n, field in schema.JOB_FIELDS.items()}
    return record({"job_id": TEXT, **asked, **_STATUS}, tuple(asked))


def histogram() -> Schema:
    """Packets by size."""
    buckets = len(SIZE_BOUNDS) + 1
    found: Schema = {"type": "array", "items": COUNT, "minItems": buckets, "maxItems": buckets}
    return found | {"x-upper-edges": list(SIZE_BOUNDS)}  # in bytes, inclusive; the last bucket has none


def interface() -> Schema:
    """``view.interface``."""
    counters = record({"packets": COUNT, "bytes": COUNT, "histogram": histogram()})
    members = {
        "interface": TEXT,
        "direction": words(Direction),
        "ifindex": COUNT,
        "packets": COUNT,
        "bytes": COUNT,
        "classes": record(dict.fromkeys(CLASSES, counters)),
        "updated_at": TIME,
    }
    return record(members)


AGENT = record(
    {
        **dict.fromkeys(view.AGENT_TEXTS, TEXT),
        **dict.fromkeys(view.AGENT_WHOLES, COUNT),
        **dict.fromkeys(view.AGENT_TRUTHS, TRUE_OR_FALSE),
        **dict.fromkeys(view.AGENT_TIMES, TIME),
    }
)
JOBS = record({"jobs": {"type": "array", "items": job()}})
INTERFACES = record({"interfaces": {"type": "array", "items": interface()}})
STARTED = record({"job_id": accepted(JOB_ID), "status": {"const": Status.STARTING.value}, "interface": TEXT})
STOPPED = record({"job_id": TEXT, "status": words(Status)})


def or_null(found: Schema) -> Schema:
    """The same, or null where nothing is known."""
    return {"anyOf": [found, {"type": "null"}]}


_PAIR = {"packets": COUNT, "bytes": COUNT}
FLOW = record(
    {
        **dict.fromkeys(results.FLOW_TEXTS, TEXT),
        **dict.fromkeys(results.FLOW_WHOLES, COUNT),
        **dict.fromkeys(results.FLOW_TIMES, TIME),
    }
)
_CLASS = record({**_PAIR, "histogram": or_null(histogram())})
_FLOWS = {
    "count": COUNT,
    "held": record(_PAIR),
    "untracked": record(_PAIR),
    "evicted": record(_PAIR),
    "top": {"type": "array", "items": FLOW},
}
SESSION = record(
    {
        **dict.fromkeys(sessions.TEXTS, TEXT),
        **dict.fromkeys(sessions.WHOLES, COUNT),
        "classes": record(dict.fromkeys(CLASSES, record(_PAIR))),
        **dict.fromkeys(sessions.TIMES, TIME),
    }
)
_SESSIONS = {"count": COUNT, "lost": COUNT, "beyond": record(_PAIR), "top": {"type": "array", "items": SESSION}}
RESULTS = record(
    {
        **{name: job()["properties"][name] for name in ("job_id", "status", "packets", "bytes")},
        "started_at": TIME,
        "updated_at": TIME,
        "window_ms": {"type": ["integer", "null"], "minimum": 0},
        "final": TRUE_OR_FALSE,
        "classes": or_null(record(dict.fromkeys(CLASSES, _CLASS))),
        "sample_rate": {"type": "integer", "minimum": 1, "description": "Flows are scaled by it; sampled is not"},
        "sampled": or_null(record(_PAIR)),
        "flows": or_null(record(_FLOWS)),
        "sessions": or_null(record(_SESSIONS)),
        "burst": or_null(record({**_PAIR, "at": TIME})),
        "capture": or_null(record({"captured": COUNT, "capture_lost": COUNT})),
        "mirror": or_null(record({"mirrored": COUNT, "mirror_failed": COUNT})),
        "export": record({name: AGENT["properties"][f"otlp_{name}"] for name in results.EXPORT}),
    }
)

_RATE: Schema = {"type": ["number", "null"], "minimum": 0}
_PROTOCOL: Schema = {"type": "string", "enum": list(PUNT_PROTOCOLS)}
_POLICED = {
    **dict.fromkeys(punts.RATES, _RATE),
    "cir": {"type": ["integer", "null"], "minimum": 0, "description": "Of meter a second; null: unknown, or no limit"},
    "meter": {"type": "string", "enum": list(METERS)},
    "used_percent": _RATE | {"description": "The rate in percent of cir"},
}
PUNT_ROW = record(
    {
        "interface": TEXT,
        "ifindex": COUNT,
        "protocol": _PROTOCOL,
        **_PAIR,
        "trap_group": {"type": ["string", "null"], "description": "null: CoPP's configuration is not known"},
        **_POLICED,
        "updated_at": TIME,
    }
)
TRAP_GROUP = record({"trap_group": TEXT, "protocols": {"type": "array", "items": _PROTOCOL}, **_POLICED})
PUNT = record({"punt": {"type": "array", "items": PUNT_ROW}, "groups": {"type": "array", "items": TRAP_GROUP}})


def event(data: Schema, *names: str) -> Schema:
    """One server-sent event whose data is JSON of this schema."""
    text = TEXT | {"contentMediaType": "application/json", "contentSchema": data}
    return record({"event": {"type": "string", "enum": list(names)}, "id": TEXT, "data": text}, ("event", "id"))


VERSION = record({"version": TEXT, "commit": TEXT, "date": TEXT})
FINE = record({"status": {"const": "ok"}})


def error(codes: tuple[str, ...]) -> Schema:
    """The body of an error answer that bears one of these codes."""
    code: dict[str, Any] = {"type": "string", "enum": [code for code in ERRORS if code in codes]}
    return record({"error": code, "message": TEXT, "field": TEXT}, ("field",))
