"""DBInterface: several databases by name, with the waiting and retrying that SonicV2Connector is built on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from sonic_telegen.swsscommon.connector import DBConnector
from sonic_telegen.swsscommon.failure import ConnectionLost, UnavailableData
from sonic_telegen.swsscommon.link import Address
from sonic_telegen.swsscommon.pubsub import PubSub

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class DBInterface:
    """Clients by database name; IndexError for one that is not connected.

    ``delete``, ``get``, ``get_all``, ``keys`` and ``set`` retry when the connection broke: after
    CONNECT_RETRY_WAIT_TIME they connect anew, RuntimeError if that is refused. ``blocking`` reads wait up to
    PUB_SUB_MAXIMUM_DATA_WAIT for data to appear. Both are the real library's doing. Times in seconds.
    """

    CONNECT_RETRY_WAIT_TIME = 10
    DATA_RETRIEVAL_WAIT_TIME = 3
    PUB_SUB_NOTIFICATION_TIMEOUT = 10
    PUB_SUB_MAXIMUM_DATA_WAIT = 60.0

    def __init__(self) -> None:
        self._clients: dict[str, DBConnector] = {}
        self._waiters: dict[str, PubSub] = {}
        self._address: Address = ("127.0.0.1", 6379)

    def set_redis_kwargs(self, unix_socket_path: str, host: str, port: int) -> None:
        """Where the next ``connect`` goes: the socket, or host and port if that is empty."""
        self._address = unix_socket_path or (host, port)

    def connect(self, dbId: int, dbName: str, retry: bool = True) -> None:
        """Connect unless connected and turn on keyspace events.

        RuntimeError if refused. ``retry``: when a fresh connection breaks, try again for ever (a refused one is not
        tried again, in the real library neither).
        """
        if not dbName:
            raise ValueError("dbName")
        while dbName not in self._clients:
            try:
                client = self._open(dbId)
                client.config_set("notify-keyspace-events", "KEA")
                self._clients[dbName] = client
            except ConnectionLost:
                if not retry:
                    raise
                _log.warning("Connecting to DB '%s(%d)' failed, will retry", dbName, dbId)
                _wait(self.CONNECT_RETRY_WAIT_TIME)

    def close(self, dbName: str | None = None) -> None:
        """Drop one client, or all."""
        names = list(self._clients) if dbName is None else [dbName]
        for name in names:
            if client := self._clients.pop(name, None):
                client.close()

    def get_redis_client(self, dbName: str) -> DBConnector:
        """The client of that database."""
        if dbName not in self._clients:
            raise IndexError(f"{dbName} is not connected")
        return self._clients[dbName]

    def delete(self, dbName: str, key: str, blocking: bool = False) -> int:
        """DEL; returns how many there were."""
        return self._persist(dbName, lambda client: client.delete(key) or 0, blocking, 0)

    def delete_all_by_pattern(self, dbName: str, pattern: str) -> None:
        """Remove all keys that match the glob."""
        client = self.get_redis_client(dbName)
        client.pipelined([("DEL", key) for key in client.keys(pattern)])

    def exists(self, dbName: str, key: str) -> bool:
        """Whether the key is there."""
        return self.get_redis_client(dbName).exists(key)

    def hexists(self, dbName: str, hash: str, key: str) -> bool:
        """Whether the row has the field."""
        return self.get_redis_client(dbName).hexists(hash, key)

    def get(self, dbName: str, hash: str, key: str, blocking: bool = False) -> str | None:
        """One field; None if absent or the text ``None``."""

        def read(client: DBConnector) -> str | None:
            value = client.hget(hash, key)
            if value is None:
                raise UnavailableData(f"Key '{hash}' field '{key}' unavailable in database '{dbName}'", hash)
            return None if value == "None" else value

        return self._persist(dbName, read, blocking, None)

    def get_all(self, dbName: str, hash: str, blocking: bool = False) -> dict[str, str]:
        """A row, ``{}`` if absent; the text ``None`` as an empty string."""

        def read(client: DBConnector) -> dict[str, str]:
            row = client.hgetall(hash)
            if not row:
                raise UnavailableData(f"Key '{hash}' unavailable in database '{dbName}'", hash)
            return {field: "" if value == "None" else value for field, value in row.items()}

        return self._persist(dbName, read, blocking, {})

    def keys(self, dbName: str, pattern: str = "*", blocking: bool = False) -> tuple[str, ...]:
        """All keys that match the glob."""

        def read(client: DBConnector) -> tuple[str, ...]:
            keys = client.keys(pattern)
            if not keys:
                raise UnavailableData(f"DB '{dbName}' is empty with pattern '{pattern}'!", "hset")
            return keys

        return self._persist(dbName, read, blocking, ())

    def scan(self, dbName: str, cursor: int = 0, match: str = "", count: int = 10) -> tuple[int, tuple[str, ...]]:
        """SCAN; see DBConnector."""
        return self.get_redis_client(dbName).scan(cursor, match, count)

    def publish(self, dbName: str, channel: str, message: str) -> int:
        """PUBLISH; returns how many heard it."""
        return self.get_redis_client(dbName).publish(channel, message)

    def hmset(self, dbName: str, hash: str, values: Mapping[str, str]) -> None:
        """Write several fields, others stay."""
        self.get_redis_client(dbName).pipelined([("HSET", hash, *(part for pair in values.items() for part in pair))])

    def set(self, dbName: str, hash: str, key: str, value: str, blocking: bool = False) -> int:
        """Write one field; returns 1."""

        def write(client: DBConnector) -> int:
            client.hset(hash, key, value)
            return 1

        return self._persist(dbName, write, blocking, 0)

    def _open(self, number: int) -> DBConnector:
        if isinstance(self._address, str):
            return DBConnector(number, self._address, 0)
        return DBConnector(number, *self._address, 0)

    def _persist(self, name: str, work: Callable[[DBConnector], _T], blocking: bool, nothing: _T) -> _T:
        try:
            while True:
                try:
                    return work(self.get_redis_client(name))
                except UnavailableData as error:
                    if not blocking:
                        return nothing
                    if name not in self._waiters:  # subscribe, then look once more: what came between is not missed
                        self._waiters[name] = self.get_redis_client(name).pubsub()
                        self._waiters[name].psubscribe("__key*__:*")
                    elif not self._appeared(self._waiters[name], error.awaited):
                        raise
                except ConnectionLost:
                    _log.warning("DB access failure by [%s], waiting before connecting anew", name)
                    number = self.get_redis_client(name).getDbId()
                    self.close(name)
                    _wait(self.CONNECT_RETRY_WAIT_TIME)
                    self.connect(number, name, retry=True)
        finally:
            self._waiters.pop(name, None)

    def _appeared(self, waiter: PubSub, awaited: str) -> bool:
        deadline = time.monotonic() + self.PUB_SUB_MAXIMUM_DATA_WAIT
        while time.monotonic() < deadline:
            if waiter.get_message(self.PUB_SUB_NOTIFICATION_TIMEOUT).get("data") == awaited:
                _wait(self.DATA_RETRIEVAL_WAIT_TIME)  # the library lets the row settle
                return True
        return False


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)
