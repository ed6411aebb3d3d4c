"""Readings of the counters out of STATE_DB and COUNTERS_DB, each of one moment as far as two writers allow."""

from __future__ import annotations

import time
from collections.abc import Mapping, Set

import click

from sonic_telegen.cli import baseline, link, state, times
from sonic_telegen.cli.rates import Key, Reading
from sonic_telegen.db import codec, schema, view
from sonic_telegen.model.job import Direction

_TRIES = 20
_REPORT_SEC = 0.01  # what a report takes to be written
_POLL_SEC = 0.1
SHORTEST_SEC = 0.5  # between two readings: what moves in less says little of a rate
_FRESH_SEC = 1.0  # of a reading that the ASIC's counters can be set beside

_NAMES = "COUNTERS_PORT_NAME_MAP"
_SAI = {  # what a port carried as SONiC's own counters have it: unicast and all else
    Direction.INGRESS.value: ("SAI_PORT_STAT_IF_IN_UCAST_PKTS", "SAI_PORT_STAT_IF_IN_NON_UCAST_PKTS"),
    Direction.EGRESS.value: ("SAI_PORT_STAT_IF_OUT_UCAST_PKTS", "SAI_PORT_STAT_IF_OUT_NON_UCAST_PKTS"),
}


def asic(ctx: click.Context, netdevs: Set[str]) -> dict[Key, int]:
    """Packets that the ASIC counted on these ports, by direction; what COUNTERS_DB does not have is left out."""
    found: dict[Key, int] = {}
    try:
        rows = link.counters_db(ctx)
        objects = rows.get_all(_NAMES)
        for name in netdevs & objects.keys():
            row = rows.get_all(f"COUNTERS:{objects[name]}")
            for direction, fields in _SAI.items():
                counts = [codec.parse_whole(row.get(field, "")) for field in fields]
                if None not in counts:
                    found[name, direction] = sum(count or 0 for count in counts)
    except click.UsageError:  # no such database here: nothing to set beside ours
        return {}
    return found


def with_asic(ctx: click.Context, rows: Mapping[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """The hooks' rows, with the ASIC's packets of the port as one more field where it counts them."""
    counts = asic(ctx, {state.netdev(key) for key in rows})
    more = {key: counts.get((state.netdev(key), key.rpartition(schema.SEPARATOR)[2])) for key in rows}
    return {key: row if more[key] is None else {**row, baseline.ASIC: str(more[key])} for key, row in rows.items()}


def reading(ctx: click.Context, beside: frozenset[str] = frozenset()) -> Reading:
    """All hooks as one report of the agent's left them, beside them what the ASIC counted on those ports.

    The agent writes row by row and its own row last, so rows are of one report when none is newer than its own row,
    before and after.
    """
    for _ in range(_TRIES):
        told, rows = state.agent(ctx).told or 0.0, state.hooks(ctx)
        newest = max((times.seconds(row.get("updated_at")) or 0.0 for row in rows.values()), default=0.0)
        if newest <= told == (state.agent(ctx).told or 0.0):
            break
        time.sleep(_REPORT_SEC)
    return Reading(told, view.interfaces(rows), asic(ctx, beside) if beside else {}, times.now())


def two(ctx: click.Context, beside: frozenset[str]) -> tuple[Reading, Reading]:
    """Two readings, one beat of the agent's apart; tells that it waits, and ends the command when it waits in vain.

    Where there is something of the ASIC's to set beside ours, the first must be fresh: its counters are of now.
    """
    seen = state.agent(ctx)
    if not seen.alive:
        ctx.fail(f"no rates: {seen.warning().lower()}")
    before = reading(ctx, beside)
    beat = f"the agent reads every {seen.interval:g} s"
    click.echo(f"Waiting for two readings ({beat}) ...", err=True)
    if before.asic and before.read - before.told > _FRESH_SEC:
        before = _next(ctx, before, beside, seen.patience)
    return before, _next(ctx, before, beside, seen.patience)


def _next(ctx: click.Context, before: Reading, beside: frozenset[str], patience: float) -> Reading:
    deadline = time.monotonic() + patience
    while (state.agent(ctx).told or 0.0) < before.told + SHORTEST_SEC:
        if time.monotonic() > deadline:
            ctx.fail(f"no rates: the agent has told nothing new for {times.span(patience)}")
        time.sleep(_POLL_SEC)
    return reading(ctx, beside)
