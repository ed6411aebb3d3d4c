"""ConfigDBPipeConnector: ConfigDBConnector whose whole-config calls are one transaction, read by SCAN."""

from __future__ import annotations

from typing import Any

from sonic_telegen.swsscommon.configdb import ConfigDBConnector, change
from sonic_telegen.swsscommon.connector import DBConnector, array, fields
from sonic_telegen.swsscommon.failure import ReplyFailure
from sonic_telegen.swsscommon.link import Argument, Reply
from sonic_telegen.swsscommon.typed import Raw

_SCAN_COUNT = 30


class ConfigDBPipeConnector(ConfigDBConnector):
    """``set_entry`` and ``mod_config`` happen all at once (MULTI/EXEC); ``get_config`` does not block the server."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def _set_raw(self, table: str, key: str, raw: Raw) -> None:
        client, row_key = self._client(), self._row_key(table, key)
        stale = [field for field in client.hgetall(row_key) if field not in raw] if raw else []
        _transact(client, [change(row_key, raw), *(("HDEL", row_key, field) for field in stale)])

    def _modify_config(self, config: dict[str, dict[str, Raw]]) -> None:
        client = self._client()
        commands: list[tuple[str, ...]] = []
        for table, rows in config.items():
            if not rows:
                commands += [("DEL", key) for key in _scan(client, self._row_key(table, "*"))]
            commands += [change(self._row_key(table, key), raw) for key, raw in rows.items()]
        _transact(client, commands)

    def _read_config(self) -> dict[str, dict[str, Raw]]:
        client = self._client()
        config: dict[str, dict[str, Raw]] = {}
        cursor, first = 0, True
        while cursor or first:
            cursor, found = client.scan(cursor, "*", _SCAN_COUNT)
            first = False
            keys = [key for key in found if self._separator in key]
            rows = _transact(client, [("HGETALL", key) for key in keys])
            for key, row in zip(keys, rows, strict=True):
                table, _, rest = key.partition(self._separator)
                config.setdefault(table, {})[rest] = fields(array(row))
        return config


def _scan(client: DBConnector, pattern: str) -> list[str]:
    found: dict[str, None] = {}
    cursor, keys = client.scan(0, pattern, _SCAN_COUNT)
    found.update(dict.fromkeys(keys))
    while cursor:
        cursor, keys = client.scan(cursor, pattern, _SCAN_COUNT)
        found.update(dict.fromkeys(keys))
    return list(found)


def _transact(client: DBConnector, commands: list[tuple[str, ...]]) -> list[Reply]:
    """Carry them out as one transaction; ReplyFailure for the first that was refused."""
    framed: list[tuple[Argument, ...]] = [("MULTI",), *commands, ("EXEC",)]
    replies = array(client.pipelined(framed)[-1])
    for command, reply in zip(commands, replies, strict=True):
        if isinstance(reply, ReplyFailure):
            raise ReplyFailure(f"{command[0]} {command[1]}: {reply}")
    return replies
