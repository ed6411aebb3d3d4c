"""SonicV2Connector: all databases by name through one object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sonic_telegen.swsscommon.config import SonicDBConfig
from sonic_telegen.swsscommon.connector import DBConnector
from sonic_telegen.swsscommon.interface import DBInterface


class SonicV2Connector:
    """Row access by (database name, whole key); every database's name is also an attribute (``db.STATE_DB``).

    TCP unless ``use_unix_socket_path``. Errors: IndexError for a database that is unknown or not connected,
    RuntimeError from Redis, ValueError for ``decode_responses=False``. On lost connections see DBInterface.
    """

    APPL_DB: str
    CONFIG_DB: str
    COUNTERS_DB: str
    STATE_DB: str

    def __init__(self, use_unix_socket_path: bool = False, namespace: str | None = "", **kwargs: Any) -> None:
        kwargs.pop("host", None)
        if kwargs.pop("decode_responses", True) is not True:
            raise ValueError("decode_responses must be True if specified, False is not supported")
        self._unix = use_unix_socket_path
        self._namespace = namespace or ""
        self._databases = DBInterface()
        for name in self.get_db_list():
            setattr(self, name, name)

    @property
    def namespace(self) -> str:
        """The network namespace, empty for the host's."""
        return self._namespace

    def getNamespace(self) -> str:
        """Same as ``namespace``."""
        return self._namespace

    def connect(self, db_name: str, retry_on: bool = True) -> None:
        """Connect that database; ``retry_on`` as DBInterface.connect's ``retry``."""
        if self._unix:
            self._databases.set_redis_kwargs(SonicDBConfig.getDbSock(db_name, self._namespace), "", 0)
        else:
            host = SonicDBConfig.getDbHostname(db_name, self._namespace)
            self._databases.set_redis_kwargs("", host, SonicDBConfig.getDbPort(db_name, self._namespace))
        self._databases.connect(self.get_dbid(db_name), db_name, retry_on)

    def close(self, db_name: str | None = None) -> None:
        """Close that database's connection, or all."""
        self._databases.close(db_name)

    def get_db_list(self) -> tuple[str, ...]:
        """Names of all databases."""
        return SonicDBConfig.getDbList(self._namespace)

    def get_dbid(self, db_name: str) -> int:
        """The database's number."""
        return SonicDBConfig.getDbId(db_name, self._namespace)

    def get_db_separator(self, db_name: str) -> str:
        """What stands between table and key."""
        return SonicDBConfig.getSeparator(db_name, self._namespace)

    def get_redis_client(self, db_name: str) -> DBConnector:
        """The connector below, opened by number: its ``getDbName`` is empty."""
        return self._databases.get_redis_client(db_name)

    def publish(self, db_name: str, channel: str, message: str) -> int:
        """PUBLISH; returns how many heard it."""
        return self._databases.publish(db_name, channel, message)

    def exists(self, db_name: str, key: str) -> bool:
        """Whether the key is there; RuntimeError if it holds a space or tab."""
        return self._databases.exists(db_name, key)

    def keys(self, db_name: str, pattern: str = "*", blocking: bool = False) -> list[str]:
        """All keys that match the glob."""
        return list(self._databases.keys(db_name, pattern, blocking))

    def scan(self, db_name: str, cursor: int = 0, match: str = "", count: int = 10) -> tuple[int, tuple[str, ...]]:
        """SCAN: the next cursor (0 when done) and some keys, maybe some twice."""
        return self._databases.scan(db_name, cursor, match, count)

    def get(self, db_name: str, _hash: str, key: str, blocking: bool = False) -> str | None:
        """One field; None if absent or the text ``None``."""
        return self._databases.get(db_name, _hash, key, blocking)

    def hexists(self, db_name: str, _hash: str, key: str) -> bool:
        """Whether the row has the field."""
        return self._databases.hexists(db_name, _hash, key)

    def get_all(self, db_name: str, _hash: str, blocking: bool = False) -> dict[str, str]:
        """A row, ``{}`` if absent; the text ``None`` as an empty string."""
        return self._databases.get_all(db_name, _hash, blocking)

    def set(self, db_name: str, _hash: str, key: str, value: object, blocking: bool = False) -> int:
        """Write one field, ``str()`` of what is no str; returns 1."""
        return self._databases.set(db_name, _hash, key, value if isinstance(value, str) else str(value), blocking)

    def hmset(self, db_name: str, key: str, values: Mapping[str, str]) -> None:
        """Write several fields, others stay; RuntimeError for none."""
        self._databases.hmset(db_name, key, values)

    def delete(self, db_name: str, key: str, blocking: bool = False) -> int:
        """DEL; returns how many there were."""
        return self._databases.delete(db_name, key, blocking)

    def delete_all_by_pattern(self, db_name: str, pattern: str) -> None:
        """Remove all keys that match the glob."""
        self._databases.delete_all_by_pattern(db_name, pattern)
