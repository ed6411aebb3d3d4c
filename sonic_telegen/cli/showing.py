"""Bodies of ``show telegen``, ``jobs``, ``job`` and ``global``: what the agent told, joined with what was asked."""

from __future__ import annotations

import shutil
import sys
from typing import Any

import click

from sonic_telegen.cli import found, link, state, tables
from sonic_telegen.cli.names import spell
from sonic_telegen.db import codec, schema
from sonic_telegen.model.job import ResultDetail


def agent(ctx: click.Context, as_json: bool) -> None:
    """The agent's summary."""
    seen = state.agent(ctx)
    if as_json:
        state.print_json({**seen.row, "running": seen.alive})
    elif seen.told is None:
        click.echo(f"{seen.warning()}; start sonic-telegen")
    else:
        click.echo(tables.agent(seen.row, seen.alive, seen.at))


def jobs(ctx: click.Context, as_json: bool) -> None:
    """All jobs."""
    rows = state.jobs(ctx)
    if as_json:
        state.print_json(rows)
        return
    _warn(ctx)
    click.echo(tables.jobs(rows, link.port_aliases(ctx)))
    if not rows:
        click.echo(f"No job yet; add one: {spell(ctx, 'config', 'job add <job_id> --port <port>')}")


def job(ctx: click.Context, job_id: str, as_json: bool) -> None:
    """One job, and what it found."""
    row = _one(ctx, job_id)
    told = state.found(ctx, row)
    if as_json:
        state.print_json(row if told["classes"] is None else {**row, "results": told})
        return
    _warn(ctx)
    click.echo(tables.job(row, link.port_aliases(ctx)))
    blocks = (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "") == "utf8"
    if text := found.results(told, shutil.get_terminal_size().columns, blocks):
        click.echo(f"\n{text}")
    if told["flows"] is not None:
        name = tables.clean(row["job_id"])
        click.echo(f"\nThe flows: {spell(ctx, 'show', f'flows {name}')}")


def flows(ctx: click.Context, job_id: str, as_json: bool) -> None:
    """The flows of one job."""
    row = _one(ctx, job_id)
    told = state.found(ctx, row)
    if told["flows"] is None:
        name = tables.clean(row["job_id"])
        if row.get("result_detail") == ResultDetail.FLOWS:
            ctx.fail(f"job {name}: no flows were read yet; see: {spell(ctx, 'show', f'job {name}')}")
        ctx.fail(f"job {name} keeps no flows; that takes result_detail={ResultDetail.FLOWS}")
    if as_json:
        state.print_json(told)
        return
    _warn(ctx)
    click.echo(found.flows(told))


def _one(ctx: click.Context, job_id: str) -> dict[str, Any]:
    rows = state.jobs(ctx)
    name = codec.printable(job_id)
    row = next((row for row in rows if row["job_id"] == name), None)
    if row is None:
        there = ", ".join(tables.clean(row["job_id"]) for row in rows)
        ctx.fail(f"no job {tables.clean(name)}; the jobs there are: {there or 'none'}")
    return row


def settings(ctx: click.Context, as_json: bool) -> None:
    """The settings in force and where each comes from."""
    rows = state.settings(ctx)
    if as_json:
        state.print_json(rows)
        return
    seen = state.agent(ctx)
    if not rows:
        ctx.fail("the agent has not told its settings yet; start sonic-telegen")
    _warn(ctx)
    click.echo(tables.settings(rows))
    asked = link.config_db(ctx).get_entry(schema.GLOBAL_TABLE, schema.GLOBAL_KEY)
    waiting = [
        f"{tables.clean(codec.printable(name))}={tables.clean(codec.printable(value))}"
        for name, value in asked.items()
        if name not in rows or str(tables.shown(rows[name]["value"])) != value
    ]
    if waiting and seen.row["config_error"]:
        click.echo(f"\nNot in force: {', '.join(waiting)}; {tables.clean(seen.row['config_error'])}")


def _warn(ctx: click.Context) -> None:
    if warning := state.agent(ctx).warning():
        click.echo(f"{warning}\n")
