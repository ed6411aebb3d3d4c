"""What the agent told in STATE_DB, as the bodies of ``show telegen`` read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from sonic_telegen.cli import link, times
from sonic_telegen.cli.names import spell
from sonic_telegen.cli.tables import clean
from sonic_telegen.db import codec, results, schema, view

RESYNC_SEC = 60  # the agent writes its row once a minute even when nothing happens
_SLACK_SEC = 5

_AGENT = f"{schema.STATE_AGENT_TABLE}{schema.SEPARATOR}{schema.GLOBAL_KEY}"
_SETTINGS = f"{schema.STATE_AGENT_TABLE}{schema.SEPARATOR}{schema.SETTINGS_KEY}"


@dataclass(frozen=True, slots=True)
class Agent:
    """The agent's row, typed; ``alive``: it is not older than a running agent leaves it."""

    row: Mapping[str, Any]
    interval: float  # s between two readings of the counters
    at: float  # when this was looked at (Unix s)

    @property
    def told(self) -> float | None:
        """When it told last (Unix s), None for never."""
        return times.seconds(self.row["updated_at"])

    @property
    def patience(self) -> float:
        """How old its row may be (s): two beats."""
        return 2 * min(self.interval, RESYNC_SEC) + _SLACK_SEC

    @property
    def alive(self) -> bool:
        """Whether it can be taken for running."""
        return self.told is not None and self.at - self.told <= self.patience

    def warning(self) -> str:
        """What must be said before anything that the agent told; empty while it runs."""
        if self.alive:
            return ""
        if self.told is None:
            return "The agent is not running: it has told nothing yet"
        last = times.ago(self.row["updated_at"], self.at)
        return f"The agent is not running: it last told {last}, and what is shown is of that time"


def agent(ctx: click.Context) -> Agent:
    """What the agent says of itself."""
    rows = link.state_db(ctx)
    field = schema.GLOBAL_FIELDS["export_interval"]
    interval = rows.get_all(_SETTINGS).get("export_interval", "")
    try:
        beat = float(interval or field.default)
    except ValueError:
        beat = float(field.default)
    return Agent(view.agent(rows.get_all(_AGENT)), min(max(beat, 1.0), 300.0), times.now())


def jobs(ctx: click.Context) -> list[dict[str, Any]]:
    """Every job, its row joined with its status."""
    asked = link.config_db(ctx).get_table(schema.JOB_TABLE)
    return view.jobs(asked, link.state_db(ctx).table(schema.STATE_JOB_TABLE))


def found(ctx: click.Context, job: Mapping[str, Any]) -> dict[str, Any]:
    """What a job found, told or not; ``job`` as ``jobs`` has it."""
    rows = link.state_db(ctx)
    row = rows.get_all(f"{schema.STATE_RESULT_TABLE}{schema.SEPARATOR}{job['job_id']}")
    return results.shown(job, row, view.agent(rows.get_all(_AGENT)))


def settings(ctx: click.Context) -> dict[str, dict[str, Any]]:
    """Value in force and origin of each field that GLOBAL may have; empty before the agent told them."""
    row = link.state_db(ctx).get_all(_SETTINGS)
    return {
        name: {
            "value": view.value(field, row[name]),
            "origin": codec.printable(row.get(name + schema.ORIGIN, "")),
        }
        for name, field in schema.GLOBAL_FIELDS.items()
        if field.available and name in row
    }


def hooks(ctx: click.Context) -> dict[str, dict[str, str]]:
    """The rows of TELEGEN_INTERFACE_TABLE by ``<netdev>|<direction>``, which is valid UTF-8 as it is shown."""
    rows = link.state_db(ctx).table(schema.STATE_INTERFACE_TABLE)
    return {codec.printable(key): row for key, row in rows.items()}


def punts(ctx: click.Context) -> dict[str, dict[str, str]]:
    """The rows of TELEGEN_PUNT_TABLE by ``<netdev>|<protocol>``, likewise."""
    rows = link.state_db(ctx).table(schema.STATE_PUNT_TABLE)
    return {codec.printable(key): row for key, row in rows.items()}


def netdev(key: str) -> str:
    """The netdev in a key of either table."""
    return key.rpartition(schema.SEPARATOR)[0]


def chosen(ctx: click.Context, rows: Mapping[str, dict[str, str]], port: str | None) -> dict[str, dict[str, str]]:
    """The hooks of the port that was given, or all; ends the command when that port is not counted."""
    if port is None:
        return dict(rows)
    name = codec.printable(link.port_name(ctx, port))
    found = {key: row for key, row in rows.items() if netdev(key) == name}
    if not found:
        counted = ", ".join(dict.fromkeys(clean(netdev(key)) for key in sorted(rows, key=view.natural)))
        given = clean(codec.printable(port))
        why = spell(ctx, "show", f"doctor {given}")
        ctx.fail(f"{given} is not counted; counted: {counted or 'nothing'}; why: {why}")
    return found


def print_json(value: object) -> None:
    """As SONiC's commands print it."""
    click.echo(json.dumps(value, indent=4))
