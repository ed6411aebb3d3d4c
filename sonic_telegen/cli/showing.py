"""Bodies of ``show telegen``, ``jobs``, ``job`` and ``global``: what the agent told, joined with what was asked."""

from __future__ import annotations

import click

from sonic_telegen.cli import link, state, tables
from sonic_telegen.cli.names import spell
from sonic_telegen.db import codec, schema


def agent(ctx: click.Context, as_json: bool) -> None:
    """The agent's summary."""
    seen = state.agent(ctx)
    if as_json:
        state.print_json({**seen.row, "running": seen.alive})
    elif seen.told is None:
        click.echo(f"{seen.warning()}; start sonic-telegend")
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
    """One job."""
    rows = state.jobs(ctx)
    name = codec.printable(job_id)
    row = next((row for row in rows if row["job_id"] == name), None)
    if row is None:
        there = ", ".join(tables.clean(row["job_id"]) for row in rows)
        ctx.fail(f"no job {tables.clean(name)}; the jobs there are: {there or 'none'}")
    if as_json:
        state.print_json(row)
        return
    _warn(ctx)
    click.echo(tables.job(row, link.port_aliases(ctx)))


def settings(ctx: click.Context, as_json: bool) -> None:
    """The settings in force and where each comes from."""
    rows = state.settings(ctx)
    if as_json:
        state.print_json(rows)
        return
    seen = state.agent(ctx)
    if not rows:
        ctx.fail("the agent has not told its settings yet; start sonic-telegend")
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
