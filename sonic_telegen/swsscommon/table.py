"""Table: the rows under one table name, as (field, value) tuples without types."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from sonic_telegen.swsscommon.config import SonicDBConfig
from sonic_telegen.swsscommon.connector import DBConnector
from sonic_telegen.swsscommon.failure import RedisFailure
from sonic_telegen.swsscommon.link import Argument, Reply, encode

Row: TypeAlias = "tuple[tuple[str, str], ...]"


class FieldValuePairs(list[tuple[str, str]]):
    """A list of (field, value) tuples; TypeError for items that are no pairs of text."""

    def __init__(self, pairs: Iterable[Sequence[str]] = ()) -> None:
        super().__init__(_pair(item) for item in pairs)


class RedisPipeline:
    """Writes collected up to ``sz`` and sent in one go, on a connection of its own."""

    def __init__(self, db: DBConnector, sz: int = 128) -> None:
        self._db = db.newConnector(0)
        self._limit = sz
        self._waiting: list[Sequence[Argument]] = []

    def push(self, *command: Argument) -> None:
        """Add a write; sends all when there are ``sz``."""
        for argument in command:
            encode(argument)  # a bad argument fails its own call, not a later flush
        self._waiting.append(command)
        if len(self._waiting) >= self._limit:
            self.flush()

    def ask(self, *command: Argument) -> Reply:
        """Send what waits, then this command, and return its reply."""
        self.flush()
        return self._db._link.call(*command)

    def flush(self) -> None:
        """Send what waits; RuntimeError for the first write that Redis refused (the others were carried out)."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._db.pipelined(waiting)

    def size(self) -> int:
        """How many writes wait."""
        return len(self._waiting)

    def getDbId(self) -> int:
        """The database's number."""
        return self._db.getDbId()

    def getDbName(self) -> str:
        """The database's name, empty if it was opened by number."""
        return self._db.getDbName()

    def getDBConnector(self) -> DBConnector:
        """The pipeline's own connector."""
        return self._db

    def __del__(self) -> None:
        with contextlib.suppress(RedisFailure, AttributeError):
            self.flush()


class TableBase:
    """A table's name and how its keys are spelled; ValueError for a separator other than ``:`` or ``|``."""

    def __init__(self, tableName: str, tableSeparator: str) -> None:
        if tableSeparator not in ("", ":", "|", ":|"):
            raise ValueError("Invalid table name separator")
        self._table, self._separator = tableName, tableSeparator

    def getTableName(self) -> str:
        """The table's name."""
        return self._table

    def getTableNameSeparator(self) -> str:
        """What stands between table and key."""
        return self._separator

    def getKeyName(self, key: str) -> str:
        """The whole key of a row; an empty ``key`` names the table itself."""
        return f"{self._table}{self._separator}{key}" if key else self._table


class Table(TableBase):
    """Rows of one table, on a connection of its own: ``Table(db, name)``.

    ``Table(pipeline, name, buffered)`` with ``buffered`` leaves the writing to the pipeline's ``flush``. Unlike
    ConfigDBConnector it shows placeholder rows as ``(("NULL", "NULL"),)`` and lists as their comma string. Field names
    lose everything from ``@`` on. Errors: RuntimeError from Redis, TypeError for values that are no text.
    """

    def __init__(self, db: DBConnector | RedisPipeline, tableName: str, buffered: bool = False) -> None:
        self._pipe = db if isinstance(db, RedisPipeline) else RedisPipeline(db, 1)
        super().__init__(tableName, SonicDBConfig.getSeparator(self._pipe.getDBConnector()))
        self._buffered = buffered

    def get(self, key: str) -> tuple[bool, Row]:
        """(True, fields) or (False, ()) when there is no such row."""
        self._pipe.flush()
        row = stripped(self._pipe.getDBConnector().hgetall(self.getKeyName(key)))
        return bool(row), row

    def hget(self, key: str, field: str) -> tuple[bool, str]:
        """(True, value) or (False, ""); the real library cuts the value at an ``@``, so does this."""
        self._pipe.flush()
        value = self._pipe.getDBConnector().hget(self.getKeyName(key), field)
        return (False, "") if value is None else (True, _before_at(value))

    def set(self, key: str, values: Sequence[tuple[str, str]], op: str = "", prefix: str = "", ttl: int = -1) -> None:
        """Write the fields, others stay; nothing happens for no fields. ``ttl`` seconds, -1 for ever."""
        pairs = [_strict_pair(item) for item in values]
        if not pairs:
            return
        self._push("HSET", self.getKeyName(key), *(part for pair in pairs for part in pair))
        if ttl != -1:
            self._push("EXPIRE", self.getKeyName(key), str(ttl))

    def hset(self, key: str, field: str, value: str, op: str = "", prefix: str = "") -> None:
        """Write one field."""
        self._push("HSET", self.getKeyName(key), field, value)

    def hdel(self, key: str, field: str, op: str = "", prefix: str = "") -> None:
        """Remove one field."""
        self._pipe.push("HDEL", self.getKeyName(key), field)

    def delete(self, key: str, op: str = "", prefix: str = "") -> None:
        """Remove the row."""
        self._pipe.push("DEL", self.getKeyName(key))

    def _del(self, key: str, op: str = "", prefix: str = "") -> None:
        self.delete(key)

    def getKeys(self) -> tuple[str, ...]:
        """Keys of all rows, without the table's name."""
        self._pipe.flush()
        keys = self._pipe.getDBConnector().keys(f"{self._table}{self._separator}*")
        return tuple(key[len(self._table) + 1 :] for key in keys)

    def setBuffered(self, buffered: bool) -> None:
        """Whether ``set`` and ``hset`` leave the sending to the pipeline."""
        self._buffered = buffered

    def flush(self) -> None:
        """Send what waits."""
        self._pipe.flush()

    def rows(self, keys: Sequence[str]) -> list[Row]:
        """``get`` of many rows in few round trips (ours), ``()`` where there is none."""
        self._pipe.flush()
        found = self._pipe.getDBConnector().rows(self.getKeyName(key) for key in keys)
        return [stripped(row) for row in found]

    def _push(self, *command: Argument) -> None:
        self._pipe.push(*command)
        if not self._buffered:
            self._pipe.flush()


def stripped(row: dict[str, str]) -> Row:
    """The row as tuples, field names without the ``@`` that marks lists."""
    return tuple((_before_at(field), value) for field, value in row.items())


def _before_at(text: str) -> str:
    return text.partition("@")[0]


def _pair(item: Sequence[str]) -> tuple[str, str]:
    if isinstance(item, str) or len(item) != 2 or not all(isinstance(part, str | bytes) for part in item):
        raise TypeError(f"a pair of texts expected, not {item!r}")
    return item[0], item[1]


def _strict_pair(item: object) -> tuple[str, str]:
    if not isinstance(item, tuple):
        raise TypeError(f"a tuple (field, value) expected, not {item!r}")
    return _pair(item)
