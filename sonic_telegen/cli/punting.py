"""Body of ``show telegen punt``: control protocols by port beside the trap groups of CoPP."""

from __future__ import annotations

from collections.abc import Iterable

import click

from sonic_telegen.cli import baseline, link, policed, state, times
from sonic_telegen.cli.names import spell
from sonic_telegen.cli.tables import clean
from sonic_telegen.db import punts, schema, view


def punt(ctx: click.Context, port: str | None, every: bool, raw: bool, as_json: bool) -> None:
    """Protocols of one port or all; groups always over all ports, since they share their limit."""
    rows = state.punts(ctx)
    hooks = state.chosen(ctx, state.hooks(ctx), port) if port is not None else {}
    netdevs = {state.netdev(key) for key in hooks}
    since = baseline.Since({key: dict(row) for key, row in rows.items()}) if raw else baseline.subtract(rows)
    found = punts.shown(since.rows)
    mine = [row for row in found["punt"] if port is None or row["interface"] in netdevs]
    for row in mine:
        row["cleared_at"] = times.text(since.cleared.get(f"{row['interface']}{schema.SEPARATOR}{row['protocol']}"))
    if as_json:
        state.print_json({**found, "punt": mine})
        return
    if warning := state.agent(ctx).warning():
        click.echo(f"{warning}\n")
    moved = [row for row in mine if every or row["packets_per_second"] != 0]
    click.echo(policed.protocols(moved, link.port_aliases(ctx)))
    if found["groups"]:
        click.echo(f"\n{policed.groups(found['groups'])}")
    notes = []
    if not rows:
        job = spell(ctx, "config", "job add <job_id> all")
        notes.append(f"Nothing was seen yet; control protocols are told apart while a job has port=all: {job}")
    if idle := len(mine) - len(moved):
        everything = spell(ctx, "show", "punt --all")
        notes.append(f"{idle:,} more without a packet between the last two readings: {everything}")
    if rows:
        notes.append(policed.RATE_NOTE)
    if found["groups"]:
        notes.append(policed.GROUP_NOTE)
    if any(row["trap_group"] is None for row in moved):
        notes.append(policed.UNKNOWN_NOTE)
    click.echo("\n" + "\n".join([*notes, *_cleared(ctx, since)]))


def _cleared(ctx: click.Context, since: baseline.Since) -> list[str]:
    notes = []
    if since.cleared:
        first, all_of_it = times.text(min(since.cleared.values())), spell(ctx, "show", "punt --raw")
        which = "" if len(since.cleared) == len(since.rows) else f" ({_ports(since.cleared)})"
        notes.append(f"PACKETS since this user cleared, at {first}{which}; all that was ever counted: {all_of_it}")
    if since.reset:
        notes.append(f"Counters began anew after they were cleared: {_ports(since.reset)}")
    return notes


def _ports(keys: Iterable[str]) -> str:
    return ", ".join(clean(name) for name in sorted({state.netdev(key) for key in keys}, key=view.natural))
