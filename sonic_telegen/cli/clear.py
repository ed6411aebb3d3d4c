"""``sonic-clear telegen``: the plug-in. Click and the standard library only; all else is imported in the body."""

from __future__ import annotations

import click


@click.command("counters")
@click.argument("port", metavar="<port>", required=False)
@click.pass_context
def counters(ctx: click.Context, port: str | None) -> None:
    """Clear the counters of <port>, or of all ports, for you.

    From now on "show telegen interfaces", "show telegen histogram" and "show telegen punt" tell you what was counted
    since. Nobody else's view, no exported metric and no counter of the agent changes.
    """
    try:
        from sonic_telegen.cli import clearing
    except ImportError as problem:
        raise click.ClickException(f"sonic-telegen is not installed as a whole ({problem}); install it anew") from None
    clearing.counters(ctx, port)


def register(cli: click.Group) -> None:
    """Add ``telegen`` to SONiC's ``sonic-clear``; its group abbreviates as the root does."""
    if "telegen" in cli.commands:
        raise RuntimeError("telegen already exists in CLI")
    telegen = type(cli)("telegen", help="Clear what the telemetry agent counted, for you.")
    telegen.add_command(counters)
    cli.add_command(telegen)
