"""``show telegen``: the plug-in. Click and the standard library only; all else is imported when a command runs."""

from __future__ import annotations

import importlib
from typing import Any

import click


def _ours(module: str) -> Any:
    """The part of the package where the command's work is done."""
    try:
        return importlib.import_module(f"sonic_telegen.cli.{module}")
    except ImportError as problem:
        raise click.ClickException(f"sonic-telegen is not installed as a whole ({problem}); install it anew") from None


_TELEGEN = """Show the telemetry agent.

Without a command: whether it runs, its version, its jobs in numbers, and what became of its exports.
"""
_json = click.option("-j", "--json", "as_json", is_flag=True, help="Print JSON")
_raw = click.option("--raw", is_flag=True, help='Everything that was ever counted, whatever "sonic-clear" cleared')


@click.pass_context
def _agent(ctx: click.Context, as_json: bool) -> None:
    if ctx.invoked_subcommand is None:
        _ours("showing").agent(ctx, as_json)
    elif as_json:
        ctx.fail(f"--json goes behind the command: {ctx.command_path} {ctx.invoked_subcommand} --json")


@click.command("jobs")
@_json
@click.pass_context
def jobs(ctx: click.Context, as_json: bool) -> None:
    """Show all jobs: what was asked, and what became of it.

    "running" means that every program that the job wants was seen in the kernel. Below the table each job that does
    not just run says why. A job whose row is gone stays for an hour.
    """
    _ours("showing").jobs(ctx, as_json)


@click.command("job")
@click.argument("job_id", metavar="<job_id>")
@_json
@click.pass_context
def job(ctx: click.Context, job_id: str, as_json: bool) -> None:
    """Show the job <job_id>, field by field.

    mirror_mode is the mode in force, asked_mirror_mode what the job's row says. Below it, what the job found: by class,
    and for a job with a program of its own packets by size, what was sampled, and what was lost.
    """
    _ours("showing").job(ctx, job_id, as_json)


@click.command("flows")
@click.argument("job_id", metavar="<job_id>")
@_json
@click.pass_context
def flows(ctx: click.Context, job_id: str, as_json: bool) -> None:
    """Show the flows of the job <job_id> with most bytes.

    It must have been asked for them (result_detail=flows). Below the table: what other flows have, what was in no flow
    because too many new ones came at once (untracked), and what the table gave up because it was full (evicted).
    """
    _ours("showing").flows(ctx, job_id, as_json)


@click.command("interfaces")
@click.argument("port", metavar="[<port>]", required=False)
@click.option("--rate", is_flag=True, help="Packets and bits a second between two readings instead of totals")
@_raw
@_json
@click.pass_context
def interfaces(ctx: click.Context, port: str | None, rate: bool, raw: bool, as_json: bool) -> None:
    """Show what was counted on <port>, or on all ports, by direction and class.

    Bytes are those on the wire without the frame check sequence. ASIC_PKTS is what the switch itself counted on the
    port (COUNTERS_DB), and CPU_SEEN the part of it that the agent could see: on a hardware switch only frames that
    are punted to the CPU or sent by it pass the netdev. Totals of both can be compared only since one moment, so
    CPU_SEEN needs "sonic-clear telegen counters" first, or --rate. Both are read at moments of their own, up to one
    export interval apart: soon after, the figure is rough.
    """
    if rate:
        _ours("counting").interface_rates(ctx, port, as_json)
    else:
        _ours("counting").interfaces(ctx, port, raw, as_json)


@click.command("punt")
@click.argument("port", metavar="[<port>]", required=False)
@click.option("-a", "--all", "every", is_flag=True, help="Also what had no packet between the last two readings")
@_raw
@_json
@click.pass_context
def punt(ctx: click.Context, port: str | None, every: bool, raw: bool, as_json: bool) -> None:
    """Show who is on the way to the CPU: control protocols by port, beside the limits of CoPP.

    Worst first: by the part that the protocol takes of the CIR of its trap group (USED). Below, each trap group with
    all of its protocols on all ports, which share that CIR. On a hardware switch the ASIC has dropped what is above it,
    so that USED near 100 % means that packets are dropped. Protocols are told apart while a job has port=all, and only
    in what comes in.
    """
    _ours("punting").punt(ctx, port, every, raw, as_json)


@click.command("histogram")
@click.argument("port", metavar="<port>")
@click.option("-d", "--direction", metavar="<direction>", help="Only this direction (default: all that are counted)")
@click.option("--by-class", is_flag=True, help="One histogram for each class instead of one for all")
@_raw
@_json
@click.pass_context
def histogram(ctx: click.Context, port: str, direction: str | None, by_class: bool, raw: bool, as_json: bool) -> None:
    """Show the packets of <port> by size, as bars.

    Sizes are bytes on the wire without the frame check sequence, both edges of a range included. The bar of the most
    frequent size is full.
    """
    _ours("counting").histogram(ctx, port, direction, by_class, raw, as_json)


@click.command("doctor")
@click.argument("port", metavar="<port>")
@_json
@click.pass_context
def doctor(ctx: click.Context, port: str, as_json: bool) -> None:
    """Find out why nothing is counted on <port>, or nothing arrives at the collector.

    A line for each check: "ok", "warn" (explains, or cannot tell) or "fail" (a cause), what was found, and what to do.
    Ends with status 1 if there is a cause. Netdev, link, route and collector are looked at from the network namespace
    of this command; where the agent is in another one, that is said. Nothing is sent but one TCP connection attempt.
    """
    _ours("examine").examine(ctx, port, as_json)


@click.command("watch")
@click.option("--count", type=click.IntRange(1), metavar="<number>", help="End after so many snapshots")
@_json
@click.pass_context
def watch(ctx: click.Context, count: int | None, as_json: bool) -> None:
    """Show jobs and rates again every second until q or Ctrl-C is pressed.

    Rates are those between the agent's last two readings, which are one export interval apart. Where the output is no
    terminal, or a dumb one, snapshots are printed one after the other; with --json each is one line.
    """
    _ours("watch").watch(ctx, count, as_json)


@click.command("global")
@_json
@click.pass_context
def settings(ctx: click.Context, as_json: bool) -> None:
    """Show the settings in force and where each comes from.

    That is the row TELEGEN|GLOBAL, a variable in the agent's environment, or the default.
    """
    _ours("showing").settings(ctx, as_json)


def register(cli: click.Group) -> None:
    """Add ``telegen`` to SONiC's ``show``; its group abbreviates as the root does."""
    if "telegen" in cli.commands:
        raise RuntimeError("telegen already exists in CLI")
    telegen = type(cli)("telegen", callback=_agent, help=_TELEGEN, invoke_without_command=True)
    _json(telegen)
    for command in (jobs, job, flows, interfaces, punt, histogram, doctor, watch, settings):
        telegen.add_command(command)
    cli.add_command(telegen)
