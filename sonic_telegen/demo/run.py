"""One demo, from nothing to nothing: build the switch, run the agent, send, compare, take it all down."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sonic_telegen.demo import leftovers
from sonic_telegen.demo.bpffs import mounted
from sonic_telegen.demo.daemon import Daemon
from sonic_telegen.demo.namespace import RUN
from sonic_telegen.demo.rates import Rates
from sonic_telegen.demo.receiver import Receiver
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.demo.screen import Screen, View
from sonic_telegen.demo.stop import Stop
from sonic_telegen.demo.switch import Switch
from sonic_telegen.demo.tables import JOB, Tables
from sonic_telegen.demo.tally import Count, Line, Series, compare, from_otlp, job_from_otlp, total
from sonic_telegen.demo.traffic import Traffic

_RUNNING_SEC = 30.0  # for the job to run; the agent itself promises one second
_SETTLE_SEC = 10.0  # ten exports
_ENDED_SEC = 5.0
_EXPORT_SEC = 1
_LOOK_SEC = 0.25
_POLL_SEC = 0.02


class DemoError(Exception):
    """The demo cannot go on; the message says why, to the one who started it."""


class Interrupted(Exception):
    """It was asked to end before there was any traffic."""


@dataclass(frozen=True, slots=True)
class Options:
    """``duration`` in seconds, None until asked to end; ``rate`` in frames a second on each port and direction."""

    ports: int = 2
    duration: float | None = None
    rate: float = 200.0
    http: bool = False  # OTLP over HTTP, else gRPC


@dataclass
class Summary:
    """How it went; ``lines`` empty when nothing was sent, ``problems`` whatever was not as it should be."""

    lines: list[Line] = field(default_factory=list)
    seconds: float = 0.0
    job: dict[str, str] = field(default_factory=dict)
    agent: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether something was sent and all of it was counted and received, and nothing else was wrong."""
        sent = total(line.sent for line in self.lines).packets
        return sent > 0 and all(line.equal for line in self.lines) and not self.problems

    def as_json(self) -> dict[str, Any]:
        """The whole as one object."""
        return {
            "equal": self.equal,
            "seconds": round(self.seconds, 3),
            "series": [line.as_json() for line in self.lines],
            "job": self.job,
            "agent": self.agent,
            "problems": self.problems,
        }


