"""The REST facade alive in a thread of the test's own, without an agent, and a client that speaks plain HTTP to it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sonic_telegen.kernel import pcap
from sonic_telegen.model.captured import CaptureFile
from sonic_telegen.rest.facade import Facade
from sonic_telegen.rest.hooks import Hooks
from sonic_telegen.settings import Environment, Settings, resolve
from tests.support.box import wait_for
from tests.support.patience import allowed

ROOT = Path(__file__).parents[2]
ENV = {"TELEGEN_MIRROR_MODE": "direct"}


@dataclass(frozen=True)
class Answer:
    """``body`` is the JSON value, or the text when it is none."""

    status: int
    headers: Mapping[str, str]
    body: Any


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout: float = allowed(30)) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: object = None, **headers: str) -> Answer:
    """One request; a body that is no bytes is sent as JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    if raw is not None:
        named.setdefault("Content-Type", "application/json")
    with contextlib.closing(connection):
        connection.request(method, path, raw, named)
        reply = connection.getresponse()
        text = reply.read().decode()
        found: Any = json.loads(text) if reply.headers.get_content_type() == "application/json" and text else text
        return Answer(reply.status, dict(reply.headers), found)


@dataclass
class Served:
    """A facade inside ``with``; ``port`` is that of its loopback address, ``problems`` what the hooks answer."""

    db_config: Path
    folder: Path
    env: dict[str, str] = field(default_factory=lambda: dict(ENV))
    problems: dict[str, str] = field(default_factory=dict)
    listen: tuple[str, ...] = ("127.0.0.1:0",)
    more: dict[str, Any] = field(default_factory=dict)  # of the Environment
    capture: Callable[[str], CaptureFile | None] = lambda job: None

    @property
    def socket(self) -> Path:
        return self.folder / "rest.sock"

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(allowed(20))
        wanted = len(self.listen) + 1
        wait_for(lambda: len(self.facade.listen) + len(self.facade.errors) == wanted, what="the listeners")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(20)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        where = Environment(
            db_config=self.db_config, listen=(f"unix:{self.socket}", *self.listen), log_level="debug", **self.more
        )
        version = {"version": "dev", "commit": "abc", "date": "today"}
        hooks = Hooks(
            self._settings,
            version,
            lambda: self.problems.get("health", ""),
            lambda: self.problems.get("ready", ""),
            lambda: None,
            self._capture,
            pcap.check,
        )

        async def serve() -> None:
            self.facade = Facade(where, hooks)
            self._task = asyncio.ensure_future(self.facade.run())
            self._ready.set()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

        self._loop.run_until_complete(serve())

    def _settings(self, row: Mapping[str, str]) -> Settings:
        return resolve(row, self.env)

    def _capture(self, job: str) -> CaptureFile | None:
        return self.capture(job)

    def call(self, function: Callable[[], object]) -> None:
        """Call it on the facade's loop and wait for its end."""

        async def body() -> None:
            function()

        asyncio.run_coroutine_threadsafe(body(), self._loop).result(20)

    def published(self) -> None:
        """As the agent does after a report."""
        self.call(self.facade.published)

    def clients(self) -> int:
        """How many streams there are."""
        return len(self.facade._streams._clients)

    def connections(self) -> int:
        """How many connections there are."""
        made = self.facade._connections
        assert made is not None
        return len(made._server.connections)

    @property
    def port(self) -> int:
        (bound,) = [one for one in self.facade.listen if one.startswith("127.0.0.1:")]
        return int(bound.rpartition(":")[2])

    def tcp(self, timeout: float = allowed(30)) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def unix(self) -> UnixConnection:
        return UnixConnection(self.socket)

    def get(self, path: str, **headers: str) -> Answer:
        return ask(self.tcp(), "GET", path, **headers)

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        return ask(self.tcp(), "POST", path, body, **headers)

    @contextlib.contextmanager
    def stream(self, path: str) -> Iterator[Events]:
        """The events of a stream, read while inside ``with``."""
        connection = self.tcp()
        connection.request("GET", path)
        reply = connection.getresponse()
        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/event-stream")
        try:
            yield Events(reply)
        finally:
            reply.close()
            connection.close()


class Events:
    """Reads server-sent events one by one."""

    def __init__(self, reply: http.client.HTTPResponse) -> None:
        self._reply = reply

    def next(self) -> tuple[str, Any]:
        """Name (``message`` when it has none) and value of the next event; ``("", None)`` when there are no more."""
        name, data = "message", None
        while line := self._reply.readline().decode().rstrip("\n"):
            kind, _, value = line.partition(": ")
            if kind == "event":
                name = value
            elif kind == "data":
                data = json.loads(value)
        return (name, data) if data is not None else ("", None)


def schemathesis(url: str, folder: Path, *options: str, prefix: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run it with every check, good data and bad."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", url, "--checks", "all", "--mode", "all"]
    return subprocess.run(
        [*prefix, *command, "--no-color", "--warnings", "off", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks"},
        capture_output=True,
        text=True,
        timeout=allowed(110),
        check=False,
    )
