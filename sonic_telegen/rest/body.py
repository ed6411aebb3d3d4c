"""The body of a start, as bytes, to a job's id and row. Pure; raises Problem."""

from __future__ import annotations

import json
import uuid
from typing import Any

from sonic_telegen.db import codec, schema
from sonic_telegen.errors import ConfigError
from sonic_telegen.model import values
from sonic_telegen.model.job import JobSpec, Owner
from sonic_telegen.model.values import TRUTH, Either, Several, Spelt, ValueType, Whole
from sonic_telegen.rest.problem import Problem, wrong

JOB_ID, FILTERS, OWNER = "job_id", "filters", "owner"  # members of the body beside the row's fields
RESERVED = ("start",)  # GET /jobs/start would be no job


def read_start(raw: bytes) -> tuple[JobSpec, dict[str, str]]:
    """The job that the body asks for, and its row; an id is made up when none is given."""
    given = read_object(raw)
    job_id = given.pop(JOB_ID) if JOB_ID in given else str(uuid.uuid4())
    if not isinstance(job_id, str) or job_id in RESERVED:
        why = "taken by a route; use another" if job_id in RESERVED else f"use {values.JOB_ID.words}"
        raise wrong(ConfigError(JOB_ID, _spelt(job_id), why))
    filters = given.pop(FILTERS, {})
    if not isinstance(filters, dict):
        raise wrong(ConfigError(FILTERS, _spelt(filters), "use an object of match fields"))
    for name in filters:
        if name not in schema.MATCH_FIELDS:
            raise Problem("unknown_field", f"{FILTERS} takes no {name}; it takes {_names()}", f"{FILTERS}.{name}")
        if name in given:
            raise Problem("duplicate_field", f"{name} is given beside {FILTERS} and in it; give it once", name)
    row = {name: text_of(name, value) for name, value in (given | filters).items()}
    if row.get(OWNER, Owner.REST) != Owner.REST:
        raise wrong(ConfigError(OWNER, row[OWNER], f"use {Owner.REST.value} or leave it out"))
    try:
        return codec.parse_job(job_id, row | {OWNER: Owner.REST.value}), row | {OWNER: Owner.REST.value}
    except ConfigError as problem:
        raise wrong(problem) from None


def _names() -> str:
    return ", ".join(schema.MATCH_FIELDS)


def read_object(raw: bytes) -> dict[str, Any]:
    """The JSON object; one member given twice is an error, since readers differ in which of them counts."""
    try:
        text = raw.decode()
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as problem:
        raise Problem("invalid_json", f"the body is no JSON: {problem}"[:200]) from None
    if not isinstance(found, dict):
        raise Problem("invalid_json", "the body is no JSON object; use {…}")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Problem("duplicate_field", f"the body has {name} twice; give it once"[:200], name[:100])
        found[name] = value
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def text_of(name: str, value: object) -> str:
    """A member's value as a row has it; what is wrong about a text is for the codec to say."""
    field = schema.JOB_FIELDS.get(name)
    if field is None or not field.available:
        return _spelt(value)
    found = _text(field.type, value)
    if found is None:
        raise wrong(ConfigError(name, _spelt(value), f"use {field.values}"))
    return found


def _text(kind: ValueType[object], value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower() if kind == TRUTH else None
    if isinstance(value, int | float):
        whole = isinstance(value, int) or value.is_integer()  # JSON knows no difference between 60 and 60.0
        return str(int(value)) if whole and _takes_number(kind) else None
    if isinstance(value, list) and isinstance(kind, Several):
        parts = [_text(kind.item, part) for part in value]
        return ",".join(part for part in parts if part is not None) if None not in parts and parts else None
    return None


def _takes_number(kind: ValueType[object]) -> bool:
    if isinstance(kind, Spelt):
        return kind.number is not None
    return isinstance(kind, Whole) or (isinstance(kind, Either | Several) and _takes_number(_inner(kind)))


def _inner(kind: Either[object] | Several[object]) -> ValueType[object]:
    return kind.other if isinstance(kind, Either) else kind.item


def _spelt(value: object) -> str:
    """A JSON value for a message."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
