"""Bodies of ``show telegen interfaces`` and ``histogram``: counters as the agent told them, less what was cleared."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from typing import Any

import click

from sonic_telegen.cli import baseline, counters, link, readings, state, times
from sonic_telegen.cli import rates as moving
from sonic_telegen.cli.histogram import bars
from sonic_telegen.cli.names import spell
from sonic_telegen.cli.tables import clean
from sonic_telegen.db import codec, schema, view
from sonic_telegen.model.job import Direction
from sonic_telegen.model.sample import CLASSES, SIZE_BOUNDS
from sonic_telegen.model.values import Words

_DIRECTIONS = Words(tuple(way.value for way in Direction))

Rows = Mapping[str, dict[str, str]]


def interfaces(ctx: click.Context, port: str | None, raw: bool, as_json: bool) -> None:
    """Totals, beside those of the ASIC."""
    rows = state.chosen(ctx, state.hooks(ctx), port)
    since = _since(readings.with_asic(ctx, rows), raw)
    hooks = view.interfaces(since.rows)
    for hook in hooks:
        name = schema.SEPARATOR.join(moving.key(hook))
        hook["asic_packets"] = codec.parse_whole(since.rows[name].get(baseline.ASIC, ""))
        # since the agent attached and since the switch started are no two sums to compare; since one moment they are
        hook["cpu_percent"] = moving.percent(hook["packets"], hook["asic_packets"]) if name in since.cleared else None
        hook["cleared_at"] = times.text(since.cleared.get(name))
    if as_json:
        state.print_json(hooks)
        return
    _warn(ctx)
    click.echo(counters.totals(hooks, link.port_aliases(ctx)))
    notes = _notes(ctx, since)
    if any(hook["asic_packets"] is not None for hook in hooks):
        notes.append(counters.ASIC_NOTE)
        if not since.cleared:
            notes.append(counters.NOT_COMPARED + spell(ctx, "sonic-clear", "counters"))
    if not hooks:
        notes.append(f"Nothing is counted; see: {spell(ctx, 'show', 'jobs')}")
    _print(notes)


def interface_rates(ctx: click.Context, port: str | None, as_json: bool) -> None:
    """Rates between two readings, beside those of the ASIC."""
    netdevs = frozenset(map(state.netdev, state.chosen(ctx, state.hooks(ctx), port)))
    before, after = readings.two(ctx, netdevs)
    hooks = [hook for hook in moving.rates(before, after) if port is None or hook["interface"] in netdevs]
    if as_json:
        state.print_json(hooks)
        return
    click.echo(counters.rates(hooks, link.port_aliases(ctx)))
    notes = [f"Between two readings of the agent, {after.told - before.told:.1f} s apart."]
    if any(hook["asic_packets_per_second"] is not None for hook in hooks):
        notes.append(counters.ASIC_NOTE.replace("ASIC_PKTS", "ASIC PPS"))
    _print(notes)


def histogram(ctx: click.Context, port: str, direction: str | None, by_class: bool, raw: bool, as_json: bool) -> None:
    """Packets by size of one port."""
    if direction is not None and direction not in _DIRECTIONS.choices:
        ctx.fail(f"direction={codec.printable(direction)!r}: use {_DIRECTIONS.words}")
    since = _since(state.chosen(ctx, state.hooks(ctx), port), raw)
    hooks = [hook for hook in view.interfaces(since.rows) if direction in (None, hook["direction"])]
    if not hooks:
        name = clean(codec.printable(port))
        ctx.fail(f"{name} is not counted on {direction}; see: {spell(ctx, 'show', f'doctor {name}')}")
    for hook in hooks:
        hook["bounds"] = list(SIZE_BOUNDS)
        hook["histogram"] = [
            sum(sizes) for sizes in zip(*(hook["classes"][c]["histogram"] for c in CLASSES), strict=True)
        ]
        hook["cleared_at"] = times.text(since.cleared.get(schema.SEPARATOR.join(moving.key(hook))))
    if as_json:
        state.print_json(hooks)
        return
    _warn(ctx)
    aliases = link.port_aliases(ctx)
    blocks = "\n\n".join("\n".join(_drawn(hook, aliases, by_class)) for hook in hooks)
    click.echo(blocks)
    _print(_notes(ctx, since))


def _drawn(hook: Mapping[str, Any], aliases: Mapping[str, str], by_class: bool) -> list[str]:
    width = shutil.get_terminal_size().columns
    blocks = (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "") == "utf8"
    name = f"{clean(aliases.get(hook['interface'], hook['interface']))} {hook['direction']}"
    parts = [(f"{name} {cls}", hook["classes"][cls]) for cls in CLASSES] if by_class else [(name, hook)]
    lines: list[str] = []
    for title, counted in parts:
        head = f"{title}: {counted['packets']:,} packets, {counted['bytes']:,} bytes"
        lines += ["", head] if lines else [head]
        if counted["packets"]:
            lines += bars(counted["histogram"], width, blocks)
    return lines


def _since(rows: Rows, raw: bool) -> baseline.Since:
    return baseline.Since({key: dict(row) for key, row in rows.items()}) if raw else baseline.subtract(rows)


def _notes(ctx: click.Context, since: baseline.Since) -> list[str]:
    notes = []
    if since.cleared:
        first = times.text(min(since.cleared.values()))
        all_of_it = spell(ctx, "show", "interfaces --raw")
        which = "" if len(since.cleared) == len(since.rows) else f" ({', '.join(map(_words, sorted(since.cleared)))})"
        notes.append(f"Counted since this user cleared, at {first}{which}; all that was ever counted: {all_of_it}")
    if since.reset:
        notes.append(f"Counters began anew after they were cleared: {', '.join(map(_words, since.reset))}")
    return notes


def _words(name: str) -> str:
    return clean(name.replace(schema.SEPARATOR, " "))


def _warn(ctx: click.Context) -> None:
    if warning := state.agent(ctx).warning():
        click.echo(f"{warning}\n")


def _print(notes: list[str]) -> None:
    if notes:
        click.echo("\n" + "\n".join(notes))
