"""One connection to one Redis database, in bytes: the only place that imports redis-py.

A ``Link`` never reconnects by itself, as a hiredis context does not: after a failure its caller cannot know which
commands were carried out.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import redis.connection as redis_connection
import redis.exceptions as redis_exceptions

from sonic_telegen.swsscommon.failure import ConnectFailure, ConnectionLost, ReplyFailure

Address: TypeAlias = "str | tuple[str, int]"  # unix socket path, or host and port
Argument: TypeAlias = "str | bytes"
Reply: TypeAlias = "bytes | int | list[Reply] | ReplyFailure | None"

_PLAIN = {bytes, int, type(None)}
# Who we are is told to the server on connect: two round trips and half a millisecond of parsing package metadata.
_UNNAMED: dict[str, Any] = (
    {"driver_info": None}  # redis-py 7.1 on
    if "driver_info" in inspect.signature(redis_connection.AbstractConnection).parameters
    else {"lib_name": None, "lib_version": None}
)
_LOST = (redis_exceptions.ConnectionError, redis_exceptions.TimeoutError, redis_exceptions.InvalidResponse, OSError)


class Link:
    """A connected socket with ``db`` selected; times in seconds, None for no limit.

    ``reply_timeout`` bounds the wait for each reply (the real library bounds only the connect).
    """

    def __init__(
        self, address: Address, db: int, connect_timeout: float | None = None, reply_timeout: float | None = None
    ) -> None:
        options: dict[str, Any] = {
            "db": db,
            "protocol": 2,
            "socket_connect_timeout": connect_timeout,
            "socket_timeout": reply_timeout,
            **_UNNAMED,
        }
        if isinstance(address, str):
            options["path"] = address
            factory: Any = redis_connection.UnixDomainSocketConnection
        else:
            options["host"], options["port"] = address
            factory = redis_connection.Connection
        self.address, self.db, self.reply_timeout = address, db, reply_timeout
        self._lost = ""
        self._connection = factory(**options)
        # Without connect_timeout redis-py takes socket_timeout for the connect as well, which suits us.
        try:
            self._connection.connect()
        except (redis_exceptions.RedisError, OSError) as error:
            raise ConnectFailure(f"Unable to connect to redis at {_spell(address)}: {error}") from error

    def call(self, *command: Argument) -> Reply:
        """Send one command and return its reply; an error reply is raised as ReplyFailure."""
        (reply,) = self.calls([command])
        if isinstance(reply, ReplyFailure):
            raise ReplyFailure(f"{_printable(command)}: {reply}")
        return reply

    def calls(self, commands: Sequence[Sequence[Argument]]) -> list[Reply]:
        """Send the commands in one go and return their replies in order, error replies as ReplyFailure objects.

        The caller keeps the list short (some hundred commands): all of it is in memory on both sides.
        """
        packed = b"".join(_pack(command) for command in commands)
        self._check()
        try:
            self._connection.send_packed_command([packed])
            return [self._reply() for _ in commands]
        except _LOST as error:
            raise self._broke(error) from error
        except BaseException:  # a signal handler's exception in mid-reply: the next reply would answer this command
            self._broke(None)
            raise

    def arrived(self) -> list[Reply]:
        """Every pushed message that is there now, without waiting; ConnectionLost when the server is gone."""
        self._check()
        messages: list[Reply] = []
        try:
            while self._connection.can_read(timeout=0):
                messages.append(self._reply())
        except _LOST as error:
            if messages:  # handed over first; the next call meets the end of the stream again
                return messages
            raise self._broke(error) from error
        return messages

    def fileno(self) -> int:
        """The socket's file descriptor; ConnectionLost once it is closed."""
        self._check()
        return int(self._connection._sock.fileno())

    def close(self) -> None:
        """Close the socket; idempotent."""
        self._lost = self._lost or "closed"
        self._connection.disconnect()

    def _reply(self) -> Reply:
        try:
            return _converted(self._connection.read_response())
        except redis_exceptions.ResponseError as error:
            return ReplyFailure(str(error))

    def _check(self) -> None:
        if self._lost:
            raise ConnectionLost(f"connection to redis at {_spell(self.address)} is gone: {self._lost}")

    def _broke(self, error: BaseException | None) -> ConnectionLost:
        self._lost = str(error) if error is not None else "interrupted in mid-reply"
        self._connection.disconnect()
        return ConnectionLost(f"connection to redis at {_spell(self.address)} broke: {self._lost}")


def encode(value: Argument) -> bytes:
    """UTF-8 of ``value``, surrogate escapes back to the bytes they stand for; TypeError for anything but text."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise TypeError(f"{value!r} holds a surrogate that stands for no byte") from error
    raise TypeError(f"text expected, not {type(value).__name__}")


def decode(value: Reply) -> str:
    """Text of a bulk reply; bytes that are no UTF-8 become surrogate escapes, so nothing is lost."""
    if not isinstance(value, bytes):
        raise ReplyFailure(f"text expected from redis, got {value!r}")
    return value.decode("utf-8", "surrogateescape")


def seconds(timeout_ms: int) -> float | None:
    """The library's timeouts (milliseconds, 0 for none) as Python's (seconds, None for none)."""
    return timeout_ms / 1000 if timeout_ms > 0 and math.isfinite(timeout_ms) else None


def chunks(items: Iterable[Any], size: int) -> Iterable[list[Any]]:
    """The items in lists of at most ``size``."""
    chunk: list[Any] = []
    for item in items:
        chunk.append(item)
        if len(chunk) >= size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _pack(command: Sequence[Argument]) -> bytes:
    parts = [b"*%d\r\n" % len(command)]
    for argument in command:
        value = encode(argument)
        parts.append(b"$%d\r\n%b\r\n" % (len(value), value))
    return b"".join(parts)


def _converted(reply: Any) -> Reply:
    """redis-py nests its exceptions in EXEC's reply: make them ours."""
    if isinstance(reply, list):
        return reply if set(map(type, reply)) <= _PLAIN else [_converted(item) for item in reply]
    if isinstance(reply, Exception):
        return ReplyFailure(str(reply))
    result: bytes | int | None = reply
    return result


def _spell(address: Address) -> str:
    return address if isinstance(address, str) else f"{address[0]}:{address[1]}"


def _printable(command: Sequence[Argument]) -> str:
    return " ".join(encode(argument).decode("utf-8", "backslashreplace") for argument in command[:4])
