"""DBConnector: one connection to one database and the plain commands on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

from sonic_telegen.swsscommon.config import SonicDBConfig, SonicDBKey
from sonic_telegen.swsscommon.failure import ReplyFailure
from sonic_telegen.swsscommon.link import Address, Argument, Link, Reply, chunks, decode, seconds

if TYPE_CHECKING:
    from sonic_telegen.swsscommon.pubsub import PubSub

PIPELINED = 256  # commands sent in one go


class DBConnector:
    """A connected database; RuntimeError when Redis cannot be reached, IndexError for a name that is not configured.

    ``timeout_ms`` 0 means no limit; else it bounds the connect and, which the real library does not, every reply. Not
    for more than one thread. Text is str; bytes that are no UTF-8 appear as surrogate escapes and are written back as
    the same bytes.
    """

    DEFAULT_UNIXSOCKET = "/var/run/redis/redis.sock"

    @overload
    def __init__(
        self, dbName: str, timeout_ms: int, isTcpConn: bool = ..., netns: str | SonicDBKey = ..., /
    ) -> None: ...
    @overload
    def __init__(self, dbId: int, unixPath: str, timeout_ms: int, /) -> None: ...
    @overload
    def __init__(self, dbId: int, hostname: str, port: int, timeout_ms: int, /) -> None: ...
    @overload
    def __init__(self, other: DBConnector, /) -> None: ...

    def __init__(self, *args: Any) -> None:
        self._name, self._key = "", SonicDBKey()
        match args:
            case (str(name), int(timeout), *rest) if len(rest) <= 2:
                self._by_name(name, timeout, *rest)
            case (int(number), str(path), int(timeout)):
                self._open(number, path, timeout, seconds(timeout))
            case (int(number), str(host), int(port), int(timeout)):
                self._open(number, (host, port), timeout, seconds(timeout))
            case (DBConnector() as other,):
                self._copy(other, other._timeout_ms)
            case _:
                raise TypeError("Wrong number or type of arguments for DBConnector")

    def _by_name(self, name: str, timeout: int, tcp: bool = False, netns: str | SonicDBKey = "") -> None:
        self._name = name
        self._key = netns if isinstance(netns, SonicDBKey) else SonicDBKey(netns)
        number = SonicDBConfig.getDbId(name, self._key)
        address: Address = SonicDBConfig.getDbSock(name, self._key)
        if tcp:
            address = (SonicDBConfig.getDbHostname(name, self._key), SonicDBConfig.getDbPort(name, self._key))
        self._open(number, address, timeout, seconds(timeout))

    def _copy(self, other: DBConnector, timeout_ms: int) -> None:
        self._name, self._key = other._name, other._key
        self._open(other._link.db, other._link.address, timeout_ms, other._link.reply_timeout)

    def _open(self, number: int, address: Address, timeout_ms: int, reply_timeout: float | None) -> None:
        self._timeout_ms = timeout_ms
        self._link = Link(address, number, seconds(timeout_ms), reply_timeout)

    def newConnector(self, timeout: int) -> DBConnector:
        """Another connection to the same database; ``timeout`` (ms) bounds its connect, replies as here."""
        connector = DBConnector.__new__(DBConnector)
        connector._copy(self, timeout)
        return connector

    def getDbId(self) -> int:
        """The database's number."""
        return self._link.db

    def getDbName(self) -> str:
        """The name it was opened by, empty if by number."""
        return self._name

    def getNamespace(self) -> str:
        """The network namespace it was opened in, empty for the host's."""
        return self._key.netns

    @property
    def namespace(self) -> str:
        """Same as ``getNamespace``."""
        return self._key.netns

    def getDBKey(self) -> SonicDBKey:
        """The place it was opened in."""
        return self._key

    def fileno(self) -> int:
        """The socket's file descriptor (ours)."""
        return self._link.fileno()

    def close(self) -> None:
        """Close the connection now (ours; the real library does so when the object goes)."""
        self._link.close()

    def pubsub(self) -> PubSub:
        """A subscriber with a connection of its own."""
        from sonic_telegen.swsscommon.pubsub import PubSub

        return PubSub(self)

    def delete(self, key: str | Sequence[str]) -> int | None:
        """DEL one key and return how many there were; or, given a sequence, all of them (returns None)."""
        if isinstance(key, str):
            return self._integer("DEL", key)
        for chunk in chunks(key, 128):
            self._integer("DEL", *chunk)
        return None

    def _del(self, key: str | Sequence[str]) -> int | None:
        return self.delete(key)

    def exists(self, key: str) -> bool:
        """Whether the key is there; RuntimeError if it holds a space or tab (the library's rule)."""
        if " " in key or "\t" in key:
            raise RuntimeError(f"EXISTS failed, invalid space or tab in single key: {key!r}")
        return self._integer("EXISTS", key) > 0

    def keys(self, key: str) -> tuple[str, ...]:
        """KEYS: all keys that match the glob; blocks the server while it looks, see ``scan``."""
        return tuple(map(decode, self._array("KEYS", key)))

    def scan(self, cursor: int = 0, match: str = "", count: int = 10) -> tuple[int, tuple[str, ...]]:
        """SCAN: the next cursor (0 when done) and some keys, maybe some twice."""
        following, keys = self._array("SCAN", str(cursor), "MATCH", match, "COUNT", str(count))
        return int(decode(following)), tuple(map(decode, keys if isinstance(keys, list) else []))

    def get(self, key: str) -> str | None:
        """A plain string key, None if absent."""
        return _text_or_none(self._link.call("GET", key))

    def set(self, key: str, value: str | int) -> bool:
        """SET a plain string key."""
        return self._link.call("SET", key, str(value) if isinstance(value, int) else value) == b"OK"

    def hget(self, key: str, field: str) -> str | None:
        """One field, None if absent."""
        return _text_or_none(self._link.call("HGET", key, field))

    def hset(self, key: str, field: str, value: str) -> None:
        """Write one field."""
        self._integer("HSET", key, field, value)

    def hdel(self, key: str, field: str | Sequence[str]) -> int:
        """Remove a field or several in one command; returns how many there were."""
        return self._integer("HDEL", key, *([field] if isinstance(field, str) else field))

    def hexists(self, key: str, field: str) -> bool:
        """Whether the row has the field."""
        return self._integer("HEXISTS", key, field) > 0

    def hgetall(self, key: str) -> dict[str, str]:
        """The whole row, ``{}`` if absent."""
        return fields(self._array("HGETALL", key))

    def incr(self, key: str) -> int:
        """INCR; returns the new value."""
        return self._integer("INCR", key)

    def decr(self, key: str) -> int:
        """DECR; returns the new value."""
        return self._integer("DECR", key)

    def rpush(self, list: str, item: str) -> int:
        """Append to a list; returns its length."""
        return self._integer("RPUSH", list, item)

    def publish(self, channel: str, message: str) -> int:
        """PUBLISH; returns how many heard it."""
        return self._integer("PUBLISH", channel, message)

    def psubscribe(self, pattern: str) -> None:
        """Turn the connection into a subscriber: only pushed messages come from now on."""
        self._array("PSUBSCRIBE", pattern)

    def config_set(self, key: str, value: str) -> None:
        """CONFIG SET."""
        self._link.call("CONFIG", "SET", key, value)

    def flushdb(self) -> bool:
        """Remove all keys of this database."""
        return self._link.call("FLUSHDB") == b"OK"

    def setClientName(self, clientName: str) -> None:
        """Name the connection for ``CLIENT LIST``."""
        self._link.call("CLIENT", "SETNAME", clientName)

    def getClientName(self) -> str:
        """The connection's name, empty if it has none."""
        return _text_or_none(self._link.call("CLIENT", "GETNAME")) or ""

    def getall(self) -> dict[str, dict[str, dict[str, str]]]:
        """Every row of every table: table -> key -> fields; keys without separator are left out."""
        separator = SonicDBConfig.getSeparator(self)
        keys = [key for key in self.keys("*") if separator in key]
        tables: dict[str, dict[str, dict[str, str]]] = {}
        for key, row in zip(keys, self.rows(keys), strict=True):
            table, _, rest = key.partition(separator)
            if row:
                tables.setdefault(table, {})[rest] = row
        return tables

    def rows(self, keys: Iterable[str]) -> list[dict[str, str]]:
        """HGETALL of many keys in few round trips (ours), ``{}`` where absent."""
        return [fields(array(reply)) for reply in self.pipelined([("HGETALL", key) for key in keys])]

    def pipelined(self, commands: Sequence[Sequence[Argument]]) -> list[Reply]:
        """Carry out many commands, 256 in one go (ours); the first error reply is raised after the last reply came."""
        replies = [reply for chunk in chunks(commands, PIPELINED) for reply in self._link.calls(chunk)]
        for command, reply in zip(commands, replies, strict=True):
            if isinstance(reply, ReplyFailure):
                raise ReplyFailure(f"{command[0]!s} {command[1]!s}: {reply}" if len(command) > 1 else str(reply))
        return replies

    def _integer(self, *command: Argument) -> int:
        reply = self._link.call(*command)
        if not isinstance(reply, int):
            raise ReplyFailure(f"{command[0]!s}: expected an integer, got {reply!r}")
        return reply

    def _array(self, *command: Argument) -> list[Reply]:
        return array(self._link.call(*command))


def array(reply: Reply) -> list[Reply]:
    """The reply if it is an array, ReplyFailure if not."""
    if not isinstance(reply, list):
        raise ReplyFailure(f"expected an array, got {reply!r}")
    return reply


def fields(reply: list[Reply]) -> dict[str, str]:
    """HGETALL's flat reply as a dict, in the server's order."""
    try:  # some 100,000 values when everything is read: no call of ours for each
        texts = [item.decode("utf-8", "surrogateescape") for item in reply]  # type: ignore[union-attr]
    except AttributeError as error:
        raise ReplyFailure(f"expected an array of texts, got {reply!r}") from error
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _text_or_none(reply: Reply) -> str | None:
    return None if reply is None else decode(reply)
