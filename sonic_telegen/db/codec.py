"""Rows to nouns and back; pure. A row with one wrong value is refused whole, field and remedy named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sonic_telegen.db import schema
from sonic_telegen.errors import ConfigError
from sonic_telegen.model.asked import Rejection
from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import BOTH, RECEIVES, Direction, JobSpec, MirrorMode, Owner, ResultDetail
from sonic_telegen.model.match import Match
from sonic_telegen.model.sample import CLASSES, InterfaceSample
from sonic_telegen.model.status import AgentStatus, JobStatus, Reason, Status, Visibility
from sonic_telegen.model.values import JOB_ID, NotYet
from sonic_telegen.settings import LOG_LEVELS

Row = Mapping[str, str]

NEEDS_PACKETS = "use it with result_detail packets"
_ERSPAN = "erspan_"  # what the fields of the tunnel begin with
NULL_FIELD = "NULL"  # SONiC stores an empty row as NULL:NULL


def printable(text: str) -> str:
    """``text`` as valid UTF-8: bytes that were none (kept as surrogates by the reader) become ``\\xNN``.

    A surrogate that stands for no byte (JSON has them: ``"\\ud800"``) becomes ``\\uNNNN``.
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()


def check_fields(row: Row, known: Mapping[str, schema.Field], table: str) -> dict[str, str]:
    """The row without SONiC's NULL field: every field known to this version, every value one that it may hold."""
    given = {name: value for name, value in row.items() if name != NULL_FIELD}
    for name, value in given.items():
        shown = printable(value)
        if name not in known:
            raise ConfigError(printable(name), shown, f"{table} has no such field; remove it", "unknown_field")
        if not known[name].available:
            raise ConfigError(name, shown, "not available in this version; remove the field", "not_available")
        if shown != value:
            raise ConfigError(name, shown, f"not valid UTF-8; use {known[name].values}")
        try:
            known[name].type.read(value)
        except ValueError as problem:
            code = "not_available" if isinstance(problem, NotYet) else "invalid_value"
            raise ConfigError(name, value, str(problem), code) from None
    for name, field in known.items():
        if field.mandatory and name not in given:
            raise ConfigError(name, "", f"mandatory; use {field.values}", "missing_field")
    return given


def parse_job(key: str, row: Row) -> JobSpec:
    """The job that ``TELEGEN_JOB|<key>`` asks for.

    Raises:
        ConfigError: the key or a value is not as ``docs/schema.md`` has it.
    """
    try:
        JOB_ID.read(key)
    except ValueError as problem:
        raise ConfigError("job_id", printable(key), str(problem)) from None
    given = check_fields(row, schema.JOB_FIELDS, schema.JOB_TABLE)
    plain = {name: given.get(name, field.default) for name, field in schema.JOB_FIELDS.items()}
    detail = ResultDetail(plain["result_detail"])
    if given.get("mirror_mode") == MirrorMode.DECAP and plain["direction"] != Direction.INGRESS:
        raise ConfigError("mirror_mode", given["mirror_mode"], RECEIVES)
    if detail is not ResultDetail.PACKETS and "snaplen" in given:
        raise ConfigError("snaplen", given["snaplen"], NEEDS_PACKETS)
    return JobSpec(
        id=key,
        port=plain["port"],
        directions=BOTH if plain["direction"] == "both" else (Direction(plain["direction"]),),
        enabled=plain["admin_state"] == "enabled",
        mirror_mode=MirrorMode(given["mirror_mode"]) if "mirror_mode" in given else None,
        duration_sec=int(plain["duration_sec"]),
        otlp_export=plain["otlp_export"] == "true",
        owner=Owner(plain["owner"]),
        match=_match(given),
        sample_rate=int(plain["sample_rate"]),
        result_detail=detail,
        snaplen=int(plain["snaplen"]),
        erspan=_erspan(given),
        truncate=int(given.get("truncate", "0")),
    )


def _erspan(given: Row) -> ErspanAsked:
    """What a row whose values are good sets of the tunnel."""
    names = {name: f"{_ERSPAN}{name}" for name in ErspanAsked.__dataclass_fields__}
    asked: dict[str, Any] = {
        name: schema.JOB_FIELDS[field].type.read(given[field]) for name, field in names.items() if field in given
    }
    return ErspanAsked(**asked)


def _match(given: Row) -> Match:
    """The match fields of a row whose values are good one by one."""
    asked: dict[str, Any] = {
        name: schema.JOB_FIELDS[name].type.read(given[name]) for name in schema.MATCH_FIELDS if name in given
    }
    match = Match(**asked)
    if found := match.contradiction():
        name, problem = found
        raise ConfigError(name, given[name], problem)
    return match


def parse_jobs(rows: Mapping[str, Row]) -> dict[str, JobSpec | Rejection]:
    """Every row of ``TELEGEN_JOB`` by its key: a job, or why it is none."""
    parsed: dict[str, JobSpec | Rejection] = {}
    for key, row in rows.items():
        try:
            parsed[key] = parse_job(key, row)
        except ConfigError as problem:
            shown = {name: printable(row.get(name, ""))[:64] for name in ("port", "direction")}
            parsed[key] = Rejection(problem.code, str(problem), shown["port"], shown["direction"])
    return parsed


