"""A whole switch for system tests: Redis, ports, an OTLP receiver and the agent as a process of its own.

Every box has its own namespace, pin directory and state directory, and leaves none of them behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis

from sonic_telegen.demo.bpffs import mounted
from sonic_telegen.demo.namespace import in_namespace
from sonic_telegen.demo.receiver import Receiver
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.demo.switch import Switch
from tests.support.patience import allowed

REPOSITORY = Path(__file__).parents[2]
CONFIG_DB, STATE_DB = 4, 6


def wait_for(condition: Callable[[], object], timeout: float = 10.0, what: str | Callable[[], str] = "") -> None:
    """Return as soon as ``condition`` holds; AssertionError with ``what`` after ``timeout`` seconds."""
    timeout = allowed(timeout)
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what() if callable(what) else what}"
        time.sleep(0.01)


class Box:
    """Alive inside ``with Box() as box:``; the agent runs after ``box.start()``."""

    def __init__(self, ports: Sequence[str] = ("Ethernet0", "Ethernet4"), receiver: bool = True, **env: str) -> None:
        self._ports, self._env, self._wanted = ports, env, receiver
        self._stack = contextlib.ExitStack()
        self.agent: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.directory = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix=f"telegen-box-{os.getpid()}-"))
            )
            self.redis = stack.enter_context(RedisServer())
            self.switch = stack.enter_context(Switch(self._ports))
            if self._wanted:
                self.receiver = Receiver()
                in_namespace(self.switch.namespace, self.receiver.__enter__)
                stack.callback(self.receiver.__exit__)
            stack.enter_context(mounted(self.directory / "bpf"))
            stack.callback(self.kill)
            self._stack = stack.pop_all()
        self.config = redis.Redis(unix_socket_path=str(self.redis.socket), db=CONFIG_DB, decode_responses=True)
        self.state = redis.Redis(unix_socket_path=str(self.redis.socket), db=STATE_DB, decode_responses=True)
        self.config.set("CONFIG_DB_INITIALIZED", "1")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(self.log()[-4000:], file=sys.stderr)
        self.config.close()
        self.state.close()
        self._stack.close()

    @property
    def pins(self) -> Path:
        """The agent's pin directory, on a BPF file system of the box's own."""
        return self.directory / "bpf" / "telegen-sonic"

    @property
    def environment(self) -> dict[str, str]:
        """The agent's variables."""
        own = {
            "TELEGEN_DB_CONFIG": str(self.redis.config),
            "TELEGEN_PIN_DIR": str(self.pins),
            "TELEGEN_STATE_DIR": str(self.directory / "state"),
            "TELEGEN_MIRROR_MODE": "direct",
            "TELEGEN_LOG_LEVEL": "debug",
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        }
        if self._wanted:
            own["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"127.0.0.1:{self.receiver.grpc_port}"
        return own | self._env

    def start(self, wait: bool = True, without: Sequence[str] = (), **env: str) -> None:
        """Start the agent, ``without`` capabilities; with ``wait`` until it has told its own pid in STATE_DB."""
        (self.directory / "state").mkdir(exist_ok=True)
        with (self.directory / "log").open("ab") as log:
            self.agent = subprocess.Popen(
                self.command("run", without=without),
                env={**os.environ, **self.environment, **env},
                stdout=log,
                stderr=log,
                cwd=REPOSITORY,
            )
        if wait:
            wait_for(lambda: self.about("pid") == str(self.pid), 20, "the agent's first pass")

    def command(self, *arguments: str, without: Sequence[str] = ()) -> list[str]:
        """The agent's command line, inside the switch's namespace (only the network's: bpffs stays visible)."""
        caps = ",".join(f"-{name}" for name in without)
        return [
            "nsenter",
            f"--net=/run/netns/{self.switch.namespace}",
            *(["setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}"] if without else []),
            sys.executable,
            "-m",
            "sonic_telegen",
            *arguments,
        ]

    @property
    def pid(self) -> int:
        """Of the agent (nsenter execs it)."""
        assert self.agent is not None
        return self.agent.pid

    def kill(self, number: int = signal.SIGKILL) -> int:
        """Signal the agent and wait for its end; its exit status."""
        if self.agent is None:
            return 0
        if self.agent.poll() is None:
            self.agent.send_signal(number)
        status = self.agent.wait(allowed(20))
        self.agent = None
        return status

    def log(self) -> str:
        """What the agents wrote so far."""
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def job(self, job: str, **row: str) -> None:
        """Write a row of TELEGEN_JOB, whole."""
        with self.config.pipeline() as pipe:
            pipe.delete(f"TELEGEN_JOB|{job}")
            pipe.hset(f"TELEGEN_JOB|{job}", mapping=dict(row))
            pipe.execute()

    def delete(self, job: str) -> None:
        """Delete a row of TELEGEN_JOB."""
        self.config.delete(f"TELEGEN_JOB|{job}")

    def told(self, job: str) -> Mapping[str, str]:
        """The job's row in STATE_DB."""
        return self._hash(f"TELEGEN_JOB_TABLE|{job}")

    def result(self, job: str) -> Mapping[str, str]:
        """What was found for the job, in STATE_DB."""
        return self._hash(f"TELEGEN_RESULT_TABLE|{job}")

    def interface(self, port: str, direction: str = "ingress") -> Mapping[str, str]:
        """The hook's row in STATE_DB."""
        return self._hash(f"TELEGEN_INTERFACE_TABLE|{port}|{direction}")

    def about(self, field: str) -> str:
        """A field of the agent's own row."""
        return self._hash("TELEGEN_TABLE|GLOBAL").get(field, "")

    def settings(self, field: str) -> tuple[str, str]:
        """A setting in force and its origin."""
        row = self._hash("TELEGEN_TABLE|SETTINGS")
        return row.get(field, ""), row.get(f"{field}_origin", "")

    def _hash(self, key: str) -> dict[str, str]:
        found: Any = self.state.hgetall(key)
        return dict(found)

    def wait_status(self, job: str, status: str, timeout: float = 10.0) -> Mapping[str, str]:
        """Wait until the job is told ``status``; its row."""
        wait_for(
            lambda: self.told(job).get("status") == status,
            timeout,
            lambda: f"{job} {status}: {self.told(job)}\n{self.log()[-3000:]}",
        )
        return self.told(job)
