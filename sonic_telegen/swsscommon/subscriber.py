"""SubscriberStateTable: a table's rows, first those there are, then every change as it happens."""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from sonic_telegen.swsscommon.config import SonicDBConfig
from sonic_telegen.swsscommon.connector import DBConnector
from sonic_telegen.swsscommon.pubsub import RedisSelect, message
from sonic_telegen.swsscommon.select import Selectable
from sonic_telegen.swsscommon.table import Row, Table, TableBase

SET_COMMAND = "SET"
DEL_COMMAND = "DEL"

Change: TypeAlias = "tuple[str, str, Row]"  # key without the table's name, SET or DEL, fields


class SubscriberStateTable(RedisSelect, TableBase):
    """Subscribes first and then reads, so no change is missed between; a change may then be told twice.

    Only a literal ``del`` event is a DEL. Any other event is a SET with the row as it is when it is popped; if the row
    is gone by then nothing comes out (its own ``del`` follows). FLUSHDB, RENAME and expiry are therefore not seen as
    DEL. With asyncio: call ``pops`` while ``hasData``, then ``loop.add_reader(table.getFd(), ...)`` with ``readData``
    and the same in the callback. Errors: RuntimeError when Redis is gone.
    """

    def __init__(self, db: DBConnector, tableName: str, popBatchSize: int = 128, pri: int = 0) -> None:
        RedisSelect.__init__(self, pri)
        TableBase.__init__(self, tableName, SonicDBConfig.getSeparator(db))
        self.POP_BATCH_SIZE = popBatchSize
        self._rows = Table(db, tableName)
        self._buffer: deque[Change] = deque()
        self._pattern = f"__keyspace@{db.getDbId()}__:{tableName}{self.getTableNameSeparator()}*"
        self._psubscribe(db, self._pattern)
        keys = self._rows.getKeys()
        for key, row in zip(keys, self._rows.rows(keys), strict=True):
            if row:
                self._buffer.append((key, SET_COMMAND, row))

    def hasData(self) -> bool:
        """Whether rows or events wait."""
        return bool(self._buffer or self._events)

    def hasCachedData(self) -> bool:
        """Whether more than one does."""
        return len(self._buffer) + len(self._events) > 1

    def initializedWithData(self) -> bool:
        """Whether there were rows at the start, or changes since."""
        return self.hasData()

    def empty(self) -> bool:
        """Whether no row waits that was read already."""
        return not self._buffer

    def pop(self, prefix: str = "") -> Change:
        """The next (key, op, fields); ``("", "", ())`` when nothing waits."""
        if not self._buffer:
            self._buffer.extend(self._changes())
        return self._buffer.popleft() if self._buffer else ("", "", ())

    def pops(self, prefix: str = "") -> tuple[tuple[str, ...], tuple[str, ...], tuple[Row, ...]]:
        """All that waits, as three sequences: keys, ops, rows. What was read at the start comes alone, first."""
        changes = list(self._buffer) or self._changes()
        self._buffer.clear()
        return (
            tuple(key for key, _, _ in changes),
            tuple(op for _, op, _ in changes),
            tuple(row for _, _, row in changes),
        )

    def _changes(self) -> list[Change]:
        """Turn the events that wait into changes, reading each row now."""
        events = [self._change_of(message(event)) for event in self._events]
        self._events.clear()
        touched = [key for key, op in events if op == SET_COMMAND]
        rows = iter(self._rows.rows(touched))
        changes: list[Change] = []
        for key, op in events:
            row = next(rows) if op == SET_COMMAND else ()
            if row or op == DEL_COMMAND:
                changes.append((key, op, row))
        return changes

    def _change_of(self, event: dict[str, str]) -> tuple[str, str]:
        if event.get("pattern") != self._pattern:
            return "", ""
        entry = event["channel"].partition(":")[2]
        _, separator, key = entry.partition(self.getTableNameSeparator())
        if not separator:
            return "", ""
        return key, DEL_COMMAND if event["data"] == "del" else SET_COMMAND


def CastSelectableToSubscriberTableObj(temp: Selectable | None) -> SubscriberStateTable | None:
    """The Selectable as the SubscriberStateTable it is, None if it is something else."""
    return temp if isinstance(temp, SubscriberStateTable) else None


def CastSelectableToRedisSelectObj(temp: Selectable | None) -> RedisSelect | None:
    """The Selectable as the RedisSelect it is, None if it is something else."""
    return temp if isinstance(temp, RedisSelect) else None


def transpose_pops(
    m: tuple[tuple[str, ...], tuple[str, ...], tuple[Row, ...]],
) -> list[tuple[str, str, Row]]:
    """The three sequences of ``pops`` as a list of (key, op, fields)."""
    return list(zip(*m, strict=True))
