"""``config telegen``: the plug-in. Click and the standard library only; all else is imported when a command runs."""

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


class JobCommand(click.Command):
    """A command with an option for each field of a job; the fields are looked up when the command is used.

    A property rather than ``get_params``: click 7.0 completes words from the attribute.
    """

    _own: list[click.Parameter]
    _all: list[click.Parameter] | None = None

    @property
    def params(self) -> list[click.Parameter]:
        """Arguments, other options, fields."""
        if self._all is None:
            self._all = [*self._own, *_ours("fields").job_options()]
        return self._all

    @params.setter
    def params(self, own: list[click.Parameter]) -> None:
        self._own, self._all = own, None


def global_group(base: type[click.Group]) -> click.Group:
    """``global``: a command for each field of ``TELEGEN|GLOBAL``, made when the group is used."""

    class GlobalGroup(base):  # type: ignore[valid-type,misc]
        def _fill(self) -> None:
            if len(self.commands) == 1:
                for command in _ours("fields").global_commands():
                    self.add_command(command)

        def list_commands(self, ctx: click.Context) -> list[str]:
            self._fill()
            return [name for name in super().list_commands(ctx) if not self.commands[name].hidden]

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            self._fill()
            found: click.Command | None = super().get_command(ctx, cmd_name)
            return found

    group: click.Group = GlobalGroup("global", help=_GLOBAL)
    group.add_command(unset)
    return group


_TELEGEN = """Configure the telemetry agent.

Jobs ask for telemetry on a port; global settings hold for all of them. Everything is a row of CONFIG_DB: it counts
at once, and "config save" keeps it.
"""
_JOB = """Add, change and remove telemetry jobs (rows of TELEGEN_JOB)."""
_GLOBAL = """Set what holds for all jobs (the row TELEGEN|GLOBAL).

One command for each field, with its value as argument. A field that is not set has the value that the agent's
environment gives it, or its default; "show telegen global" tells which.
"""
_id = click.argument("job_id", metavar="<job_id>")


@click.command("add", cls=JobCommand)
@_id
@click.pass_context
def add(ctx: click.Context, /, job_id: str, **fields: str | None) -> None:
    """Add the job <job_id>: 1 to 64 letters, digits, '_', '.' or '-'.

    The port is mandatory; what is not given has its default. The agent attaches the job at once, or as soon as the
    port's netdev exists.
    """
    _ours("jobs").add(ctx, job_id, fields)


@click.command("update", cls=JobCommand)
@_id
@click.option("--clear", multiple=True, metavar="<field>", help="Take the field out of the row; may be repeated")
@click.pass_context
def update(ctx: click.Context, /, job_id: str, clear: tuple[str, ...], **fields: str | None) -> None:
    """Change fields of the job <job_id>; those that are not given stay as they are.

    A change of port, direction, mirror mode, duration or of what the job asks makes it a new job that counts from zero.
    """
    _ours("jobs").update(ctx, job_id, fields, clear)


@click.command("del")
@_id
@click.pass_context
def delete(ctx: click.Context, job_id: str) -> None:
    """Remove the job <job_id>; its last state stays readable for an hour."""
    _ours("jobs").delete(ctx, job_id)


@click.command("enable")
@_id
@click.pass_context
def enable(ctx: click.Context, job_id: str) -> None:
    """Let the job <job_id> run."""
    _ours("jobs").switch(ctx, job_id, True)


@click.command("disable")
@_id
@click.pass_context
def disable(ctx: click.Context, job_id: str) -> None:
    """Stop the job <job_id> and keep its row."""
    _ours("jobs").switch(ctx, job_id, False)


@click.command("unset", short_help="Back to the environment or the default")
@click.argument("field", metavar="<field>")
@click.pass_context
def unset(ctx: click.Context, field: str) -> None:
    """Take <field> out of the row: the agent's environment or the default counts again."""
    _ours("fields").unset(ctx, field)


def register(cli: click.Group) -> None:
    """Add ``telegen`` to SONiC's ``config``; its groups abbreviate as the root does."""
    if "telegen" in cli.commands:
        raise RuntimeError("telegen already exists in CLI")
    group = type(cli)
    job = group("job", help=_JOB)
    for command in (add, update, delete, enable, disable):
        job.add_command(command)
    telegen = group("telegen", help=_TELEGEN)
    telegen.add_command(job)
    telegen.add_command(global_group(group))
    cli.add_command(telegen)
