"""CPU and memory of one export of 36 and of 512 netdevs x 2 directions, beside the SDK's own dataclasses and encoder.

One job on every port: 1,152 points, and 8,192 of ``bpf.*`` with 8,192 of ``telegen.job.*``. The free heap is given back
after each of ours, as in the agent.
Each way runs in a process of its own against a receiver in another one, so that CPU time is the sender's alone.
``python -m tests.bench.bench_export [--json] [--netdevs N] [--rounds N]``
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sonic_telegen import heap
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.collector import resident_bytes
from sonic_telegen.telemetry.endpoint import GRPC, HTTP, resolve
from sonic_telegen.telemetry.otlp import Exporter
from sonic_telegen.telemetry.request import MAX_POINTS, SCOPE
from sonic_telegen.telemetry.series import AgentStats, Metric, series
from tests.support.samples import START_NS, reading

# ms of CPU by netdevs; 80 are 0.8 % of a core at an export every 10 s.
TARGETS_MS = {36: 5.0, 512: 80.0}
RESOURCE = {"service.name": "telegen-sonic", "service.version": "0"}
WAYS = ("kept", "sdk")  # ours; the library's own


@dataclass
class Cost:
    """Medians in ms of CPU, wall in ms, RSS in MB before the first export and after the last."""

    points: int
    series_ms: float
    export_ms: float
    wall_ms: float
    first_ms: float
    rss_before_mb: float
    rss_mb: float

    @property
    def cpu_ms(self) -> float:
        return self.series_ms + self.export_ms


def measure(way: str, settings: OtlpSettings, netdevs: int, rounds: int) -> Cost:
    """Run ``rounds`` exports of readings that all differ, after one that is told apart (``first_ms``)."""
    names = [f"Ethernet{n * 4}" for n in range(netdevs)]
    send = kept(settings) if way == "kept" else sdk(settings)
    before = resident_bytes()
    build, export, wall = [], [], []
    points = 0
    for beat in range(rounds + 1):
        sample = reading(beat + 1, names)
        began, at = time.perf_counter(), time.process_time()
        metrics = series(sample, frozenset(["j1"]), AgentStats(START_NS))
        built = time.process_time()
        send(metrics)
        build.append((built - at) * 1000)
        export.append((time.process_time() - built) * 1000)
        wall.append((time.perf_counter() - began) * 1000)
        points = sum(len(m.points) for m in metrics)
    middle = statistics.median
    return Cost(
        points,
        middle(build[1:]),
        middle(export[1:]),
        middle(wall[1:]),
        build[0] + export[0],
        before / 1e6,
        resident_bytes() / 1e6,
    )


def kept(settings: OtlpSettings) -> Callable[[Sequence[Metric]], None]:
    """What the agent does."""
    exporter = Exporter(settings, RESOURCE)

    def send(metrics: Sequence[Metric]) -> None:
        exporter.export(metrics)
        heap.trim()

    heap.tune()
    return send


def sdk(settings: OtlpSettings) -> Callable[[Sequence[Metric]], None]:
    """The same points as the library's dataclasses through its public ``export``."""
    from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult

    from tests.support.sdk import metrics_data

    url = resolve(settings).url
    exporter: MetricExporter
    if settings.protocol == GRPC:
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as Grpc

        exporter = Grpc(endpoint=url, insecure=True, max_export_batch_size=MAX_POINTS)
    else:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as Http

        exporter = Http(endpoint=url, max_export_batch_size=MAX_POINTS)

    def send(metrics: Sequence[Metric]) -> None:
        done = exporter.export(metrics_data(metrics, RESOURCE, SCOPE, "0"))
        assert done is MetricExportResult.SUCCESS

    return send


def run(netdevs: int, rounds: int) -> dict[str, dict[str, Cost]]:
    """Costs by protocol, then by way; the ways of one protocol one after the other."""
    found: dict[str, dict[str, Cost]] = {}
    command = [sys.executable, "-m", "sonic_telegen.demo.receiver", "--grpc", "0", "--http", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as receiver:
        assert receiver.stdout
        ports = json.loads(receiver.stdout.readline())
        for protocol, port in ((GRPC, ports["grpc"]), (HTTP, ports["http"])):
            for way in WAYS:
                one = [way, protocol, str(port), "--netdevs", str(netdevs), "--rounds", str(rounds)]
                done = subprocess.run(
                    [sys.executable, "-m", "tests.bench.bench_export", "--one", *one],
                    capture_output=True,
                    text=True,
                    check=True,
                    cwd=Path(__file__).parents[2],
                )
                found.setdefault(protocol, {})[way] = Cost(**json.loads(done.stdout))
        receiver.terminate()
    return found


def show(netdevs: int, rounds: int, costs: dict[str, dict[str, Cost]]) -> None:
    """A table of the costs, the ratio and the target."""
    print(f"one export of {netdevs} netdevs x 2 directions, median of {rounds}")
    print(f"  {'':18}{'points':>8}{'series':>9}{'encode, send':>14}{'CPU ms':>8}{'wall':>8}{'first':>8}{'RSS MB':>12}")
    for protocol, ways in costs.items():
        for way, cost in ways.items():
            print(
                f"  {protocol:14}{way:4}{cost.points:8}{cost.series_ms:9.1f}{cost.export_ms:14.1f}{cost.cpu_ms:8.1f}"
                f"{cost.wall_ms:8.1f}{cost.first_ms:8.1f}{cost.rss_before_mb:6.0f}>{cost.rss_mb:4.0f}"
            )
        ratio = ways["sdk"].export_ms / ways["kept"].export_ms
        target = f"target {TARGETS_MS[netdevs]:.0f} ms of CPU" if netdevs in TARGETS_MS else ""
        print(f"  {protocol:14}encode and send, SDK/kept {ratio:.1f}; {target}")


def main() -> int:
    """Print the costs and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--netdevs", type=int, nargs="+", default=[36, 512])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--one", nargs=3, metavar=("WAY", "PROTOCOL", "PORT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        way, protocol, port = given.one
        settings = OtlpSettings(endpoint=f"localhost:{port}", protocol=protocol, timeout_sec=20.0)
        print(json.dumps(asdict(measure(way, settings, given.netdevs[0], given.rounds))))
        return 0
    found = {netdevs: run(netdevs, given.rounds) for netdevs in given.netdevs}
    if given.json:
        print(
            json.dumps(
                {
                    n: {p: {w: asdict(c) for w, c in ways.items()} for p, ways in costs.items()}
                    for n, costs in found.items()
                },
                indent=2,
            )
        )
        return 0
    for netdevs, costs in found.items():
        show(netdevs, given.rounds, costs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
