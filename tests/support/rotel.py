"""rotel, an OTLP collector in Rust that nobody here wrote: started on loopback, its detailed debug log read back."""

from __future__ import annotations

import importlib.util
import re
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.support.net import until


@dataclass
class Seen:
    """One data point as rotel printed it."""

    metric: str
    unit: str
    kind: str
    cumulative: bool
    monotonic: bool
    attributes: dict[str, str | int] = field(default_factory=dict)
    start_ns: int = 0
    time_ns: int = 0
    value: int | float = 0  # of a number
    count: int = 0  # of a histogram, as what follows
    sum: float = 0.0
    bounds: list[float] = field(default_factory=list)
    buckets: list[int] = field(default_factory=list)


class Rotel:
    """Alive inside ``with``; ``grpc_port`` and ``http_port`` are free ports of the loopback."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="rotel-")
        self._out = Path(self._folder.name) / "out"
        for _ in range(5):  # a free port may be taken by somebody else before rotel binds it
            self.grpc_port, self.http_port = free_port(), free_port()
            if self._start():
                return self
        raise RuntimeError(f"rotel does not start: {self._out.read_text()}")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def seen(self, points: int, timeout: float = 10.0) -> tuple[list[Seen], dict[str, str]]:
        """Every point printed so far, once there are ``points`` of them; and the resource attributes."""
        until(lambda: len(re.findall(r"^Timestamp: ", self._out.read_text(), re.MULTILINE)) >= points, timeout)
        length = -1
        while length != (length := len(self._out.read_bytes())):  # the last point's own lines may follow
            time.sleep(0.05)
        return _parse(self._out.read_text())

    def _start(self) -> bool:
        spec = importlib.util.find_spec("rotel")
        assert spec and spec.origin, "rotel is not installed"
        with self._out.open("w") as out:
            self._process = subprocess.Popen(
                [
                    *(str(Path(spec.origin).parent / "rotel-agent"), "start"),
                    *("--otlp-grpc-endpoint", f"127.0.0.1:{self.grpc_port}"),
                    *("--otlp-http-endpoint", f"127.0.0.1:{self.http_port}"),
                    *("--exporter", "blackhole", "--disable-batching"),
                    *("--debug-log", "metrics", "--debug-log-verbosity", "detailed"),
                ],
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        up = until(lambda: self._process.poll() is not None or (_open(self.grpc_port) and _open(self.http_port)))
        return up and self._process.poll() is None


def free_port() -> int:
    """A port of the loopback that nobody has, for now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _parse(text: str) -> tuple[list[Seen], dict[str, str]]:
    points: list[Seen] = []
    resource: dict[str, str] = {}
    head: dict[str, str] = {}
    point: Seen | None = None
    for line in text.splitlines():
        name, _, value = line.partition(": ")
        if re.match(r"(Number|Histogram)DataPoints #", line):
            cumulative = head["AggregationTemporality"].endswith("CUMULATIVE") if head["DataType"] != "Gauge" else False
            monotonic = head.get("IsMonotonic") == "true"
            point = Seen(head["Name"], head["Unit"], head["DataType"], cumulative, monotonic)
            points.append(point)
        elif re.match(r"Metric #|ResourceMetrics #", line):
            head, point = {}, None
        elif name.startswith("     -> "):
            _label(name[8:], value, head, resource, point)
        elif point:
            _number(name, value, point)
    return points, resource


def _label(name: str, value: str, head: dict[str, str], resource: dict[str, str], point: Seen | None) -> None:
    typed = re.fullmatch(r"(Str|Int)\((.*)\)", value)
    if typed and point:
        point.attributes[name] = int(typed[2]) if typed[1] == "Int" else typed[2]
    elif typed:
        resource[name] = typed[2]
    else:
        head[name] = value


def _number(name: str, value: str, point: Seen) -> None:
    if name == "StartTimestamp":
        point.start_ns = int(value)
    elif name == "Timestamp":
        point.time_ns = int(value)
    elif name == "Value":
        point.value = float(value) if "." in value else int(value)
    elif name == "Count":
        point.count = int(value)
    elif name == "Sum":
        point.sum = float(value)
    elif name.startswith("ExplicitBounds #"):
        point.bounds.append(float(value))
    elif name.startswith("Buckets #"):
        point.buckets.append(int(value))
