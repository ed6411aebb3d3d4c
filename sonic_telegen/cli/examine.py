"""Body of ``show telegen doctor``: gathers what the checks judge, and prints what they find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from sonic_telegen.cli import doctor, link, probes, readings, state
from sonic_telegen.cli.findings import Facts, Mark, failed
from sonic_telegen.cli.names import STANDALONE, spell
from sonic_telegen.db import codec, ports, schema, view
from sonic_telegen.errors import ConfigError
from sonic_telegen.model.job import ALL_PORTS, FRONT_PANEL, MirrorMode
from sonic_telegen.model.status import Reason

_SESSIONS, _SESSION_STATES = "MIRROR_SESSION", "MIRROR_SESSION_TABLE"
_COLORS = {Mark.OK: "green", Mark.WARN: "yellow", Mark.FAIL: "red"}


def examine(ctx: click.Context, port: str, as_json: bool) -> None:
    """All findings; ends with 1 when one of them is a cause."""
    if port == ALL_PORTS:
        ctx.fail("one port is looked at; name it")
    found = doctor.judge(gather(ctx, link.port_name(ctx, port)))
    if as_json:
        state.print_json(
            [{"check": f.check, "mark": f.mark.value, "finding": f.finding, "remedy": f.remedy} for f in found]
        )
    else:
        for each in found:
            click.echo(f"{click.style(f'{each.mark.value:<4}', fg=_COLORS[each.mark])}  {each.line()}")
    if failed(found):
        ctx.exit(1)


def gather(ctx: click.Context, port: str) -> Facts:
    """What there is to know of the port."""
    seen = state.agent(ctx)
    tables = {table: link.config_db(ctx).get_keys(table) for table in ports.TABLES}
    rows = {key: row for key, row in state.hooks(ctx).items() if state.netdev(key) == codec.printable(port)}
    jobs = [job for job in state.jobs(ctx) if _covers(job, port, tables[schema.PORT_TABLE])]
    vrf = state.settings(ctx).get("otlp_vrf", {}).get("value", "")
    mirrored = any(job["mirror_mode"] == MirrorMode.ASIC for job in jobs)
    return Facts(
        port=codec.printable(port),
        at=seen.at,
        agent=seen.row,
        alive=seen.alive,
        spell=lambda root, words: spell(ctx, root, words),
        sonic=not ctx.meta.get(STANDALONE),
        unknown_port=_unknown(port, tables),
        configured=any(port in keys for keys in tables.values()),
        jobs=jobs,
        hooks=view.interfaces(rows),
        asic={direction: packets for (_, direction), packets in readings.asic(ctx, {port}).items()},
        netdev=probes.netdev(port),
        path=probes.path(seen.row["otlp_endpoint"], vrf) if seen.told else None,
        sessions=_sessions(ctx, port) if mirrored else {},
    )


def _covers(job: Mapping[str, Any], port: str, known: set[str]) -> bool:
    if job["reason"] == Reason.DELETED:
        return False
    if job.get("port") == ALL_PORTS:
        return port in known if known else bool(FRONT_PANEL.fullmatch(port))
    return job.get("port") == port


def _unknown(port: str, tables: Mapping[str, set[str]]) -> str:
    try:
        ports.check_port(port, tables)
    except ConfigError as problem:
        return problem.problem
    return ""


def _sessions(ctx: click.Context, port: str) -> dict[str, str]:
    """Status of the mirror sessions that have the port as a source, empty where orchagent has told none."""
    asked = link.config_db(ctx).get_table(_SESSIONS)
    told = link.state_db(ctx).table(_SESSION_STATES)
    mine = [name for name, row in asked.items() if port in row.get("src_port", "").split(",")]
    return {codec.printable(name): codec.printable(told.get(name, {}).get("status", "")) for name in mine}