class Demo:
    """Everything of one run; ``run`` may be called once."""

    def __init__(self, options: Options, stop: Stop, screen: Screen) -> None:
        self._options, self._stop, self._screen = options, stop, screen
        self._name = f"{leftovers.PREFIX}{os.getpid()}"
        self._rates = Rates()
        self._requested = 0.0
        self.summary = Summary()

    def run(self) -> Summary:
        """Raises DemoError or Interrupted when there is nothing to compare; nothing of it is left in any case."""
        leftovers.sweep()
        try:
            with ExitStack() as stack:
                self._build(stack)
                self._send()
        finally:
            self.summary.problems += leftovers.of(self._name)
        return self.summary

    def _build(self, stack: ExitStack) -> None:
        temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{self._name}-"))
        bpffs = stack.enter_context(mounted(Path(temporary) / leftovers.BPFFS))
        ports = [f"Ethernet{4 * number}" for number in range(self._options.ports)]
        redis = stack.enter_context(RedisServer(Path(temporary) / "redis"))
        self._switch = stack.enter_context(Switch(ports, self._name))
        self._receiver = Receiver(
            None if self._options.http else 0, 0 if self._options.http else None, on_request=self._note_request
        )
        self._switch.enter(self._receiver.__enter__)  # its listening socket belongs to the switch
        stack.push(self._receiver)
        self._tables = Tables(redis.config)
        stack.callback(self._tables.close)
        listen = Path(temporary) / "rest.sock"
        self._screen.say(
            f"a switch with {', '.join(ports)} in namespace {self._name}; look inside:\n"
            f"  redis-cli -s {redis.socket} -n 6 hgetall 'TELEGEN_JOB_TABLE|{JOB}'\n"
            f"  nsenter --net={RUN / self._name} tc filter show dev {ports[0]} ingress\n"
            f"  curl --unix-socket {listen} http://localhost/jobs\n"
            f"  TELEGEN_DB_CONFIG={redis.config} {sys.executable} -m sonic_telegen.cli show watch"
        )
        self._tables.prepare(ports, _EXPORT_SEC)
        self._tables.ask()
        if self._options.http:
            self._endpoint = f"http://127.0.0.1:{self._receiver.http_port}"
        else:
            self._endpoint = f"127.0.0.1:{self._receiver.grpc_port}"
        environment = {
            "TELEGEN_DB_CONFIG": str(redis.config),
            "TELEGEN_LISTEN": f"unix:{listen},127.0.0.1:8080",  # the namespace hides its loopback
            "TELEGEN_MIRROR_MODE": "direct",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self._endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf" if self._options.http else "grpc",
        }
        self._daemon = Daemon(self._switch.namespace, Path(temporary), bpffs / "telegen-sonic", environment)
        stack.callback(lambda: self._problem(self._daemon.detach()))
        stack.callback(self._end_daemon)
        self._daemon.start()
        self._await_running()

    def _await_running(self) -> None:
        deadline = time.monotonic() + _RUNNING_SEC
        while (status := self._tables.job()).get("status") != "running":
            if self._stop.wait(_POLL_SEC):
                raise Interrupted
            self._check_daemon()
            if status.get("status") in ("failed", "rejected", "degraded"):
                raise DemoError(self._with_log(f"the job is {status['status']}: {status.get('message', '')}"))
            if time.monotonic() > deadline:
                raise DemoError(self._with_log(f"the job does not run after {_RUNNING_SEC:.0f} s: {status}"))

    def _send(self) -> None:
        if self._stop.asked:
            raise Interrupted
        traffic = self._traffic = Traffic(self._switch, self._options.rate)
        began = time.monotonic()
        traffic.start()
        try:
            with self._screen:
                while not self._over(began):
                    self._check_daemon()
                    if traffic.error is not None:
                        raise DemoError(f"the traffic ended: {traffic.error}")
                    self._screen.show(self._look(time.monotonic() - began))
        finally:
            traffic.stop()
        self.summary.seconds = time.monotonic() - began
        self._until(lambda: all(line.equal for line in self._all_lines()), _SETTLE_SEC, self._stop.asked + 1)
        self._check_daemon()
        self.summary.lines = self._all_lines()
        self.summary.job, self.summary.agent = self._tables.job(), self._tables.agent()
        self.summary.problems += self._receiver.received.violations
        self._tables.withdraw()
        if not self._until(lambda: self._tables.job().get("status") == "stopped", _ENDED_SEC, self._stop.asked + 1):
            self._problem(f"the job's row is gone and its status is {self._tables.job().get('status')!r}, not stopped")

    def _over(self, began: float) -> bool:
        duration = self._options.duration
        left = _LOOK_SEC if duration is None else min(_LOOK_SEC, began + duration - time.monotonic())
        return self._stop.wait(max(0.0, left)) or left <= 0

    def _until(self, condition: Callable[[], bool], seconds: float, requests: int) -> bool:
        """Whether the condition came true; given up when the agent is gone or the user asks once more."""
        deadline = time.monotonic() + seconds
        while not (true := condition()) and time.monotonic() < deadline and self._daemon.exit_code is None:
            if self._stop.wait(_POLL_SEC, requests):
                break
        return true

    def _look(self, seconds: float) -> View:
        lines = self._lines()
        age = time.monotonic() - self._requested if self._requested else None
        latest = self._receiver.latest()
        return View(
            seconds,
            lines,
            self._rates,
            self._tables.job(),
            self._tables.agent(),
            self._endpoint,
            len(latest),
            age,
        )

    def _lines(self) -> list[Line]:
        counted, written = self._tables.counted(self._switch.ports)
        self._rates.note({series: count.packets for series, count in counted.items()}, written)
        sent = self._traffic.sent()
        return compare(sent, counted, from_otlp(self._receiver.latest()))

    def _all_lines(self) -> list[Line]:
        """The series, and behind them the job's own totals, which another path leads to."""
        lines, job = self._lines(), self._tables.job()
        counted = Count(int(job.get("packets") or 0), int(job.get("bytes") or 0))
        received = job_from_otlp(self._receiver.latest(), JOB)
        return [*lines, Line(Series(f"job {JOB}", "both", "all"), total(x.sent for x in lines), counted, received)]

    def _end_daemon(self) -> None:
        dead = self._daemon.exit_code is not None  # told already: it ended the demo
        self._problem("" if dead else self._daemon.stop())

    def _check_daemon(self) -> None:
        if (code := self._daemon.exit_code) is not None:
            raise DemoError(self._with_log(f"the agent ended with exit status {code}"))

    def _with_log(self, text: str) -> str:
        return f"{text}\nthe agent's log ends:\n{self._daemon.tail()}"

    def _note_request(self, _: object) -> None:
        self._requested = time.monotonic()

    def _problem(self, text: str) -> None:
        if text:
            self.summary.problems.append(text)
