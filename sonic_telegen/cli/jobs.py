"""Bodies of ``config telegen job``: one row of TELEGEN_JOB each.

Rows are judged by the agent's own codec before they are written, filter expressions by libpcap where it is installed.
Only the fields that were given are written: what another process writes at the same time stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import click

from sonic_telegen.cli import link
from sonic_telegen.cli.fields import known_name
from sonic_telegen.cli.names import spell
from sonic_telegen.cli.rows import ConfigRows
from sonic_telegen.db import codec, ports, schema
from sonic_telegen.errors import ConfigError
from sonic_telegen.kernel import pcap
from sonic_telegen.model.job import Owner

Given = Mapping[str, str | None]  # None: not given


def add(ctx: click.Context, job_id: str, fields: Given) -> None:
    """Write a new row and say so."""
    create(ctx, job_id, fields)
    _done(ctx, job_id, "added")


def create(ctx: click.Context, job_id: str, fields: Given) -> None:
    """Write a new row."""
    rows = link.config_db(ctx)
    row = _given(ctx, fields)
    _check(ctx, rows, job_id, row, row)
    if job_id in rows.get_keys(schema.JOB_TABLE):
        ctx.fail(f"job {job_id} exists already; change it with: {spell(ctx, 'config', f'job update {job_id}')}")
    rows.set_entry(schema.JOB_TABLE, job_id, {**row, "owner": Owner.CLI.value})


def update(ctx: click.Context, job_id: str, fields: Given, clear: Iterable[str]) -> None:
    """Write the given fields and remove those to be cleared."""
    rows = _existing(ctx, job_id)
    row, changes = rows.get_entry(schema.JOB_TABLE, job_id), _given(ctx, fields)
    removed = []
    for name in (known_name(given, schema.JOB_FIELDS, row) or ctx.fail(_no_field(given, row)) for given in clear):
        if name in changes:
            ctx.fail(f"{name}: set and cleared at the same time; do one of both")
        removed.append(name)
    if not changes and not removed:
        ctx.fail(f"nothing to change; see: {spell(ctx, 'config', 'job update --help')}")
    left = {name: value for name, value in row.items() if name not in removed}
    _check(ctx, rows, job_id, {**left, **changes}, changes)
    for name in removed:
        if name in row:
            rows.clear_field(schema.JOB_TABLE, job_id, name)
    _modify(ctx, rows, job_id, changes, left)
    _done(ctx, job_id, "updated")


def delete(ctx: click.Context, job_id: str) -> None:
    """Remove the row, whoever wrote it and whatever is in it."""
    _existing(ctx, job_id).set_entry(schema.JOB_TABLE, job_id, None)
    click.echo(f"Job {job_id} deleted")


def switch(ctx: click.Context, job_id: str, on: bool) -> None:
    """Set the row's admin_state, whatever else is in it."""
    state = "enabled" if on else "disabled"
    rows = _existing(ctx, job_id)
    _modify(ctx, rows, job_id, {"admin_state": state}, rows.get_entry(schema.JOB_TABLE, job_id))
    _done(ctx, job_id, state)


def _given(ctx: click.Context, fields: Given) -> dict[str, str]:
    row = {name: value for name, value in fields.items() if value is not None}
    if "port" in row:
        row["port"] = link.port_name(ctx, row["port"])
    return row


def _check(ctx: click.Context, rows: ConfigRows, job_id: str, row: Mapping[str, str], given: Mapping[str, str]) -> None:
    try:
        spec = codec.parse_job(job_id, row)
        if spec.match.filter:
            pcap.check(spec.match.filter)
        if "port" in given:
            ports.check_port(given["port"], {table: rows.get_keys(table) for table in ports.TABLES})
    except ConfigError as problem:
        ctx.fail(str(problem))


def _existing(ctx: click.Context, job_id: str) -> ConfigRows:
    rows = link.config_db(ctx)
    if job_id not in rows.get_keys(schema.JOB_TABLE):
        ctx.fail(f"no job {codec.printable(job_id)}; the jobs there are: {spell(ctx, 'show', 'jobs')}")
    return rows


def _modify(
    ctx: click.Context, rows: ConfigRows, job_id: str, changes: Mapping[str, str], before: Mapping[str, str]
) -> None:
    """Write the fields; no part comes back of a row that somebody deleted since ``before`` was read."""
    if not changes:
        return
    rows.mod_entry(schema.JOB_TABLE, job_id, changes)
    kept = before.keys() - changes.keys()
    if kept and not kept & rows.get_entry(schema.JOB_TABLE, job_id).keys():
        for name in changes:
            rows.clear_field(schema.JOB_TABLE, job_id, name)
        ctx.fail(f"job {job_id} was deleted in the meantime; nothing was written")


def _no_field(given: str, row: Mapping[str, str]) -> str:
    has = ", ".join(map(codec.printable, sorted(row))) or "none"
    return f"{codec.printable(given)}: no field of a job; the row has {has}"


def _done(ctx: click.Context, job_id: str, what: str) -> None:
    click.echo(f"Job {job_id} {what}; see: {spell(ctx, 'show', f'job {job_id}')}")
