"""A second opinion on what is in Redis: a bare RESP client that shares no code with the wrapper under test."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.patience import allowed


class RawRedis:
    """``raw("HGETALL", key)`` on one database: bulk replies as bytes, arrays as lists, error replies raised."""

    def __init__(self, path: Path, db: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(30)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._stream = self._socket.makefile("rb")
        self("SELECT", db)

    def __call__(self, *command: str | bytes | int) -> Any:
        parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
        self._socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts))
        return self._reply()

    def row(self, key: str | bytes) -> dict[bytes, bytes]:
        """A hash as it is stored."""
        flat = self("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def together(self, *commands: tuple[str, ...]) -> Any:
        """The commands in one transaction: their events leave the server in one piece."""
        for command in (("MULTI",), *commands):
            self(*command)
        return self("EXEC")

    def subscribers(self) -> int:
        """How many connections wait on patterns."""
        return sum(" psub=0 " not in line for line in self("CLIENT", "LIST").decode().splitlines())

    def kill(self, name: str) -> None:
        """Cut the connection that bears this client name."""
        (line,) = [line for line in self("CLIENT", "LIST").decode().splitlines() if f" name={name} " in line]
        self("CLIENT", "KILL", "ID", line.split()[0].removeprefix("id="))

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reply(self) -> Any:
        line = self._stream.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise AssertionError(f"redis said {rest.decode()}")
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._stream.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]
        raise AssertionError(f"not RESP: {line!r}")


def wait_until(condition: Callable[[], object], what: str, timeout: float = 20.0) -> None:
    """Poll until the condition holds; AssertionError with ``what`` after ``timeout`` seconds."""
    timeout = allowed(timeout)
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout} s in vain: {what}"
        time.sleep(0.005)
