"""Body of ``show telegen watch``: jobs and rates once a second, until somebody has seen enough."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from sonic_telegen.cli import counters, link, readings, state, tables, times
from sonic_telegen.cli.rates import Reading, rates
from sonic_telegen.cli.screen import Screen

EVERY_SEC = 1.0
_JOB_COLUMNS = ("job_id", "port", "direction", "status", "reason", "packets", "bytes")


class Moving:
    """Rates of the last two readings that lie far enough apart. Pure."""

    def __init__(self) -> None:
        self._before: Reading | None = None
        self._last: Reading | None = None

    def note(self, reading: Reading) -> list[dict[str, Any]]:
        """The rates after one more reading, None in all of them while there are no two."""
        if self._last is None or reading.told >= self._last.told + readings.SHORTEST_SEC:
            self._before, self._last = self._last, reading
        return rates(self._before or Reading(self._last.told, ()), self._last)

    def forget(self) -> None:
        """Rates begin anew: the agent tells nothing any more."""
        self._before = self._last = None


def watch(ctx: click.Context, count: int | None, as_json: bool) -> None:
    """``count`` snapshots, or until q or Ctrl-C."""
    moving, screen, lines = Moving(), Screen(), [""]
    screen.live = screen.live and not as_json
    shown = 0
    try:
        with screen:
            while True:
                began = time.monotonic()
                seen, jobs = state.agent(ctx), state.jobs(ctx)
                if not seen.alive:
                    moving.forget()
                hooks = moving.note(readings.reading(ctx))
                shown += 1
                if as_json:
                    agent = {**seen.row, "running": seen.alive}
                    click.echo(
                        json.dumps({"time": times.text(seen.at), "agent": agent, "jobs": jobs, "interfaces": hooks})
                    )
                else:
                    lines = picture(seen, jobs, hooks, link.port_aliases(ctx))
                    screen.show([*lines, "", "q ends"] if screen.live else lines)
                if shown == count or screen.pause(began + EVERY_SEC - time.monotonic()):
                    break
    except KeyboardInterrupt:
        pass
    if screen.live:
        click.echo("\n".join(lines))


def picture(
    seen: state.Agent, jobs: Sequence[Mapping[str, Any]], hooks: Sequence[Mapping[str, Any]], aliases: Mapping[str, str]
) -> list[str]:
    """The agent in a line, jobs, rates."""
    row = seen.row
    told = f"running, told {times.ago(row['updated_at'], seen.at)}" if seen.alive else "not running"
    head = f"{times.text(seen.at)}  agent {told}  jobs {row['jobs_running']:,} of {row['jobs']:,} running"
    parts = [head, tables.jobs(jobs, aliases, _JOB_COLUMNS), counters.totals_per_second(hooks, aliases)]
    if not seen.alive:
        parts.insert(1, seen.warning())
    return "\n\n".join(parts).splitlines()
