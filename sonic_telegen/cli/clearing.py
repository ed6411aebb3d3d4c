"""Body of ``sonic-clear telegen counters``."""

from __future__ import annotations

import click

from sonic_telegen.cli import baseline, link, readings, state
from sonic_telegen.cli.names import spell
from sonic_telegen.cli.tables import clean
from sonic_telegen.db import codec


def counters(ctx: click.Context, port: str | None) -> None:
    """Keep the present counters, of one port or of all, as this user's baseline."""
    netdev = codec.printable(link.port_name(ctx, port)) if port else None
    rows = state.hooks(ctx)
    chosen = {key: row for key, row in rows.items() if netdev in (None, state.netdev(key))}
    if not chosen:
        counted = ", ".join(sorted({clean(state.netdev(key)) for key in rows}))
        refused = f"{clean(codec.printable(port or ''))} is not counted; counted are: {counted}"
        ctx.fail(refused if counted else "nothing is counted yet")
    punts = {key: row for key, row in state.punts(ctx).items() if netdev in (None, state.netdev(key))}
    try:
        baseline.save(readings.with_asic(ctx, chosen) | punts)
    except OSError as problem:
        ctx.fail(f"the counters of this moment cannot be kept: {problem}")
    raw = spell(ctx, "show", "interfaces --raw")
    click.echo(f"Counters of {port or 'all ports'} cleared for this user; all that was ever counted: {raw}")
