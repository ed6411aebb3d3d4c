"""ConfigDBConnector: typed rows of one database by table and key, and the listening loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeAlias

from sonic_telegen.swsscommon.connector import DBConnector
from sonic_telegen.swsscommon.pubsub import PubSub
from sonic_telegen.swsscommon.typed import (
    Key,
    KeyFunction,
    Raw,
    Typed,
    deserialize_key,
    raw_to_typed,
    serialize_key,
    typed_to_raw,
    upper,
)
from sonic_telegen.swsscommon.v2 import SonicV2Connector

Handler: TypeAlias = "Callable[[str, Any, Typed | None], Any]"  # table, key, data; None when the row was deleted
TableData: TypeAlias = "dict[Key, Typed]"


class ConfigDBConnector(SonicV2Connector):
    """Rows as dicts; keys as str, or tuple when of several parts. Table names are upper-cased on every access.

    ``connect`` takes CONFIG_DB, ``db_connect`` any database. IndexError before that; RuntimeError from Redis.
    """

    INIT_INDICATOR = "CONFIG_DB_INITIALIZED"

    raw_to_typed = staticmethod(raw_to_typed)
    typed_to_raw = staticmethod(typed_to_raw)
    serialize_key = KeyFunction(serialize_key)
    deserialize_key = KeyFunction(deserialize_key)

    def __init__(self, use_unix_socket_path: bool = False, namespace: str | None = "", **kwargs: Any) -> None:
        super().__init__(use_unix_socket_path=use_unix_socket_path, namespace=namespace, **kwargs)
        self._db_name = ""
        self._separator = "|"
        self.handlers: dict[str, Handler] = {}
        self.fire_init_data: dict[str, bool] = {}
        self.pubsub: PubSub | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def KEY_SEPARATOR(self) -> str:
        """What stands between a key's parts."""
        return self._separator

    @property
    def TABLE_NAME_SEPARATOR(self) -> str:
        """What stands between table and key; the same."""
        return self._separator

    @property
    def db_name(self) -> str:
        """The connected database, empty before that."""
        return self._db_name

    def connect(self, wait_for_init: bool = True, retry_on: bool = False) -> None:  # type: ignore[override]
        """Connect to CONFIG_DB; see ``db_connect``."""
        self.db_connect("CONFIG_DB", wait_for_init, retry_on)

    def db_connect(self, db_name: str, wait_for_init: bool = False, retry_on: bool = False) -> None:
        """Connect; ``wait_for_init`` also waits until INIT_INDICATOR exists and is not empty ("0" is enough)."""
        self._db_name = db_name
        self._separator = self.get_db_separator(db_name)
        SonicV2Connector.connect(self, db_name, retry_on)
        if wait_for_init:
            self._wait_for_init(self._client())

    def set_entry(self, table: str, key: Key, data: Mapping[str, Any] | None) -> None:
        """Write the row whole: other fields go (an event each). ``{}`` leaves an empty row, None deletes it."""
        self._set_raw(table, self.serialize_key(key), typed_to_raw(data))

    def mod_entry(self, table: str, key: Key, data: Mapping[str, Any] | None) -> None:
        """Write the fields, others stay; None deletes the row."""
        self._modify_raw(self._client(), self._row_key(table, self.serialize_key(key)), typed_to_raw(data))

    def get_entry(self, table: str, key: Key) -> Typed:
        """The row, ``{}`` if it is absent or empty."""
        return raw_to_typed(self._client().hgetall(self._row_key(table, self.serialize_key(key)))) or {}

    def get_keys(self, table: str, split: bool = True) -> list[Key]:
        """Keys of all rows; with ``split=False`` the table's name stays in front, and the whole is split to a tuple."""
        keys = self._client().keys(self._row_key(table, "*"))
        return [self.deserialize_key(self._row_of(key) if split else key) for key in keys]

    def get_table(self, table: str) -> TableData:
        """All rows by key, ``{}`` if there are none."""
        client = self._client()
        keys = [key for key in client.keys(self._row_key(table, "*")) if self._separator in key]
        rows = zip(keys, client.rows(keys), strict=True)
        return {self.deserialize_key(self._row_of(key)): raw_to_typed(row) or {} for key, row in rows}

    def delete_table(self, table: str) -> None:
        """Delete all rows."""
        client = self._client()
        client.pipelined([("DEL", key) for key in client.keys(self._row_key(table, "*"))])

    def mod_config(self, data: Mapping[str, Mapping[Key, Mapping[str, Any] | None] | None]) -> None:
        """``mod_entry`` for every row of every table; a table that is ``{}`` is left alone, None deletes it whole."""
        self._modify_config(self._raw_config(data))

    def get_config(self) -> dict[str, TableData]:
        """Every row of every table; keys without separator are left out."""
        return {
            table: {self.deserialize_key(row): raw_to_typed(entry) or {} for row, entry in rows.items()}
            for table, rows in self._read_config().items()
        }

    def subscribe(self, table: str, handler: Handler, fire_init_data: bool = False) -> None:
        """Have ``listen`` call ``handler(table, key, data)``; the table's name is taken as it is, not upper-cased."""
        self.handlers[table] = handler
        self.fire_init_data[table] = fire_init_data

    def unsubscribe(self, table: str) -> None:
        """Call the table's handler no more."""
        self.handlers.pop(table, None)

    def listen(self, init_data_handler: Callable[[dict[str, TableData]], Any] | None = None) -> None:
        """Tell the rows there are, then every change, for ever; ends with the first exception but ValueError.

        Rows there are go to the table's handler one by one (``fire_init_data``) or all together to
        ``init_data_handler({table: {key: data}})``, keys of several parts as tuples. In changes ``key`` is the raw
        text and ``data`` the row as read now, None for a ``del`` event. A row's first change is not told when it
        equals what was told before (keys of one part only). A handler's ValueError is swallowed.
        """
        client = self._client()
        self.pubsub = client.pubsub()
        self.pubsub.psubscribe(f"__keyspace@{self.get_dbid(self._db_name)}__:*")
        told = {
            table: self.get_table(table) for table in self.handlers if init_data_handler or self.fire_init_data[table]
        }
        together = {}
        for table, rows in told.items():
            if self.fire_init_data[table]:
                for key, data in rows.items():
                    self._fire(table, key, data)
            else:
                together[table] = rows
        if init_data_handler:
            init_data_handler(together)
        while True:
            event = self.pubsub.listen_message(interrupt_on_signal=True)
            if event.get("type") == "pmessage":
                try:
                    self._changed(client, told, event["channel"].partition(":")[2], event["data"])
                except ValueError:
                    continue

    def _changed(self, client: DBConnector, told: dict[str, TableData], entry: str, operation: str) -> None:
        table, row = entry.split(self._separator, 1)  # ValueError for keys of no table
        if table not in self.handlers:
            return
        data = None if operation == "del" else raw_to_typed(client.hgetall(entry))
        if row in told.get(table, {}) and told[table].pop(row) == data:
            return
        self._fire(table, row, data)

    def _fire(self, table: str, key: Key, data: Typed | None) -> None:
        if table in self.handlers:
            self.handlers[table](table, key, data)

    def _wait_for_init(self, client: DBConnector) -> None:
        if client.get(self.INIT_INDICATOR):
            return
        waiting = client.pubsub()
        waiting.psubscribe(f"__keyspace@{client.getDbId()}__:{self.INIT_INDICATOR}")
        # The real library does not look again here and can miss a flag set in between.
        while not client.get(self.INIT_INDICATOR):
            waiting.listen_message()
        waiting.punsubscribe("")

    def _client(self) -> DBConnector:
        return self.get_redis_client(self._db_name)

    def _row_key(self, table: str, key: str) -> str:
        return f"{upper(table)}{self._separator}{key}"

    def _row_of(self, key: str) -> str:
        return key.partition(self._separator)[2]

    def _raw_config(
        self, data: Mapping[str, Mapping[Key, Mapping[str, Any] | None] | None]
    ) -> dict[str, dict[str, Raw]]:
        """``{}`` as a table stands for its deletion from here on."""
        return {
            table: {} if rows is None else {self.serialize_key(key): typed_to_raw(row) for key, row in rows.items()}
            for table, rows in data.items()
            if rows != {}
        }

    def _set_raw(self, table: str, key: str, raw: Raw) -> None:
        client, row_key = self._client(), self._row_key(table, key)
        stale = [field for field in client.hgetall(row_key) if field not in raw] if raw else []
        self._modify_raw(client, row_key, raw)
        for field in stale:
            client.hdel(row_key, field)

    def _modify_raw(self, client: DBConnector, row_key: str, raw: Raw) -> None:
        client.pipelined([change(row_key, raw)])

    def _modify_config(self, config: dict[str, dict[str, Raw]]) -> None:
        for table, rows in config.items():
            if not rows:
                self.delete_table(table)
            for key, raw in rows.items():
                self._modify_raw(self._client(), self._row_key(table, key), raw)

    def _read_config(self) -> dict[str, dict[str, Raw]]:
        return self._client().getall()


def change(row_key: str, raw: Raw) -> tuple[str, ...]:
    """The command that writes the fields, or deletes the row when there are none."""
    if not raw:
        return ("DEL", row_key)
    return ("HSET", row_key, *(part for pair in raw.items() for part in pair))
