"""What the commands know of fields, all of it from the schema: options, commands of ``global``, names.

Values are judged by the codec alone, so options take any text. A field of a later version has a hidden option: the
codec's answer says more than that there is no such option.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

import click

from sonic_telegen.cli import link
from sonic_telegen.db import codec, schema
from sonic_telegen.errors import ConfigError

_GLOBAL_ROW = f"{schema.GLOBAL_TABLE}{schema.SEPARATOR}{schema.GLOBAL_KEY}"
_OF_THE_DOOR = "owner"  # says which door wrote the row, so each door sets it itself


def job_options() -> tuple[click.Parameter, ...]:
    """An option for each field of a job."""
    return tuple(
        click.Option(
            [f"--{dashed(name)}", name], metavar="<value>", help=_job_help(name, field), hidden=not field.available
        )
        for name, field in schema.JOB_FIELDS.items()
        if name != _OF_THE_DOOR
    )


def global_commands() -> Iterator[click.Command]:
    """A command for each field of ``TELEGEN|GLOBAL``."""
    for name, field in schema.GLOBAL_FIELDS.items():
        yield _global_command(name, field)


def unset(ctx: click.Context, given: str) -> None:
    """Take the field out of the row ``TELEGEN|GLOBAL``."""
    rows = link.config_db(ctx)
    row = rows.get_entry(schema.GLOBAL_TABLE, schema.GLOBAL_KEY)
    name = known_name(given, schema.GLOBAL_FIELDS, row)
    if name is None:
        is_set = ", ".join(map(codec.printable, sorted(row))) or "nothing"
        ctx.fail(f"{codec.printable(given)}: no field of {_GLOBAL_ROW}; what is set: {is_set}")
    if name in row:
        rows.clear_field(schema.GLOBAL_TABLE, schema.GLOBAL_KEY, name)
        click.echo(f"{codec.printable(name)} unset")
    else:
        click.echo(f"{name} is not set")


def known_name(given: str, known: Mapping[str, schema.Field], row: Container[str]) -> str | None:
    """The field that ``given`` (dashes or underscores) names: one of the schema, or whatever the row has; else None."""
    name = given.replace("-", "_")
    if name in known:
        return name
    return given if given in row else None


def dashed(name: str) -> str:
    """A field's name as option and command."""
    return name.replace("_", "-")


def _global_command(name: str, field: schema.Field) -> click.Command:
    def body(ctx: click.Context, value: str) -> None:
        try:
            codec.check_fields({name: value}, schema.GLOBAL_FIELDS, _GLOBAL_ROW)
        except ConfigError as problem:
            ctx.fail(str(problem))
        link.config_db(ctx).mod_entry(schema.GLOBAL_TABLE, schema.GLOBAL_KEY, {name: value})
        click.echo(f"{name} set to {value}")

    text = f"{field.description}: {field.values}.\n\n{_unset_value(field)}"
    return click.Command(
        dashed(name),
        params=[click.Argument(["value"], metavar="<value>")],
        callback=click.pass_context(body),
        help=text,
        short_help=field.description,
        hidden=not field.available,
        context_settings={"ignore_unknown_options": True},  # "-1" is a bad value, not an option
    )


def _unset_value(field: schema.Field) -> str:
    usual = f"Default: {field.default}" if field.default else "No default"
    return f"{usual}, unless {field.environment} is in the agent's environment." if field.environment else f"{usual}."


def _job_help(name: str, field: schema.Field) -> str:
    if field.mandatory:
        usual = "mandatory"
    elif field.default:
        usual = f"default {field.default}"
    else:
        usual = "default as set for all jobs" if name in schema.GLOBAL_FIELDS else "default any"
    return f"{field.description} ({field.values}; {usual})"