def job_row(job: JobSpec) -> dict[str, str]:
    """The row that asks for ``job``; defaults are left out."""
    row = {"port": job.port, "direction": job.direction}
    if not job.enabled:
        row["admin_state"] = "disabled"
    if job.mirror_mode is not None:
        row["mirror_mode"] = job.mirror_mode.value
    row |= {f"{_ERSPAN}{name}": str(value) for name, value in job.erspan.given().items()}
    row |= job.match.texts()
    if job.sample_rate > 1:
        row["sample_rate"] = str(job.sample_rate)
    if job.result_detail is not ResultDetail.SUMMARY:
        row["result_detail"] = job.result_detail.value
    if job.result_detail is ResultDetail.PACKETS:
        row["snaplen"] = str(job.snaplen)
    if job.truncate:
        row["truncate"] = str(job.truncate)
    if job.duration_sec:
        row["duration_sec"] = str(job.duration_sec)
    if not job.otlp_export:
        row["otlp_export"] = "false"
    if job.owner is not Owner.AUTOMATION:
        row["owner"] = job.owner.value
    return row


def parse_log_level(row: Row) -> str:
    """The level that SONiC's LOGGER row asks for, in our words; empty for none or one we do not know."""
    level = row.get("LOGLEVEL", "").lower()
    level = {"warn": "warning", "crit": "error", "alert": "error", "emerg": "error"}.get(level, level)
    return level if level in LOG_LEVELS else ""


def timestamp(ns: int) -> str:
    """RFC 3339 UTC with milliseconds, empty for 0."""
    if not ns:
        return ""
    return datetime.fromtimestamp(ns // 1_000_000 / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_timestamp(text: str) -> int:
    """Unix ns of an RFC 3339 time; 0 when it is none."""
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return round(found.astimezone(UTC).timestamp() * 1000) * 1_000_000
    except (ValueError, OverflowError):
        return 0


def parse_whole(text: str) -> int | None:
    """A count as we write it; None when it is none (``int`` takes signs, blanks, underscores and foreign digits)."""
    return int(text) if re.fullmatch("[0-9]{1,20}", text) else None


def status_row(told: JobStatus, now_ns: int) -> dict[str, str]:
    """The row of ``TELEGEN_JOB_TABLE``, written at ``now_ns``."""
    return {
        "status": told.status.value,
        "reason": told.reason.value,
        "message": printable(told.message),
        "port": printable(told.port),
        "interface": told.interface,
        "direction": printable(told.direction),
        "mirror_mode": told.mirror_mode,
        "visibility": told.visibility.value,
        "started_at": timestamp(told.started_ns),
        "expires_at": timestamp(told.expires_ns),
        "updated_at": timestamp(now_ns),
        "packets": str(told.packets),
        "bytes": str(told.bytes),
        "sample_age_ms": str((now_ns - told.sample_ns) // 1_000_000) if told.sample_ns else "",
    }


def parse_status(key: str, row: Row) -> JobStatus | None:
    """What a status row of ours said; None when it is not one (somebody else wrote there)."""
    try:
        status, reason = Status(row.get("status", "")), Reason(row.get("reason", ""))
        visibility = Visibility(row.get("visibility", "none"))
    except ValueError:
        return None
    packets, octets = parse_whole(row.get("packets", "0")), parse_whole(row.get("bytes", "0"))
    if packets is None or octets is None:
        return None
    updated = parse_timestamp(row.get("updated_at", ""))
    age = parse_whole(row.get("sample_age_ms", ""))
    return JobStatus(
        job=key,
        status=status,
        reason=reason,
        message=row.get("message", ""),
        port=row.get("port", ""),
        interface=row.get("interface", ""),
        direction=row.get("direction", ""),
        mirror_mode=row.get("mirror_mode", ""),
        visibility=visibility,
        started_ns=parse_timestamp(row.get("started_at", "")),
        expires_ns=parse_timestamp(row.get("expires_at", "")),
        packets=packets,
        bytes=octets,
        sample_ns=0 if age is None else updated - age * 1_000_000,
        updated_ns=updated,
    )


def interface_row(sample: InterfaceSample, now_ns: int) -> dict[str, str]:
    """The row of ``TELEGEN_INTERFACE_TABLE``: ifindex, then packets, bytes and size histogram of each class."""
    row = {"ifindex": str(sample.ifindex)}
    for name, counters in zip(CLASSES, sample.classes, strict=True):
        row[f"{name}_packets"], row[f"{name}_bytes"] = str(counters.packets), str(counters.bytes)
        row[f"{name}_histogram"] = ",".join(map(str, counters.histogram))
    row["updated_at"] = timestamp(now_ns)
    return row


def agent_row(told: AgentStatus, now_ns: int) -> dict[str, str]:
    """The row ``TELEGEN_TABLE|GLOBAL``."""
    return {
        "version": told.version,
        "commit": told.commit,
        "pid": str(told.pid),
        "started_at": timestamp(told.started_ns),
        "kernel": told.kernel,
        "loader": told.loader,
        "loader_reason": printable(told.loader_reason),
        "btf": "true" if told.btf else "false",
        "attach": told.attach,
        "jobs": str(told.jobs),
        "jobs_running": str(told.jobs_running),
        "otlp_endpoint": printable(told.otlp_endpoint),
        "otlp_last_success": timestamp(told.otlp_last_success_ns),
        "otlp_last_error": printable(told.otlp_last_error),
        "otlp_failures": str(told.otlp_failures),
        "config_error": printable(told.config_error),
        "listen": printable(told.listen),
        "listen_error": printable(told.listen_error),
        "notice": printable(told.notice),
        "updated_at": timestamp(now_ns),
    }


def settings_row(told: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """The row ``TELEGEN_TABLE|SETTINGS``: value and origin of each field that GLOBAL may have; no other setting."""
    row = {}
    for name, field in schema.GLOBAL_FIELDS.items():
        if field.available and name in told:
            value, origin = told[name]
            row[name], row[name + schema.ORIGIN] = printable(value), origin
    return row
