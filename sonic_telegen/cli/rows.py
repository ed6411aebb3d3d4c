"""Rows as the body of a command reads and writes them, over a connector of SONiC's or of ours.

Whatever goes wrong on the way ends the command with a message and a remedy (``ctx.fail``), never with a traceback.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

from sonic_telegen.db import schema
from sonic_telegen.errors import ConfigError
from sonic_telegen.settings import environment

_LOST = (RuntimeError, OSError, SystemError, IndexError)  # of the real library as well as of ours


class Rows:
    """Reads one database; keys are whole (``TABLE|key``), values and fields as they are stored."""

    def __init__(self, ctx: click.Context, name: str, connector: Any) -> None:
        self._ctx, self._name, self._connector = ctx, name, connector

    def get_all(self, key: str) -> dict[str, str]:
        """A row, ``{}`` if there is none."""
        with reached(self._ctx, self._name):
            return dict(self._connector.get_all(self._name, key) or {})

    def keys(self, pattern: str = "*") -> list[str]:
        """All keys that match the glob."""
        with reached(self._ctx, self._name):
            return list(self._connector.keys(self._name, pattern) or ())

    def table(self, table: str) -> dict[str, dict[str, str]]:
        """The rows of a table by what follows its name in the key; one that vanished meanwhile is left out."""
        with reached(self._ctx, self._name):
            start = table + self._connector.get_db_separator(self._name)
        rows = {key[len(start) :]: self.get_all(key) for key in sorted(self.keys(f"{start}*"))}
        return {key: row for key, row in rows.items() if row}


class ConfigRows:
    """Reads and writes CONFIG_DB; keys of several parts are joined with the separator, all values are text."""

    def __init__(self, ctx: click.Context, reader: Any, writer: Any) -> None:
        self._ctx, self._reader, self._writer = ctx, reader, writer

    def get_entry(self, table: str, key: str) -> dict[str, str]:
        """A row, ``{}`` if it is absent or empty."""
        with reached(self._ctx, schema.CONFIG_DB):
            return _texts(self._reader.get_entry(table, key))

    def get_table(self, table: str) -> dict[str, dict[str, str]]:
        """All rows by key."""
        with reached(self._ctx, schema.CONFIG_DB):
            return {_joined(key): _texts(row) for key, row in self._reader.get_table(table).items()}

    def get_keys(self, table: str) -> set[str]:
        """The keys of all rows."""
        with reached(self._ctx, schema.CONFIG_DB):
            return {_joined(key) for key in self._reader.get_keys(table)}

    def set_entry(self, table: str, key: str, row: Mapping[str, str] | None) -> None:
        """Write a row whole; None deletes it."""
        with self._written(table, key):
            self._writer.set_entry(table, key, None if row is None else dict(row))

    def mod_entry(self, table: str, key: str, fields: Mapping[str, str]) -> None:
        """Write these fields, others stay."""
        with self._written(table, key):
            self._writer.mod_entry(table, key, dict(fields))

    def clear_field(self, table: str, key: str, field: str) -> None:
        """Remove one field, others stay."""
        with self._written(table, key):
            if getattr(self._writer, "yang_enabled", False):
                self._writer.mod_entry(table, key, {field: ""})  # SONiC's spelling of a removal
            else:
                client = self._reader.get_redis_client(schema.CONFIG_DB)
                client.hdel(f"{table}{schema.SEPARATOR}{key}", field)

    @contextmanager
    def _written(self, table: str, key: str) -> Iterator[None]:
        with reached(self._ctx, schema.CONFIG_DB):
            try:
                yield
            except _LOST:
                raise
            except Exception as problem:  # SONiC's validation: ValueError, JsonPatchConflict and a family of its own
                self._ctx.fail(f"{table}{schema.SEPARATOR}{key}: SONiC's validation refused the change: {problem}")


@contextmanager
def reached(ctx: click.Context, name: str) -> Iterator[None]:
    """Turn what a connector raises into a message with a remedy."""
    try:
        yield
    except click.exceptions.Exit:  # a RuntimeError by descent
        raise
    except _LOST as problem:
        where = os.environ.get("TELEGEN_DB_CONFIG") or environment({}).db_config
        remedy = f"see that the database service runs and that TELEGEN_DB_CONFIG (now {where}) names its configuration"
        ctx.fail(f"{name} cannot be reached: {problem}; {remedy}")
    except ConfigError as problem:
        ctx.fail(str(problem))


def _joined(key: object) -> str:
    return schema.SEPARATOR.join(key) if isinstance(key, tuple | list) else str(key)


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    """Fields as stored: the typed reading makes lists of those whose name ends with ``@``."""
    return {
        f"{name}@" if isinstance(value, list) else name: ",".join(value) if isinstance(value, list) else str(value)
        for name, value in row.items()
    }
